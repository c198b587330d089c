"""The bytes of an example's features, as protobuf writes them: of a message of one feature, and of what is in it."""

import numpy as np

FEATURES, ENTRY, KEY, VALUE, VALUES = 0x0A, 0x0A, 0x0A, 0x12, 0x0A
"""The tags of a `features` message, of its entries, of an entry's name and value, and of the values of a list."""
TEXTS, FLOATS, INTEGERS = 0x0A, 0x12, 0x1A
"""The kind of a list of values, by its tag."""
MORE = 0x80
"""The bit of a varint's byte that another follows."""


def whole_numbers(varints: np.ndarray) -> np.ndarray:
    """Return the whole numbers of varints of one width, uint8 [rows, width]: int64 [rows].

    >>> whole_numbers(np.array([[0x80 | 5, 1]], np.uint8)).tolist()
    [133]
    """
    total = np.zeros(len(varints), np.uint64)
    for place in range(varints.shape[1]):
        total |= (varints[:, place] & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * place)
    return total.view(np.int64)


def varint(number: int) -> bytes:
    """Return a whole number, 0 or more, seven bits a byte.

    >>> varint(133)
    b'\\x85\\x01'
    """
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | MORE)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def field(tag: int, content: bytes) -> bytes:
    """Return a field of so many bytes, its length before them."""
    return bytes([tag]) + varint(len(content)) + content


def entry(name: str, kind: int, values: bytes) -> bytes:
    """Return the entry of a feature whose list of a kind has these bytes."""
    return field(ENTRY, field(KEY, name.encode()) + field(VALUE, field(kind, values)))


def message(name: str, kind: int, values: bytes) -> bytes:
    """Return a `features` message of one feature, which stands behind others: protobuf merges them."""
    return field(FEATURES, entry(name, kind, values))
