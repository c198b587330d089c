"""One way in which a set of rows is not as its schema says.

No value of a field is in an anomaly: names, limits and shares are. Imports nothing heavy.
"""

import dataclasses
from collections.abc import Iterable
from typing import Any

ERROR, WARNING = "error", "warning"


@dataclasses.dataclass(frozen=True)
class Anomaly:
    """One limit that is broken, or one thing that looks wrong.

    `column` is empty for the set as a whole; `type` is a name of `AnomalyInfo.Type`; `severity` is `error` for what
    breaks a limit that the schema sets, else `warning`; `limit` is the field of the schema, or what was looked for;
    `where` says in which split, or between which two sets.
    """

    column: str
    type: str
    severity: str
    limit: str
    wanted: float | None
    found: float
    where: str = ""

    def __str__(self) -> str:
        of = f" of {self.column}" if self.column else ""
        place = f" ({self.where})" if self.where else ""
        wanted = "" if self.wanted is None else f", wanted {_number(self.wanted)}"
        return f"{self.limit}{of}{place}: {_number(self.found)}{wanted}"

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON value.

        >>> Anomaly("town", "FEATURE_TYPE_LOW_FRACTION_PRESENT", ERROR, "presence.min_fraction", 0.9, 2 / 3).to_json()
        {'column': 'town', 'type': 'FEATURE_TYPE_LOW_FRACTION_PRESENT', 'severity': 'error', \
'limit': 'presence.min_fraction', 'wanted': 0.9, 'found': 0.666667, 'where': ''}
        """
        rounded = {name: _rounded(getattr(self, name)) for name in ("wanted", "found")}
        return {**dataclasses.asdict(self), **rounded}


def from_json(entry: Any) -> Anomaly:
    """Return what `to_json` gave; raises `KeyError` or `TypeError` for anything else."""
    fields = {field.name: entry[field.name] for field in dataclasses.fields(Anomaly)}
    for name, value in fields.items():
        kinds = (int, float) if name in ("wanted", "found") else (str,)
        if not isinstance(value, kinds) and not (name == "wanted" and value is None):
            raise TypeError(f"{name} of an anomaly is of type {type(value).__name__}")
    return Anomaly(**fields)


def ordered(found: Iterable[Anomaly]) -> list[Anomaly]:
    """Return anomalies errors first, then by column, limit and place."""
    return sorted(found, key=lambda one: (one.severity != ERROR, one.column, one.limit, one.where))


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{_rounded(value)}"


def _rounded(value: float | None) -> float | None:
    return round(value, 6) if isinstance(value, float) else value
