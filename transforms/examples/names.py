"""The names in an example: of features, label, weight, query, slices, columns for metrics. Imports nothing heavy."""

LABEL = "label"
SLICE = "slice."
WEIGHT = "example.weight"
COLUMN = "example.column."
QUERY = "example.query"
FEATURE = "feature."
_OURS = (SLICE, FEATURE, "example.")


def stored_name(feature: str) -> str:
    """Return the name under which an example has a feature.

    >>> stored_name("fare"), stored_name("label"), stored_name("slice.company")
    ('fare', 'feature.label', 'feature.slice.company')
    """
    return FEATURE + feature if feature == LABEL or feature.startswith(_OURS) else feature
