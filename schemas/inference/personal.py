"""Values that tell who a person is: by their form alone, whatever the column is called."""

import re
from collections.abc import Collection

_MOST = 0.8  # of the distinct values must have the form
_LOOKED_AT = 2000
_FORMS = {
    "e-mail addresses": re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),
    "phone numbers": re.compile(r"(?:\+|00)[0-9][0-9 ()./-]{6,18}|\(?[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4}"),
    "IP addresses": re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"),
    "bank accounts (IBAN)": re.compile(r"[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?"),
    "social security numbers": re.compile(r"[0-9]{3}-[0-9]{2}-[0-9]{4}"),
}
_CARD = re.compile(r"[0-9]{4}([ -]?)[0-9]{4}\1[0-9]{4}\1[0-9]{4}")


def form(texts: Collection[str]) -> str | None:
    """Return what most of the texts look like, None if it is nothing of a person.

    >>> form(["ann@example.org", "bob@example.org"]), form(["4111 1111 1111 1111"]), form(["red"])
    ('e-mail addresses', 'card numbers', None)
    """
    some = list(texts)[:_LOOKED_AT]
    if not some:
        return None
    for name, pattern in _FORMS.items():
        if sum(pattern.fullmatch(text) is not None for text in some) >= _MOST * len(some):
            return name
    if sum(_CARD.fullmatch(text) is not None and _luhn(text) for text in some) >= _MOST * len(some):
        return "card numbers"
    return None


def _luhn(text: str) -> bool:
    digits = [int(letter) for letter in text if letter.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
