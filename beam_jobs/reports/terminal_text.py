"""Text that came from outside, for people: a terminal shows it and never obeys it.

A header's name, a key, a pointer's `why` or a path may hold what moves the cursor, recolours or hides text, or has the
terminal type an answer. So whatever goes to a terminal passes here.
"""


def shown(text: str, keep: str = "") -> str:
    r"""Return text with every character that does not print as an escape, but for those of `keep`.

    >>> print(shown("a\x1b[31mb\x9b\u202e\n"), shown("é\n", keep="\n"), sep="|", end="")
    a\x1b[31mb\x9b\u202e\n|é
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in keep else one.encode("unicode_escape").decode() for one in text)
