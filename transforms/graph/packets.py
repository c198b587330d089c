"""Rows in whole packets: what makes a row's bits the same whatever batch it is in."""

# TensorFlow's CPU kernels compute whole packets with vector code and the rest of a batch with scalar code, whose
# last bits differ. A batch padded to a multiple of 16 rows has no rest, so a row's bits do not depend on its batch.
_ROWS_MULTIPLE = 16


def padded(rows: int) -> int:
    """Return how many rows a batch of so many is padded to before TensorFlow computes with it.

    >>> padded(1), padded(16), padded(17)
    (16, 16, 32)
    """
    return -(-rows // _ROWS_MULTIPLE) * _ROWS_MULTIPLE
