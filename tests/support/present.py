"""A value that may be missing, in a test where it has to be there."""

from typing import TypeVar

Value = TypeVar("Value")


def present(value: Value | None) -> Value:
    """Return what is there; None fails the test.

    >>> present(0)
    0
    """
    assert value is not None
    return value
