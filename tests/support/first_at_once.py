"""Cases of a test of which one stands for all where time is short."""

from collections.abc import Iterable
from typing import Any

import pytest


def first_at_once(cases: Iterable[Any]) -> list[Any]:
    """Return cases for `parametrize`: the first for every run, the others for those with `--long`."""
    first, *others = cases
    return [first, *(_with_time(case) for case in others)]


def _with_time(case: Any) -> Any:
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.needs_time)
