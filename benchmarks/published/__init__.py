"""Published results and ours, by their protocols: `scripts/published --data DIR`.

A module of a use case says which rows are whose, `choices.py` which parameters were chosen, all on validation rows.
"""
