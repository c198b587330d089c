"""What becomes of fields that a record has and the schema does not name: a tag of the whole schema says it.

| in the schema | means |
|---|---|
| nothing, or `annotation { tag: "unknown:count" }` | they are passed over, and counted by name |
| `annotation { tag: "unknown:ignore" }` | they are passed over |
| `annotation { tag: "unknown:reject" }` | the record is rejected as `UNKNOWN_FIELD` |
"""

import enum
from collections.abc import Iterable

from schemas.errors import InputError
from schemas.nearest import did_you_mean

_HEAD = "unknown:"


class UnknownFields(enum.StrEnum):
    """The policies, as the tag has them."""

    IGNORE = "ignore"
    COUNT = "count"
    REJECT = "reject"


def policy(tags: Iterable[str], where: str) -> UnknownFields:
    """Return the policy that the tags of a schema declare; raises `InputError`, naming `where`, for two or none.

    >>> policy(["missing:NA", "unknown:reject"], "loans.pbtxt").value, policy([], "loans.pbtxt").value
    ('reject', 'count')
    """
    words = [tag.removeprefix(_HEAD) for tag in tags if tag.startswith(_HEAD)]
    if len(words) > 1:
        raise InputError(f"{where}: tags {' and '.join(_HEAD + word for word in words)}: wanted one of them")
    known = [one.value for one in UnknownFields]
    if words and words[0] not in known:
        raise InputError(
            f"{where}: tag {_HEAD + words[0]!r} is none, wanted unknown: and one of {', '.join(known)}"
            f"{did_you_mean(words[0], known)}"
        )
    return UnknownFields(words[0]) if words else UnknownFields.COUNT
