"""`onegraph VERB`: parse, run the verb's module, print one line on error, exit with a code that means something."""

import argparse
import dataclasses
import difflib
import importlib.metadata
import json
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from beam_jobs.cli import logs, options
from beam_jobs.cli.settings import VERBS
from beam_jobs.cli.shared_settings import Runner
from beam_jobs.cli.verbs import load_verb, run_verb
from beam_jobs.reports.terminal_text import shown
from schemas.errors import GateRefusal, OnegraphError, UsageError

_EXIT_CODES = "exit codes: 0 done or stopped by SIGTERM, 1 failed, 2 usage, 3 a gate said no"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see `{self.prog} --help`")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code."""
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
        where = f"{error.filename}: " if error.filename else ""
        logs.say(
            f"onegraph {argv[0]}: {where}{error.strerror}; free or choose another place, then run it again",
            logging.ERROR,
        )
        return 1


def _run(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print(_overview())
        return 0 if argv else 2
    if argv[0] == "--version":
        print(f"onegraph {importlib.metadata.version('onegraph')}")
        return 0
    verb = _verb(argv[0])
    if verb not in VERBS:
        raise UsageError(f"{argv[0]!r} is not a verb{_nearest(verb, VERBS)}; known: {', '.join(VERBS)}")
    settings_type = VERBS[verb]
    parser = _parser(verb, settings_type)
    try:
        given, rest = parser.parse_known_args(argv[1:])
    except SystemExit:  # argparse has printed the help
        return 0
    takes_beam_options = issubclass(settings_type, Runner)
    if rest and not (takes_beam_options and all(word.startswith("--") for word in rest)):
        stray = next(word for word in rest if not (takes_beam_options and word.startswith("--")))
        what = "unknown option" if stray.startswith("-") else "one word too many:"
        near = _nearest(stray.partition("=")[0], options.spellings(settings_type))
        raise UsageError(f"{what} {stray}{near}; see `onegraph {verb} --help`")
    settings = options.build(settings_type, vars(given), given.config)
    if takes_beam_options:
        settings = dataclasses.replace(settings, beam_args=tuple(rest))
    if given.json and hasattr(settings, "as_json"):  # a verb that prints as it goes
        settings = dataclasses.replace(settings, as_json=True)
    _set_up_logging(given.verbose - given.quiet)
    logs.set_up(given.log_format, verb)
    module = load_verb(verb, show_all=given.verbose > 0)
    if given.dry_run:
        _print_plan(verb, settings, module)
        return 0
    try:
        result = run_verb(settings)
    except GateRefusal as refusal:
        _print_result(refusal.findings, module, as_json=given.json, quiet=given.quiet)
        raise
    _print_result(result, module, as_json=given.json, quiet=given.quiet)
    return 0


def _verb(word: str) -> str:
    return word.replace("-", "_")


def _nearest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f", did you mean {close[0]}?" if close else ""


def _parser(verb: str, settings_type: type) -> argparse.ArgumentParser:
    parser = _Parser(prog=f"onegraph {verb}", description=settings_type.__doc__, epilog=_EXIT_CODES, allow_abbrev=False)
    options.add_to_parser(parser, settings_type)
    common = parser.add_argument_group("every verb")
    common.add_argument("--config", metavar="TOML", help="file with options, overridden by those given here")
    common.add_argument("--json", action="store_true", help="print the result as JSON on standard output")
    common.add_argument("--dry-run", action="store_true", help="check the settings, say what would be done, do nothing")
    common.add_argument("-v", "--verbose", action="count", default=0, help="more log lines; twice for debugging")
    about_log = "of standard error: text, or one JSON object per line (default: text)"
    common.add_argument("--log-format", choices=logs.FORMATS, default=logs.TEXT, help=about_log)
    common.add_argument("-q", "--quiet", action="count", default=0, help="errors only")
    return parser


def _overview() -> str:
    width = max(map(len, VERBS))
    lines = [f"  {verb:<{width}}  {(settings.__doc__ or '').splitlines()[0]}" for verb, settings in VERBS.items()]
    return "\n".join(["usage: onegraph VERB [options]", "", *lines, "", _EXIT_CODES])


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


def _print_plan(verb: str, settings: Any, module: Any) -> None:
    if hasattr(module, "check"):
        module.check(settings)
    print(f"onegraph {verb} would run with", file=sys.stderr)
    for field in options.fields(type(settings)):
        value = shown(str(getattr(settings, field.name)))
        print(f"  {field.name.rstrip('_').replace('_', '-')}: {value}", file=sys.stderr)
    for argument in getattr(settings, "beam_args", ()):
        print(f"  Beam's own: {shown(argument)}", file=sys.stderr)


def _print_result(result: Any, module: Any, as_json: bool, quiet: int) -> None:
    if result is None:
        return
    if as_json:
        print(json.dumps(result))
    if not quiet:
        logs.say(module.describe(result))
