"""From a frozen dataclass to a command line, a TOML file, or a call from Python.

A verb's settings are one dataclass in `*_settings.py`. Its fields become options: `data_size` is `--data-size`, `as_`
is `--as`, a bool is a flag, a tuple takes several values, a field made with `argument()` is positional.
"""

import argparse
import dataclasses
import pathlib
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import UsageError

_REQUIRED = object()
_PLACEHOLDERS = {str: "TEXT", int: "INTEGER", float: "NUMBER"}


def option(help: str, default: Any = _REQUIRED, choices: Sequence[str] = (), group: str = "") -> Any:
    """A field that is an option `--field-name`; without a default it must be given."""
    return _field(help, default, choices, group=group)


def argument(help: str, default: Any = _REQUIRED, choices: Sequence[str] = ()) -> Any:
    """A field that is a positional argument."""
    return _field(help, default, choices, positional=True)


def _field(help: str, default: Any, choices: Sequence[str], group: str = "", positional: bool = False) -> Any:
    metadata = {"help": help, "choices": tuple(choices), "group": group, "positional": positional}
    metadata["required"] = default is _REQUIRED
    return dataclasses.field(default=dataclasses.MISSING if default is _REQUIRED else default, metadata=metadata)


def fields(settings: type) -> list[dataclasses.Field]:
    """Return the fields that a person can set."""
    return [field for field in dataclasses.fields(settings) if "help" in field.metadata]


def spellings(settings: type) -> list[str]:
    """Return the options of a settings class as they are written, `--data-size`."""
    return [_spelling(field) for field in fields(settings) if not field.metadata["positional"]]


def words(settings: type, values: Mapping[str, Any]) -> list[str]:
    """Return values as a command line would give them; those that are not set are left out.

    >>> from beam_jobs.cli.shared_settings import Broker
    >>> words(Broker, {"bootstrap_servers": "b:1", "ssl_ca_file": None})
    ['--bootstrap-servers', 'b:1']
    """
    line: list[str] = []
    for field in fields(settings):
        value = values.get(field.name)
        if value is True:
            line.append(_spelling(field))
        elif value not in (None, False):
            line += [_spelling(field), *(map(str, value) if isinstance(value, tuple) else [str(value)])]
    return line


def add_to_parser(parser: argparse.ArgumentParser, settings: type) -> None:
    """Add every field of a settings class to an argparse parser; nothing is required here, `build` checks that."""
    groups: dict[str, Any] = {"": parser}
    hints = typing.get_type_hints(settings)
    for field in fields(settings):
        group = field.metadata["group"]
        if group not in groups:
            groups[group] = parser.add_argument_group(group)
        kind, many = _kind(hints[field.name])
        keywords: dict[str, Any] = {"help": _help(field), "default": argparse.SUPPRESS}
        choices = field.metadata["choices"]
        if field.metadata["positional"]:  # may come from a file as well, hence "?"; its choices are checked by `build`
            keywords["metavar"] = "{" + ",".join(choices) + "}" if choices else field.name
            groups[group].add_argument(field.name, type=kind, nargs="*" if many else "?", **keywords)
        elif kind is bool:
            groups[group].add_argument(_spelling(field), dest=field.name, action="store_true", **keywords)
        else:
            if many:
                keywords["nargs"] = "+"
            keywords |= {"choices": choices} if choices else {"metavar": _PLACEHOLDERS[kind]}
            groups[group].add_argument(_spelling(field), dest=field.name, type=kind, **keywords)


def build(settings: type, given: Mapping[str, Any], config: str | None = None) -> Any:
    """Make the settings from what the command line gave, over what a TOML file says, over the defaults.

    Raises `UsageError` for a missing option, an unknown key or a wrong type in the file.
    """
    hints = typing.get_type_hints(settings)
    known = {field.name: field for field in fields(settings)}
    values = {}
    if config:
        for key, value in _read_toml(config).items():
            name = key.replace("-", "_")
            name = name if name in known else f"{name}_"
            if name not in known:
                raise UsageError(f"{config}: unknown option {key!r}; known: {', '.join(sorted(known))}")
            values[name] = _checked(config, key, value, *_kind(hints[name]))
    values.update({name: given[name] for name in known if name in given})
    for name, field in known.items():
        if isinstance(values.get(name), list):
            values[name] = tuple(values[name])
        if field.metadata["required"] and values.get(name) in (None, ()):
            raise UsageError(f"{_spelling(field)} is missing: {field.metadata['help']}")
        if field.metadata["choices"] and name in values and values[name] not in (*field.metadata["choices"], None):
            allowed = ", ".join(field.metadata["choices"])
            raise UsageError(f"{_spelling(field)} is {values[name]!r}, wanted one of {allowed}")
    return settings(**values)


def _kind(hint: Any) -> tuple[type, bool]:
    """Return the type of one value and whether several are taken."""
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is tuple:
        return typing.get_args(hint)[0], True
    return hint, False


def _spelling(field: dataclasses.Field) -> str:
    return field.name.upper() if field.metadata["positional"] else "--" + field.name.rstrip("_").replace("_", "-")


def _help(field: dataclasses.Field) -> str:
    text = field.metadata["help"].replace("%", "%%")
    if field.metadata["required"] or field.default in (None, False, ""):
        return text
    default = " ".join(map(str, field.default)) if isinstance(field.default, tuple) else field.default
    return f"{text} (default: {default})" if default != "" else text


def _read_toml(path: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--config {path}: {error.strerror.lower() if error.strerror else error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {path}: not TOML: {error}") from None


def _checked(config: str, key: str, value: Any, kind: type, many: bool) -> Any:
    values = value if many and isinstance(value, list) else [value]
    for part in values:
        fits = isinstance(part, kind) and (kind is bool or not isinstance(part, bool))
        if not fits and not (kind is float and type(part) is int):
            raise UsageError(f"{config}: {key} is {part!r}, wanted {'a list of ' if many else ''}{kind.__name__}")
    converted = [kind(part) for part in values]
    return tuple(converted) if many else converted[0]
