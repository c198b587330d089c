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
    if finding.distinct < 2:
        raise InputError(f"{where} has the same value in all rows, nothing can be learnt; give another --label")
    kept = _without_rare(values)
    chosen = task or _task(finding, kept)
    if chosen == "regression":
        if finding.kind is Kind.BYTES:
            raise InputError(f"{where} is text, wanted numbers for --task regression; leave --task out")
        return Target(finding.name, chosen)
    if chosen == "binary" and len(kept) != 2:
        raise InputError(f"{where} has {len(kept):,} different values, wanted two for --task binary; leave --task out")
    if len(kept) > _MOST_CLASSES or (finding.kind is Kind.FLOAT and any(value != int(value) for value in kept)):
        raise InputError(
            f"{where} has {len(kept):,} different values, too many or no classes; wanted at most {_MOST_CLASSES}, or "
            "numbers for --task regression"
        )
    notes = []
    if len(kept) < len(values):
        notes.append(f"values of too few rows to be classes: {len(values) - len(kept)}; these rows have no label")
    if chosen == "multiclass" and finding.kind is not Kind.BYTES and task is None:
        notes.append("whole numbers taken as classes; if their order counts, --task regression")
    return Target(finding.name, chosen, _ordered(kept, chosen), len(values) - len(kept), tuple(notes))


def _task(finding: Finding, values: Counter[Any]) -> str:
    if len(values) == 2 and (finding.kind is not Kind.FLOAT or set(values) == {0, 1}):
        return "binary"
    if finding.kind is Kind.BYTES:
        return "multiclass"
    return "multiclass" if finding.kind is Kind.INT and len(values) <= _CLASSES else "regression"


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
