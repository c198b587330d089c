"""Verbs as functions: the one door for the command line, for a verb that runs others, and for people who script.

A verb is a module of `beam_jobs.verbs` with

- `run(settings)`, which does it and returns a result that can be written as JSON;
- `describe(result) -> str`, the result for people;
- maybe `check(settings)`, which raises what can be told before anything is made and the settings' own `check` cannot
  tell: of files, registries, brokers. `run` refuses the same before it makes anything;
- maybe `plan(settings) -> list[str]`, if it changes something: lines that say what would change, "champion would be B2
  in place of B1, generation 4". It calls `check` first, writes nothing and refuses whatever `run` would.
"""

import importlib
import logging
import os
import re
import sys
import tempfile
import threading
from typing import Any

from beam_jobs.cli.options import Settings
from beam_jobs.cli.settings import VERBS
from schemas.errors import UsageError

_GREETING = re.compile(rb"WARNING: All log messages before absl|I0000 |To enable the following instructions")
_standard_error = threading.RLock()  # it is the whole process's: one thread at a time holds it back


def run_verb(settings: Settings) -> Any:
    """Run the verb that settings are of in this process and return its result, which can be written as JSON.

    Raises what the verb raises: `OnegraphError` for what a person can act on, `GateRefusal` if a gate said no. What
    can be told to be wrong of the settings alone is refused before the verb's module is imported.
    """
    return checked_verb(settings).run(settings)


def checked_verb(settings: Settings) -> Any:
    """Check settings for what needs nothing heavy, then import the module of their verb and return it."""
    for verb, settings_type in VERBS.items():
        if type(settings) is settings_type:
            settings.check()
            return load_verb(verb)
    raise UsageError(f"{type(settings).__name__}: not the settings of a verb; those are in beam_jobs.cli.settings")


def load_verb(verb: str) -> Any:
    """Import a verb's module."""
    return import_quietly(f"beam_jobs.verbs.{verb}")


def import_quietly(name: str) -> Any:
    """Import a module without the greetings that TensorFlow's libraries write past every log setting.

    They come through where the root logger shows INFO, as with `onegraph -v`.
    """
    if name in sys.modules or logging.getLogger().isEnabledFor(logging.INFO):
        return importlib.import_module(name)
    with _standard_error, tempfile.TemporaryFile() as held_back:
        sys.stderr.flush()
        terminal = os.dup(2)
        os.dup2(held_back.fileno(), 2)
        try:
            return importlib.import_module(name)
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held_back.seek(0)
            for line in held_back:
                if not _GREETING.match(line):
                    sys.stderr.write(line.decode(errors="replace"))
