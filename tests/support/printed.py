"""What a verb prints: with `--json` one object, else the same for people."""

import json

from beam_jobs.cli.verbs import load_verb


def for_people(verb: str, out: str) -> str:
    """Return what the verb prints for people where it printed this JSON."""
    return load_verb(verb).describe(json.loads(out.splitlines()[-1]))
