"""How the rows of a use case are split: by a stable hash, by time, by group, or by a column. Imports nothing heavy.

`ModelSpec.split` is one of

- a dict of shares, `{"train": 0.7, "eval": 0.15, "test": 0.15}`: by a hash of who a row is;
- `GroupSplit`: the same, by a hash of the columns with role `key`, so that no key is on two sides;
- `TimeSplit`: by the event's time, so that nothing of train is later than the first row of eval or test;
- `ColumnSplit`: by what the column with role `split` says.

Which files are eval and test may also be said to a build: then they are what the files say.
"""

import dataclasses
import datetime
import math
from collections.abc import Mapping
from typing import Any

from schemas.errors import InputError
from schemas.schema import SERVING, Schema

SPLITS = ("train", "eval", "test")
TRAIN, EVAL, TEST = 0.70, 0.15, 0.15


@dataclasses.dataclass(frozen=True)
class Times:
    """A span of time: from `first` on and before `end`, in milliseconds since 1970 (UTC); None is no limit."""

    first: int | None
    end: int | None


def before(end: str) -> Times:
    """Return all times before a date or time, UTC unless it names another offset.

    >>> before("2024-03-01").end, before("2024-03-01T01:00:00+01:00").end
    (1709251200000, 1709251200000)
    """
    return Times(None, _milliseconds(end))


def between(first: str, end: str) -> Times:
    """Return the times from `first` on and before `end`."""
    return Times(_milliseconds(first), _milliseconds(end))


def since(first: str) -> Times:
    """Return the times from `first` on."""
    return Times(_milliseconds(first), None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TimeSplit:
    """By the column with role `event_time`; rows of no span, and rows without a time, are left out.

    Train must end before the others begin; `eval` and `test` share no time.
    """

    train: Times
    eval: Times
    test: Times

    def __post_init__(self):
        spans = {name: getattr(self, name) for name in SPLITS}
        for name, span in spans.items():
            if not isinstance(span, Times):
                raise InputError(
                    f"split by time: {name} is of type {type(span).__name__}, wanted before, between or since"
                )
            if span.first is not None and span.end is not None and span.first >= span.end:
                raise InputError(f"split by time: {name} ends before it begins; turn the two around")
        for name in ("eval", "test"):
            if spans["train"].end is None or spans[name].first is None or spans[name].first < spans["train"].end:
                raise InputError(
                    f"split by time: {name} begins before train ends; a row of train would be later than one of {name}"
                )
        if _shared(self.eval, self.test):
            raise InputError("split by time: eval and test share some time; let one end where the other begins")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GroupSplit:
    """By a hash of the columns with role `key`: all rows of a key are in one split. Shares are of keys."""

    train: float = TRAIN
    eval: float = EVAL
    test: float = TEST

    def __post_init__(self):
        check_shares(dataclasses.asdict(self), "split by group")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ColumnSplit:
    """By the column with role `split`: a word or a tuple of words for each. Rows of no word are left out."""

    train: str | tuple[str, ...] = "train"
    eval: str | tuple[str, ...] = "eval"
    test: str | tuple[str, ...] = "test"

    def __post_init__(self):
        for name in SPLITS:
            words = getattr(self, name)
            words = (words,) if isinstance(words, str) else words
            if not isinstance(words, tuple | list) or not words or not all(isinstance(word, str) for word in words):
                raise InputError(f"split by column: {name} is of type {type(words).__name__}, wanted a text or several")
            object.__setattr__(self, name, tuple(words))
        words = [word for name in SPLITS for word in getattr(self, name)]
        if len(set(words)) != len(words):
            raise InputError("split by column: a word stands for two splits; let each stand for one")


SplitRule = Mapping[str, float] | TimeSplit | GroupSplit | ColumnSplit
_NAMES: dict[type, str] = {TimeSplit: "time", GroupSplit: "group", ColumnSplit: "column"}


def check_shares(shares: Mapping[str, Any], what: str) -> None:
    """Raise `InputError` for shares that are not of the three splits, positive, and 1 together."""
    numbers = [type(share) in (int, float) and math.isfinite(share) for share in shares.values()]
    if set(shares) != set(SPLITS) or not all(numbers) or abs(sum(shares.values()) - 1) > 1e-9:
        raise InputError(f"{what}: wanted shares of train, eval, test that sum to 1")
    if min(shares.values()) <= 0:
        raise InputError(f"{what}: wanted shares above 0")


def check_columns(split: SplitRule, schema: Schema, where: str) -> None:
    """Raise `InputError`, naming `where`, if the schema has no column that a split goes by."""
    if isinstance(split, TimeSplit) and schema.event_time is None:
        raise InputError(f"{where}: split by time, but no column has the role event_time:s or event_time:ms")
    if isinstance(split, GroupSplit) and not schema.with_role("key"):
        raise InputError(f"{where}: split by group, but no column has the role key")
    if isinstance(split, ColumnSplit):
        columns = schema.with_role("split")
        if not columns:
            raise InputError(f"{where}: split by column, but no column has the role split")
        if columns[0].name in schema.environment(SERVING):
            raise InputError(
                f"{where}: split by column {columns[0].name!r}, which serving has, where there are no splits; give it "
                'not_in_environment: "SERVING"'
            )


def check_query(split: SplitRule, schema: Schema, where: str) -> None:
    """Raise `InputError`, naming `where`, if no column says a row's query, or a split must tear queries apart.

    A split by time or by a column may keep them together: training looks.
    """
    queries = [column.name for column in schema.with_role("query")]
    if not queries:
        raise InputError(
            f"{where}: task ranking, but no column has the role query; give it to the column that says which rows are "
            "ranked together"
        )
    cure = f"write split=GroupSplit() and let {queries[0]!r} be the only column with role key"
    if isinstance(split, Mapping):
        raise InputError(f"{where}: split by shares puts rows of one query into several splits; {cure}")
    keys = [column.name for column in schema.with_role("key")]
    if isinstance(split, GroupSplit) and keys != queries:
        raise InputError(f"{where}: split by group of {', '.join(keys)}, which may tear queries apart; {cure}")


def to_json(split: SplitRule) -> dict[str, Any]:
    """Return a split as manifests carry it.

    >>> to_json(GroupSplit())
    {'by': 'group', 'train': 0.7, 'eval': 0.15, 'test': 0.15}
    """
    if isinstance(split, Mapping):
        return dict(split)
    parts = {name: getattr(split, name) for name in SPLITS}
    if isinstance(split, TimeSplit):
        parts = {name: [span.first, span.end] for name, span in parts.items()}
    return {
        "by": _NAMES[type(split)],
        **{n: list(part) if isinstance(part, tuple) else part for n, part in parts.items()},
    }


def from_json(value: Mapping[str, Any]) -> SplitRule:
    """Return the split that `to_json` gave; raises `KeyError`, `TypeError` or `InputError` for what is none."""
    if "by" not in value:
        return dict(value)
    made = {name: kind for kind, name in _NAMES.items()}[value["by"]]
    parts = {name: value[name] for name in SPLITS}
    if made is TimeSplit:
        parts = {name: Times(*part) for name, part in parts.items()}
    return made(**{name: tuple(part) if isinstance(part, list) else part for name, part in parts.items()})


def in_words(split: SplitRule) -> str:
    """Return a split for people.

    >>> in_words({"train": 0.7, "eval": 0.15, "test": 0.15})
    'train 70%, eval 15%, test 15%'
    """
    if isinstance(split, TimeSplit):
        return ", ".join(f"{name} {_span_text(getattr(split, name))}" for name in SPLITS)
    if isinstance(split, ColumnSplit):
        return ", ".join(f"{name} where it is {' or '.join(getattr(split, name))}" for name in SPLITS)
    shares = dataclasses.asdict(split) if isinstance(split, GroupSplit) else split
    text = ", ".join(f"{name} {shares[name]:.0%}" for name in SPLITS)
    return f"{text} of keys" if isinstance(split, GroupSplit) else text


def _span_text(span: Times) -> str:
    first, end = (None if at is None else _date(at) for at in (span.first, span.end))
    if first is None:
        return f"before {end}"
    return f"from {first}" if end is None else f"from {first} before {end}"


def _date(at: int) -> str:
    time = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(milliseconds=at)
    return time.strftime("%Y-%m-%d" if at % 86_400_000 == 0 else "%Y-%m-%dT%H:%M:%SZ")


def _shared(one: Times, other: Times) -> bool:
    firsts = [span.first for span in (one, other) if span.first is not None]
    ends = [span.end for span in (one, other) if span.end is not None]
    return not firsts or not ends or max(firsts) < min(ends)


def _milliseconds(text: str) -> int:
    try:
        time = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise InputError(
            f"split by time: {text!r:.60} is no time, wanted 2024-03-01 or 2024-03-01T12:00:00+01:00"
        ) from None
    time = time if time.tzinfo else time.replace(tzinfo=datetime.UTC)
    return (time - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)) // datetime.timedelta(milliseconds=1)
