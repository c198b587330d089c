"""The words of a command line behind its verb: which option has which value, and what is said of one that is unknown.

Nothing is converted or looked at here; `options.build` does that.
"""

import argparse
import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypedDict

from beam_jobs.cli import options
from beam_jobs.cli.logs import FORMATS, TEXT
from beam_jobs.cli.shared_settings import Runner
from schemas.errors import UsageError
from schemas.nearest import did_you_mean

COMMON: Mapping[str, str] = {
    "--config FILE": "TOML file with options; those given here win",
    "--json": "print the result as JSON and nothing else",
    "--dry-run": "check all, say what would be done, do nothing",
    "-v, --verbose": "more log lines; twice for debugging",
    "-q, --quiet": "errors only; a result only with --json",
    "--log-format NAME": f"of standard error: {' or '.join(FORMATS)}, one object per line (default: {TEXT})",
    "-h, --help": "show this",
}
"""The options that every verb has, as its help shows them."""

_COMMON = [word for shown in COMMON for word in re.findall(r"--[a-z-]+", shown)]
_NEAR_OURS = 0.75  # no option of Beam's or Flink's is nearer to one of ours
# Beam's, though like ours in sense or spelling.
_BEAMS_TOO = (
    "--dry_run",
    "--environment_config",
    "--environment_option",
    "--environment_options",
    "--environment_type",
    "--job-server-timeout",
    "--num_workers",
)
_NO_VALUE = re.compile(r"argument (?:-\w, |-\w/)?(--[\w-]+)[^:]*: expected (?:one|at least one) argument")
_FLAG_WITH_VALUE = re.compile(r"argument (?:-\w/)?(--[\w-]+): ignored explicit argument")


@dataclasses.dataclass(frozen=True)
class Given:
    """What a command line gives: values by field as they were written, Beam's options, those that every verb has."""

    values: Mapping[str, Any]
    beam_args: tuple[str, ...]
    config: str | None = None
    json: bool = False
    dry_run: bool = False
    verbose: int = 0
    quiet: int = 0
    log_format: str = TEXT
    help: bool = False


class _Splitter(argparse.ArgumentParser):
    """Says in one line what argparse says of a value that is missing."""

    def error(self, message: str) -> NoReturn:
        if found := _NO_VALUE.match(message):
            name = found.group(1)
            raise UsageError(f"{name} wants a value; one that begins with a dash is given as {name}=-value")
        if found := _FLAG_WITH_VALUE.match(message):
            raise UsageError(f"{found.group(1)} takes no value")
        raise UsageError(message)


def split(settings: type, words: Sequence[str]) -> Given:
    """Return what the words give to the settings; raises `UsageError` for those that are of no option.

    What a verb of `Runner` may hand on to Beam is handed on, unless it is like one of ours: `--max-batchs`,
    `--max_batch`.
    """
    words = list(words)
    end = words.index("--") if "--" in words else len(words)
    splitter = _splitter(settings)
    found, rest = splitter.parse_known_args(words[:end])
    values = vars(found)
    common = {name: values.pop(name) for name in tuple(values) if name.startswith(_PREFIX)}
    given = {name.removeprefix(_PREFIX): value for name, value in common.items()}
    if given.get("help"):
        return Given({}, (), help=True)
    if given["log_format"] not in FORMATS:
        raise UsageError(f"--log-format is {given['log_format']!r}, wanted one of {', '.join(FORMATS)}")
    beams = _beams(settings, rest)
    _place(settings, [*(word for word in rest if not _is_option(word)), *words[end + 1 :]], values, beams)
    return Given(values, beams, **given)


class _Keywords(TypedDict):
    dest: str
    default: str


_PREFIX = "every verb "  # of names in argparse's namespace; no field has it


def _splitter(settings: type) -> _Splitter:
    splitter = _Splitter(add_help=False, allow_abbrev=False)
    for field in options.fields(settings):
        if options.about(field).positional:
            continue
        kind, many = options.kind_of(field)
        name, keywords = options.spelling(field), _Keywords(dest=field.name, default=argparse.SUPPRESS)
        if kind is bool:
            splitter.add_argument(name, action="store_true", **keywords)
        elif many:
            splitter.add_argument(name, nargs="+", action="extend", **keywords)
        else:
            splitter.add_argument(name, **keywords)
    splitter.add_argument("--config", dest=f"{_PREFIX}config")
    splitter.add_argument("--log-format", dest=f"{_PREFIX}log_format", default=TEXT)
    for name in ("--json", "--dry-run"):
        splitter.add_argument(name, dest=_PREFIX + name.strip("-").replace("-", "_"), action="store_true")
    splitter.add_argument("-h", "--help", dest=f"{_PREFIX}help", action="store_true")
    for name in ("verbose", "quiet"):
        splitter.add_argument(f"-{name[0]}", f"--{name}", dest=f"{_PREFIX}{name}", action="count", default=0)
    return splitter


def _is_option(word: str) -> bool:
    return word.startswith("-") and word != "-" and not re.fullmatch(r"-[\d.]+", word)


def _beams(settings: type, rest: Sequence[str]) -> tuple[str, ...]:
    """Return the options that may be Beam's; raises `UsageError` for all others."""
    ours = [*options.spellings(settings), *_COMMON]
    beams = []
    for word in filter(_is_option, rest):
        name = word.partition("=")[0]
        hyphens = name.replace("_", "-").lower()
        if not (issubclass(settings, Runner) and name.startswith("--")):
            raise UsageError(f"unknown option {name}{did_you_mean(hyphens, ours)}")
        if name not in _BEAMS_TOO:
            near = did_you_mean(hyphens, ours, _NEAR_OURS)
            if near or "-" in name[2:]:
                raise UsageError(f"unknown option {name}{near}")
        beams.append(word)
    return tuple(beams)


def _place(settings: type, words: Sequence[str], values: dict[str, Any], beams: Sequence[str]) -> None:
    """Give the words that belong to no option to the positional fields, in order."""
    places = options.positionals(settings)
    if len(words) > len(places):
        word = words[len(places)]
        if beams and "=" not in beams[-1]:
            raise UsageError(f"one word too many: {word}; Beam's options have their value after =, {beams[-1]}={word}")
        raise UsageError(f"one word too many: {word or repr(word)}")
    values.update(zip((field.name for field in places), words, strict=False))
