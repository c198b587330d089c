"""What is wrong with the ids of a set: repeated ones, and those with rows in two splits."""

from schemas.schema import Schema
from schemas.sets.anomaly import ERROR, WARNING, Anomaly
from schemas.sets.id_counts import IdCounts

_KIND = "CUSTOM_VALIDATION"


def id_anomalies(counts: IdCounts, schema: Schema) -> list[Anomaly]:
    """Return what is wrong with ids: repeated ones, an error where they are to be unique, and those in two splits."""
    ids, named = counts.findings(), schema.with_role("id")
    names = names_of(schema, "id")
    what, found = ("rows that repeat an id" if named else "rows that are equal to another"), []
    if ids.repeated:
        severity = ERROR if any(column.role("unique") is not None for column in named) else WARNING
        found.append(Anomaly(names, _KIND, severity, f"{about(ids.exact)}{what}", None, ids.repeated))
    if ids.on_two_sides:
        which = "ids" if named else "equal rows"
        found.append(Anomaly(names, _KIND, WARNING, f"{about(ids.exact)}{which} in two splits", None, ids.on_two_sides))
    return found


def names_of(schema: Schema, role: str) -> str:
    """Return the names of the columns with a role, joined for people."""
    return " and ".join(column.name for column in schema.with_role(role))


def about(exact: bool) -> str:
    """Return the word for a count that is an estimate."""
    return "" if exact else "about "
