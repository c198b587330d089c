"""The fact of a candidate's manifest that says how it was tuned; one that was not has none. Imports nothing."""

TUNING = "tuning"
