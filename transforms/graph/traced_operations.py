"""The operations of a function that was just traced: which of them an output comes from, and who wrote them."""

import traceback
from collections.abc import Iterable

import tensorflow as tf

from schemas.user_code import line_in

# Operations that make one value of many rows, or place a row by its number.
_OVER_ROWS = """
All Any ArgMax ArgMin Bincount Cumprod Cumsum DenseBincount LogSoftmax Max Mean Min Prod Range Reverse ReverseV2 Roll
SegmentMax SegmentMean SegmentMin SegmentProd SegmentSum Softmax Sum TopK TopKV2 Unique UniqueV2 UniqueWithCounts
UniqueWithCountsV2 UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum Where
"""
_NOT_THE_USERS = ("tensorflow_transform", "transforms/missing.py")


def operations_behind(outputs: Iterable[tf.Tensor]) -> dict[str, tf.Operation]:
    """Return the operations, by name, that tensors of a graph come from."""
    waiting = [output.op for output in outputs]
    found: dict[str, tf.Operation] = {}
    while waiting:
        operation = waiting.pop()
        if operation.name not in found:
            found[operation.name] = operation
            waiting += [tensor.op for tensor in operation.inputs]
    return found


def operations_over_rows(outputs: Iterable[tf.Tensor], file: str) -> list[str]:
    """Return the operations over rows that tensors come from and a file calls by itself, `Mean at line 12`."""
    over_rows = frozenset(_OVER_ROWS.split())
    found = [operation for operation in operations_behind(outputs).values() if operation.type in over_rows]
    lines = {operation: line_of(operation, file) for operation in found}
    return sorted({f"{operation.type} at line {line}" for operation, line in lines.items() if line})


def line_of(operation: tf.Operation, file: str) -> int | None:
    """Return the line of a file that made an operation, None if tf.Transform or we made it for the file."""
    frames = traceback.StackSummary.from_list(
        [(one.filename, one.lineno, one.name, None) for one in operation.traceback or ()]
    )
    called = [number for number, frame in enumerate(frames) if frame.filename == file]
    within = frames[called[-1] + 1 :] if called else []
    if any(part in frame.filename for frame in within for part in _NOT_THE_USERS):
        return None
    return line_in(frames, file)
