"""What `--help` prints, for a terminal of 80 columns: what is required first, the rest in groups."""

import dataclasses
import inspect
import textwrap
from collections.abc import Iterable, Mapping

from beam_jobs.cli import command_words, options

GROUPS = (
    "use case", "how the files are written", "options", "topics", "where to begin", "reading", "split", "gates",
    "training", "search", "folds", "evaluation", "scoring", "writing", "personal data", "how much", "where to",
    "serving", "before a bundle is used", "when things break", "monitoring", "tracking", "where it runs", "Flink",
    "Kafka", "Kafka over TLS and with logins",
)  # fmt: skip
"""Titles of groups, in the order in which a help has them; `options` are those of no group."""

EXIT_CODES = "exit codes: 0 done or stopped by SIGTERM, 1 failed, 2 usage, 3 a gate said no"

_WIDTH = 80
_COLUMN = 28


def of_verb(verb: str, settings: type) -> str:
    """Return the help of a verb."""
    fields = options.fields(settings)
    first = [field for field in fields if options.about(field).positional]
    required = [field for field in fields if _is_required(field)]
    parts = [_usage(verb, first, required), _description(settings)]
    parts += [_block(title, chosen) for title, chosen in (("arguments", first), ("required", required)) if chosen]
    rest = [field for field in fields if field not in first and field not in required]
    for title in GROUPS:
        chosen = [field for field in rest if (options.about(field).group or "options") == title]
        if chosen:
            parts.append(_block(title, chosen))
    if "beam_args" in {field.name for field in dataclasses.fields(settings)}:
        parts.append(_filled("Beam's own options may follow in Beam's spelling, --flink_master=HOST:PORT."))
    parts.append("\n".join(["every verb:", *(_entry(*pair) for pair in command_words.COMMON.items())]))
    return "\n\n".join([*parts, EXIT_CODES])


def overview(groups: Mapping[str, Mapping[str, type]]) -> str:
    """Return the help of all verbs, in groups, each with its first line."""
    width = max(len(verb) for verbs in groups.values() for verb in verbs)
    lines = ["usage: onegraph VERB [options]", ""]
    for title, verbs in groups.items():
        lines.append(f"{title}:")
        for verb, settings in verbs.items():
            words = (settings.__doc__ or "").splitlines()[0]
            lines += _wrapped(f"  {verb:<{width}}  ", words)
        lines.append("")
    example = "onegraph train --training-set training_set --output candidate"
    return "\n".join([*lines, f"for example: {example}", "all of a verb: onegraph VERB --help", "", EXIT_CODES])


def _usage(verb: str, first: Iterable[dataclasses.Field], required: Iterable[dataclasses.Field]) -> str:
    words = [_place(field) for field in first] + [_invocation(field) for field in required] + ["[options]"]
    lines, line = [], f"usage: onegraph {verb}"
    for word in words:
        if len(line) + 1 + len(word) > _WIDTH:
            lines.append(line)
            line = " " * 11 + word
        else:
            line += f" {word}"
    return "\n".join([*lines, line])


def _place(field: dataclasses.Field) -> str:
    name = _invocation(field)
    return name if options.about(field).required else f"[{name}]"


def _is_required(field: dataclasses.Field) -> bool:
    return options.about(field).required and not options.about(field).positional


def _invocation(field: dataclasses.Field) -> str:
    said, many = options.about(field), options.kind_of(field)[1]
    value = said.metavar or (field.name.upper() if said.positional else options.placeholder(field))
    value = f"{value} [{value} ...]" if many else value
    return value if said.positional else f"{options.spelling(field)} {value}".rstrip()


def _description(settings: type) -> str:
    paragraphs = inspect.cleandoc(settings.__doc__ or "").split("\n\n")
    return "\n\n".join(_filled(" ".join(paragraph.split())) for paragraph in paragraphs)


def _block(title: str, fields: Iterable[dataclasses.Field]) -> str:
    lines = [f"{title}:"]
    for field in fields:
        lines.append(_entry(_invocation(field), _help(field)))
        meanings = options.about(field).choices
        if any(meanings.values()):
            width = max(map(len, meanings))
            for name, meaning in meanings.items():
                lines += _wrapped(" " * _COLUMN + f"{name:<{width}}  ", meaning)
    return "\n".join(lines)


def _help(field: dataclasses.Field) -> str:
    said, default = options.about(field), field.default
    notes = [] if any(said.choices.values()) or not said.choices else [", ".join(said.choices)]
    if not said.required and default not in (None, "", ()) and not isinstance(default, bool):
        grouped = isinstance(default, int) and said.metavar != "PORT"
        notes.append(f"default: {default:,}" if grouped else f"default: {default}")
    return f"{said.help} ({'; '.join(notes)})" if notes else said.help


def _entry(invocation: str, words: str) -> str:
    start = f"  {invocation}"
    if len(start) + 2 > _COLUMN:
        return "\n".join([start, *_wrapped(" " * _COLUMN, words)])
    return "\n".join(_wrapped(f"{start:<{_COLUMN}}", words))


def _wrapped(start: str, words: str) -> list[str]:
    return textwrap.wrap(
        words, _WIDTH, initial_indent=start, subsequent_indent=" " * len(start), break_on_hyphens=False
    )


def _filled(words: str) -> str:
    return textwrap.fill(words, _WIDTH, break_on_hyphens=False)
