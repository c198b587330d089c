"""How raw becomes model input: a preprocessing function of each use case. Imports: nothing of ours."""
