"""`onegraph VERB`: parse, run the verb's module, print one line on error, exit with a code that means something."""

import contextlib
import dataclasses
import importlib.metadata
import json
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

from beam_jobs.cli import command_words, help_text, logs, options
from beam_jobs.cli.settings import GROUPS, VERBS
from beam_jobs.cli.shared_settings import Runner
from beam_jobs.cli.verbs import checked_verb, load_verb, run_verb
from beam_jobs.reports.terminal_text import shown
from beam_jobs.tracking.shown_uri import shown_uri
from schemas.errors import GateRefusal, OnegraphError, UsageError
from schemas.nearest import did_you_mean


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code. The result goes to standard output, all else to standard error."""
    argv = list(sys.argv[1:] if argv is None else argv)
    logs.set_up()
    try:
        code = _run(argv)
        sys.stdout.flush()
        return code
    except OnegraphError as error:
        verb = argv[0] if argv and _verb(argv[0]) in VERBS else ""
        logs.say(f"onegraph {verb}".rstrip() + f": {error}", logging.ERROR)
        return error.exit_code
    except KeyboardInterrupt:
        logs.say("onegraph: stopped by Ctrl-C", logging.ERROR)
        return 130
    except BrokenPipeError:  # `onegraph tail TOPIC | head`: the reader is gone, also for what is still in the buffer
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:  # a full disk, a folder that may not be written: the machine's own words are the clearest
        if error.errno is None:
            raise
        what = " ".join(["onegraph", *argv[:1]]) + (f": {error.filename}" if error.filename else "")
        logs.say(f"{what}: {error.strerror}; free or choose another place, then run it again", logging.ERROR)
        return 1


def _run(argv: list[str]) -> int:
    if argv[:1] == ["help"]:
        argv = [*argv[1:2], "--help"]
    if not argv or argv[0] in ("-h", "--help"):
        print(help_text.overview(GROUPS))
        return 0 if argv else 2
    if argv[0] == "--version":
        print(f"onegraph {importlib.metadata.version('onegraph')}")
        return 0
    verb = _verb(argv[0])
    if verb not in VERBS:
        raise _no_verb(argv[0])
    settings_type = VERBS[verb]
    try:
        given = command_words.split(settings_type, argv[1:])
        if given.help:
            print(help_text.of_verb(verb, settings_type))
            return 0
        logs.set_up(given.log_format, verb)
        settings = options.build(settings_type, given.values, given.config)
    except UsageError as error:
        raise UsageError(f"{error}" if f"{error}".endswith("?") else f"{error}; see `onegraph {verb} --help`") from None
    if issubclass(settings_type, Runner):
        settings = dataclasses.replace(settings, beam_args=given.beam_args)
    if given.json and hasattr(settings, "as_json"):  # a verb that prints as it goes
        settings = dataclasses.replace(settings, as_json=True)
    _set_up_logging(given.verbose - given.quiet)
    if given.dry_run:
        with _prints_aside(settings):
            module = checked_verb(settings)
        _print_plan(verb, settings, module, given)
        return 0
    try:
        with _prints_aside(settings):
            result = run_verb(settings)
    except GateRefusal as refusal:
        _print_result(refusal.findings, verb, given)
        raise
    _print_result(result, verb, given)
    return 0


def _prints_aside(settings: Any) -> contextlib.AbstractContextManager:
    """Let what a user's files and libraries print go to standard error, but for a verb that prints as it goes."""
    return contextlib.nullcontext() if hasattr(settings, "as_json") else contextlib.redirect_stdout(sys.stderr)


def _verb(word: str) -> str:
    return word.replace("-", "_")


def _no_verb(word: str) -> UsageError:
    if word.startswith("-"):
        return UsageError(f"{word} comes before the verb, wanted `onegraph VERB [options]`; see `onegraph --help`")
    near = did_you_mean(_verb(word), VERBS)
    return UsageError(f"{word!r} is not a verb{near or '; known: ' + ', '.join(VERBS)}")


def _set_up_logging(level: int) -> None:
    levels = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}
    logging.getLogger().setLevel(levels.get(max(level, -1), logging.DEBUG))
    # What clients retry by themselves is no news, and what they give up on comes as our own error.
    for name in (
        "kafka",
        "apache_beam.options",
        "apache_beam.runners",
        "apache_beam.utils.subprocess_server",
        "PrismRunner",
    ):
        logging.getLogger(name).setLevel(logging.CRITICAL if level < 1 else logging.NOTSET)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3" if level < 1 else "0")  # read when TensorFlow is imported
    # tf.Transform wants Keras 2; without it TensorFlow imports Keras 3 too, which costs seconds at every start.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")


def _print_plan(verb: str, settings: Any, module: Any, words: command_words.Given) -> None:
    """Print what would be done: the options that are not as they are by default, and what the verb says itself."""
    with _prints_aside(settings):
        would = list(module.plan(settings)) if hasattr(module, "plan") else []
        if hasattr(module, "check") and not hasattr(module, "plan"):
            module.check(settings)
    given = {
        options.spelling(field): _without_password(getattr(settings, field.name))
        for field in options.fields(type(settings))
        if options.about(field).required or getattr(settings, field.name) != field.default
    }
    beams = list(getattr(settings, "beam_args", ()))
    if words.json:
        print(json.dumps({"verb": verb, "options": given, "beam_options": beams, "would": would}))
    elif not words.quiet:
        values = {
            name: " ".join(map(str, value)) if isinstance(value, tuple) else value for name, value in given.items()
        }
        shown_options = [*(f"  {name} {value}" for name, value in values.items()), *(f"  {word}" for word in beams)]
        how = "with" if shown_options else "as it is by default"
        print(shown("\n".join([f"onegraph {verb} would run {how}", *shown_options, *would]), "\n"))


def _without_password(value: Any) -> Any:
    return shown_uri(value) if isinstance(value, str) else value


def _print_result(result: Any, verb: str, given: command_words.Given) -> None:
    """Print a result as JSON if that is wanted, else for people, but for them nothing with `-q`."""
    if result is None:
        return
    if given.json:
        print(json.dumps(result))
    elif not given.quiet and (words := load_verb(verb).describe(result)):
        print(shown(words, "\n\t"))
    sys.stdout.flush()  # before the reason of a refusal, where both go to one file
