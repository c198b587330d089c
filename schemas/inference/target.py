"""What is to be predicted: the task, and what each value of the label column stands for."""

import dataclasses
from collections import Counter
from typing import Any

from schemas.column import Kind
from schemas.errors import InputError
from schemas.inference.finding import Finding, Use

TASKS = ("binary", "multiclass", "regression")
_CLASSES = 10  # different whole numbers up to which they are classes
_MOST_CLASSES = 100
_RARE_ROWS, _RARE_SHARE = 5, 0.001  # a class of fewer rows than both is none


@dataclasses.dataclass(frozen=True)
class Target:
    """The label: which column, which task, and its classes in order (of the binary task the negative one first).

    `left_out` are values of too few rows to be a class: rows that have them have no label. `look_at` has no value.
    """

    name: str
    task: str
    classes: tuple[str | int, ...] = ()
    left_out: int = 0
    look_at: tuple[str, ...] = ()

    @property
    def as_it_is(self) -> bool:
        """Whether the column's own numbers are what the task wants."""
        return self.task == "regression" or (not self.left_out and self.classes == tuple(range(len(self.classes))))


def target(finding: Finding, values: Counter[Any], task: str | None = None) -> Target:
    """Return what a label column predicts; a given task is kept. Raises `InputError` if the column cannot be a label.

    >>> found = Finding(name="y", kind=Kind.BYTES, use=Use.CATEGORY, rows=5, missing=0, distinct=2)
    >>> target(found, Counter({"no": 3, "yes": 2}))
    Target(name='y', task='binary', classes=('no', 'yes'), left_out=0, look_at=())
    """
    where = f"label column {finding.name!r}"
    if finding.use in (Use.EMPTY, Use.NESTED) or finding.value_count is not None or finding.form is not None:
        raise InputError(f"{where} is {finding.use.value}, wanted one number or class per row; give another --label")
    named = Counter({value: count for value, count in values.items() if value != ""})
    if len(named) < 2:
        raise InputError(f"{where} has the same value in all rows, nothing can be learnt; give another --label")
    kept = _without_rare(named)
    chosen = task or _task(kept)
    if chosen == "regression":
        if finding.kind is Kind.BYTES:
            raise InputError(f"{where} is text, wanted numbers for --task regression; leave --task out")
        return Target(finding.name, chosen)
    if chosen == "binary" and len(kept) != 2:
        raise InputError(f"{where} has {len(kept):,} different values, wanted two for --task binary; leave --task out")
    if len(kept) > _MOST_CLASSES or not (finding.kind is Kind.BYTES or _are_whole(kept)):
        raise InputError(
            f"{where} has {len(kept):,} different values, too many or no classes; wanted at most {_MOST_CLASSES}, or "
            "numbers for --task regression"
        )
    if len({class_name(value) for value in kept}) < len(kept):
        raise InputError(f"{where} has different values that would be called alike as classes; rename one in the data")
    notes = []
    if len(kept) < len(values):
        out = len(values) - len(kept)
        notes.append(f"values that are no classes, of too few rows or empty: {out}; these rows have no label")
    if chosen == "multiclass" and finding.kind is not Kind.BYTES and task is None:
        notes.append("whole numbers taken as classes; if their order counts, --task regression")
    return Target(finding.name, chosen, _ordered(kept, chosen), len(values) - len(kept), tuple(notes))


def class_name(value: str | int | float) -> str:
    """Return how a class is called in predictions and metrics.

    >>> class_name("red"), class_name(3), class_name(3.0)
    ('red', '3', '3')
    """
    name = value if isinstance(value, str) else str(int(value))
    return name if name.isprintable() else ascii(name)[1:-1]


def _task(values: Counter[Any]) -> str:
    """Return the task by the values: numbers with a fraction are never classes, whole ones by their count."""
    words = any(isinstance(value, str) for value in values)
    if not words and not _are_whole(values):
        return "regression"
    if len(values) == 2:
        return "binary"
    return "multiclass" if words or len(values) <= _CLASSES else "regression"


def _are_whole(values: Counter[Any]) -> bool:
    return all(value == int(value) for value in values)


def _without_rare(values: Counter[Any]) -> Counter[Any]:
    rows = values.total()
    kept = Counter({value: count for value, count in values.items() if not _is_rare(count, rows)})
    return kept if len(kept) >= 2 and len(values) <= _CLASSES else values


def _is_rare(count: int, rows: int) -> bool:
    return count < _RARE_ROWS and count < _RARE_SHARE * rows


def _ordered(values: Counter[Any], task: str) -> tuple[str | int, ...]:
    """Numbers in their order, texts too; of two texts the rarer one is what is predicted."""
    if task == "binary" and all(isinstance(value, str) for value in values):
        return tuple(sorted(values, key=lambda value: (-values[value], value)))
    return tuple(sorted(value if isinstance(value, str) else int(value) for value in values))
