"""What the name of a column says of what it holds."""

import itertools
import re

_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_IDS = _words("id ids uuid guid key no nr number index idx rowid row serial identifier")
_TIMES = _words("time timestamp ts date day datetime at when epoch created updated since")
_EVENTS = ("event time", "event timestamp", "timestamp", "ts", "datetime", "created", "at", "time", "date")
_NO_EVENTS = _words("due end expiry updated until birth birthday birthdate dob")
_OWNERS = _words("user customer client account card member device patient session visitor household terminal merchant")
_CODES = _words("code zip zipcode postcode postal class category type tract region district store")
_PERSONAL = _words(
    "email mail phone telephone mobile fax ssn iban passport surname firstname lastname fullname forename street "
    "address birth birthday birthdate dob username login ip password"
)
_PERSONAL_PAIRS = (
    ("first", "name"),
    ("last", "name"),
    ("full", "name"),
    ("middle", "name"),
    ("maiden", "name"),
    ("user", "name"),
    ("customer", "name"),
    ("card", "number"),
    ("social", "security"),
    ("national", "id"),
    ("tax", "id"),
)
_NAMES_PERSONS = _words("email mail ssn iban passport surname firstname lastname fullname forename username password")
_NO_PERSON = _words("count share rate type verified valid has is length domain contacts")


def parts(name: str) -> tuple[str, ...]:
    """Return the words of a name in lower case.

    >>> parts("customerID"), parts("card_id.2"), parts("Signed up at")
    (('customer', 'id'), ('card', 'id', '2'), ('signed', 'up', 'at'))
    """
    return tuple(part.lower() for part in _PARTS.findall(name))


def is_id(name: str) -> bool:
    """Say whether a name is that of something that names things.

    >>> is_id("Id"), is_id("loan_id"), is_id("paid"), is_id("number of rooms")
    (True, True, False, False)
    """
    words = parts(name)
    return bool(words) and (words[-1] in _IDS)


def is_owner(name: str) -> bool:
    """Say whether a name is that of somebody or something that has many records."""
    return bool(_OWNERS & set(parts(name)))


def is_time(name: str) -> bool:
    """Say whether a name is that of a time.

    >>> is_time("created_at"), is_time("pickup_datetime"), is_time("rate")
    (True, True, False)
    """
    return bool(_TIMES & set(parts(name)))


def event_rank(name: str) -> int:
    """Return how well a name suits the time of the event itself; less is better.

    >>> event_rank("event_time") < event_rank("timestamp") < event_rank("due_date")
    True
    """
    words = " ".join(parts(name))
    found = [rank for rank, known in enumerate(_EVENTS) if f" {known} " in f" {words} "]
    late = 2 * len(_EVENTS) if _NO_EVENTS & set(parts(name)) else 0
    return min(found, default=len(_EVENTS)) + late


def is_event(name: str) -> bool:
    """Say whether a name is that of when something happened.

    >>> is_event("created_at"), is_event("sold"), is_event("due_date")
    (True, False, False)
    """
    return event_rank(name) < len(_EVENTS)


def is_code(name: str) -> bool:
    """Say whether numbers of this name name things: `zip_code`, not `zip_count`."""
    return bool(parts(name)) and parts(name)[-1] in _CODES


def is_personal(name: str) -> bool:
    """Say whether a name is that of something which tells who a person is.

    >>> is_personal("e-mail"), is_personal("FirstName"), is_personal("email_count"), is_personal("ship")
    (True, True, False, False)
    """
    words = parts(name)
    if _NO_PERSON & set(words):
        return False
    pairs = set(itertools.pairwise(words))
    return bool(_PERSONAL & set(words)) or bool(pairs & set(_PERSONAL_PAIRS))


def names_persons(name: str) -> bool:
    """Say whether values of this name tell who a person is, however few there are.

    >>> names_persons("first_name"), names_persons("Street"), names_persons("PhoneService")
    (True, False, False)
    """
    words = parts(name)
    return is_personal(name) and bool(
        _NAMES_PERSONS & set(words) or set(itertools.pairwise(words)) & set(_PERSONAL_PAIRS)
    )
