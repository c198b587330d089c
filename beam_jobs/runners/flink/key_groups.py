"""Where Flink's hashing puts an element of a splittable DoFn, and names that it spreads evenly.

Flink hashes an element's encoded bytes into one of `max_parallelism` key groups, and gives every subtask a range of
them. Few names fall unevenly: of two reader groups, both land on one subtask every second time, where each then
waits while the other reads. So a group's name carries a number that puts it into its own slice of the key groups.
"""

import functools
import itertools
from collections.abc import Callable

# Flink's own choice up to parallelism 85; to be given as --max_parallelism, fixed for a job's life
MAX_PARALLELISM = 128
_32 = 0xFFFFFFFF


def key_group(element: str, max_parallelism: int = MAX_PARALLELISM) -> int:
    """Return the key group, 0 to `max_parallelism` - 1, of an element of type str.

    >>> key_group("events/0"), key_group("events/1")
    (99, 91)
    """
    return _murmur(_java_hash(_encode()(element))) % max_parallelism


def subtask(element: str, parallelism: int, max_parallelism: int = MAX_PARALLELISM) -> int:
    """Return the index of the subtask that an element goes to."""
    return key_group(element, max_parallelism) * parallelism // max_parallelism


def spread_names(name: str, groups: int, max_parallelism: int = MAX_PARALLELISM) -> list[str]:
    """Return "name/number/index" for every group, with numbers that spread the groups over any parallelism.

    Group i falls into the i-th of `groups` equal slices of the key groups. So with as many subtasks as groups each
    has one, and with fewer no subtask has more than one too many. Names do not depend on the parallelism: a job that
    goes on from a savepoint with another one stays spread.
    """
    return [
        next(
            full
            for number in itertools.count()
            if key_group(full := f"{name}/{number}/{index}", max_parallelism) * groups // max_parallelism == index
        )
        for index in range(groups)
    ]


@functools.cache
def _encode() -> Callable[[str], bytes]:
    """Beam's encoding of a str; imported here, because commands that only read the options above go without Beam."""
    from apache_beam.coders import StrUtf8Coder

    return StrUtf8Coder().get_impl().encode_nested


def _java_hash(data: bytes) -> int:
    """`java.nio.ByteBuffer.hashCode`, as 32 bits without sign; bytes count as signed ones."""
    code = 1
    for byte in reversed(data):
        code = (31 * code + (byte - 256 if byte > 127 else byte)) & _32
    return code


def _murmur(code: int) -> int:
    """Flink's `MathUtils.murmurHash`."""
    code = code * 0xCC9E2D51 & _32
    code = _rotated(code, 15) * 0x1B873593 & _32
    code = (_rotated(code, 13) * 5 + 0xE6546B64) & _32 ^ 4
    code = (code ^ code >> 16) * 0x85EBCA6B & _32
    code = (code ^ code >> 13) * 0xC2B2AE35 & _32
    code ^= code >> 16
    signed = code - (1 << 32) if code >> 31 else code
    return 0 if signed == -(1 << 31) else abs(signed)


def _rotated(code: int, by: int) -> int:
    return (code << by | code >> 32 - by) & _32
