"""What a feature may be called."""

import unicodedata


def is_feature_name(name: object) -> bool:
    r"""Say whether a feature may be called so: any text without control characters.

    >>> is_feature_name("prix\u00a0moyen"), is_feature_name("two\nlines")
    (True, False)
    """
    return isinstance(name, str) and all(unicodedata.category(letter) != "Cc" for letter in name)
