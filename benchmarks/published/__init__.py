"""Published results and ours, by their protocols: `scripts/published --data DIR`.

A module of a use case says which rows are whose, `searches.py` which of them parameters are chosen by, `choices.json`
which were.
"""
