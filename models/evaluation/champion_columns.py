"""Whether raw rows that one schema has let in are what a champion of another schema would have got of the same events.

Rows are kept behind validation and treatment, so a column must have been read and treated as the champion's schema
says: what was hashed with another key, dropped or parsed to another unit cannot be made undone. Limits need not be the
same; whoever scores the rows holds them against those of the champion. Of a treated column these are limits of what is
left, and text that a schema accepts in place of a number (`accepts:`) is a number by then.
"""

import dataclasses

from schemas.column import Column
from schemas.personal.treatments import Treatments
from schemas.reading import Reading


def unlike(theirs: Treatments, ours: Treatments) -> dict[str, str]:
    """Return the columns of a champion that rows have not as it would get them, by name, each with why.

    `theirs` are the treatments of the champion's columns of serving, `ours` those of the rows.

    >>> from schemas.schema import Schema
    >>> champion = Schema.from_text('feature { name: "age" type: INT } feature { name: "fare" type: INT }')
    >>> now = Schema.from_text('feature { name: "fare" type: FLOAT } feature { name: "tip" type: FLOAT }')
    >>> unlike(Treatments.of(champion), Treatments.of(now))
    {'age': 'which serving no longer has', 'fare': 'which was INT and is FLOAT'}
    """
    found = {}
    for column in theirs.schema.columns:
        why = _why(column.name, theirs, ours)
        if why:
            found[column.name] = why
    return found


def _why(name: str, theirs: Treatments, ours: Treatments) -> str:
    if name not in ours.schema:
        return "which is dropped by its tag personal:drop" if name in ours.raw else "which serving no longer has"
    was, now = theirs.raw[name], ours.raw[name]
    if was.arrow_type != now.arrow_type:
        return f"which was {_type(was)} and is {_type(now)}"
    if _values_by(was.reading) != _values_by(now.reading):
        return "which is read in another way: its missing texts, words, time, unit, zone or separator are others"
    one, other = theirs.treatment(name), ours.treatment(name)
    if one != other:
        tags = (f"personal:{was.role('personal')}" if one else "no treatment", "no treatment")
        tags = (tags[0], f"personal:{now.role('personal')}") if other else tags
        return f"which had {tags[0]} and has {tags[1]}"
    if one is not None and one.hashes and theirs.key_id != ours.key_id:
        return f"which was hashed with key {theirs.key_id} and is with key {ours.key_id}"
    return ""


def _type(column: Column) -> str:
    return column.kind.name if column.value_count is None else f"a list of {column.kind.name}"


def _values_by(reading: Reading) -> Reading:
    """Return of a reading what says which value a text is; what else it accepts is a value by now."""
    return dataclasses.replace(reading, number_text=False, whole_float=False, boolean=False)
