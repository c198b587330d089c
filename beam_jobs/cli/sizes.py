"""Sizes as people write them."""

_UNITS = {"": 1, "B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
_UNITS |= {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def parsed_size(text: str) -> int | None:
    """Return the bytes of a size as people write it, None if it is none.

    >>> parsed_size("2GiB"), parsed_size("1.5 G"), parsed_size("much")
    (2147483648, 1610612736, None)
    """
    number = text.strip().rstrip("BbIiKkMmGgTt ")
    unit = _UNITS.get(text.strip()[len(number) :].strip().upper())
    try:
        found = None if unit is None else int(float(number) * unit)
    except (ValueError, OverflowError):
        return None
    return found if found is not None and found > 0 else None
