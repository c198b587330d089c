"""From a frozen dataclass to a command line, a TOML file, or a call from Python.

A verb's settings are one dataclass in `*_settings.py`. Its fields become options: `data_size` is `--data-size`, `as_`
is `--as`, a bool is a flag, a tuple takes several values, a field made with `argument()` is positional. What a value
may be stands once, at its field; `Settings.check` refuses all others, wherever they came from.
"""

import dataclasses
import math
import pathlib
import tomllib
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import UsageError
from schemas.nearest import did_you_mean

_REQUIRED = object()
_PLACEHOLDERS = {str: "TEXT", int: "N", float: "NUMBER", bool: ""}
_LARGEST = 2**63 - 1  # of whole numbers, which others keep in 64 bits
_SHOWN = 80


@dataclasses.dataclass(frozen=True)
class About:
    """What is said of a field: its help, what its values may be, and where the help of the verb shows it."""

    help: str
    required: bool
    positional: bool = False
    choices: Mapping[str, str] = dataclasses.field(default_factory=dict)
    group: str = ""
    metavar: str = ""
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = None


class Settings:
    """Base of the settings of every verb."""

    def check(self) -> None:
        """Raise for what can be told to be wrong before anything heavy is imported: values, paths, manifests."""
        check_values(self)


def option(
    help: str,
    default: Any = _REQUIRED,
    *,
    choices: Sequence[str] | Mapping[str, str] = (),
    group: str = "",
    metavar: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
) -> Any:
    """A field that is an option `--field-name`; without a default it must be given.

    `choices` may say a word about each. A number is at least `minimum`, more than `above`, at most `maximum`.
    """
    about = About(help, default is _REQUIRED, False, _meanings(choices), group, metavar, minimum, maximum, above)
    return _field(about, default)


def argument(
    help: str, default: Any = _REQUIRED, *, choices: Sequence[str] | Mapping[str, str] = (), metavar: str = ""
) -> Any:
    """A field that is a positional argument."""
    return _field(About(help, default is _REQUIRED, True, _meanings(choices), "", metavar), default)


def _field(about: About, default: Any) -> Any:
    return dataclasses.field(default=dataclasses.MISSING if about.required else default, metadata={"about": about})


def _meanings(choices: Sequence[str] | Mapping[str, str]) -> Mapping[str, str]:
    return choices if isinstance(choices, Mapping) else dict.fromkeys(choices, "")


def fields(settings: type) -> list[dataclasses.Field]:
    """Return the fields that a person can set."""
    return [field for field in dataclasses.fields(settings) if "about" in field.metadata]


def about(field: dataclasses.Field) -> About:
    """Return what is said of such a field."""
    return field.metadata["about"]


def positionals(settings: type) -> list[dataclasses.Field]:
    """Return the fields that are positional arguments, in order."""
    return [field for field in fields(settings) if about(field).positional]


def spelling(field: dataclasses.Field) -> str:
    """Return how a field is written, `--data-size`; a positional one as messages call it, `FILE`."""
    return field.name.upper() if about(field).positional else "--" + field.name.rstrip("_").replace("_", "-")


def spellings(settings: type) -> list[str]:
    """Return the options of a settings class as they are written, `--data-size`."""
    return [spelling(field) for field in fields(settings) if not about(field).positional]


def placeholder(field: dataclasses.Field) -> str:
    """Return what stands for the value of a field in a help, `DIR`; nothing for a flag."""
    return about(field).metavar or ("NAME" if about(field).choices else _PLACEHOLDERS[kind_of(field)[0]])


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
            line.append(spelling(field))
        elif value is not None and value is not False:
            line += [spelling(field), *(map(str, value) if isinstance(value, tuple) else [str(value)])]
    return line


def build(settings: type, given: Mapping[str, Any], config: str | None = None) -> Any:
    """Make the settings from what the command line gave, over what a TOML file says, over the defaults.

    Text becomes the number that a field wants. Raises `UsageError` for a missing option, an unknown key or a wrong
    type in the file, a number that is none; what else a value may be, `Settings.check` says.
    """
    known = {field.name: field for field in fields(settings)}
    values = _of_file(config, known) if config is not None else {}
    for name, field in known.items():
        if name in given:
            values[name] = _converted(field, given[name])
    missing = [field for name, field in known.items() if about(field).required and values.get(name) in (None, ())]
    if missing:
        raise UsageError(_missing(missing))
    return settings(**values)


def check_values(settings: Any) -> None:
    """Raise `UsageError` for a value that its field does not allow: another choice, too small, too large, empty."""
    for field in fields(type(settings)):
        value = getattr(settings, field.name)
        for one in value if isinstance(value, tuple) else (value,):
            _check_value(field, one)


def kind_of(field: dataclasses.Field) -> tuple[type, bool]:
    """Return the type of one value of a field and whether it takes several."""
    hint = field.type
    if isinstance(hint, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is tuple:
        return typing.get_args(hint)[0], True
    if not isinstance(hint, type):
        raise TypeError(f"{field.name}: of type {hint}, wanted str, int, float, bool, one of them or None, or a tuple")
    return hint, False


def _missing(missing: Sequence[dataclasses.Field]) -> str:
    """Say what is missing: of one what it is, of an action which there are, of several how each is written."""
    first = about(missing[0])
    if first.positional and first.choices:
        choices = ", ".join(f"{name} ({meaning})" if meaning else name for name, meaning in first.choices.items())
        return f"{spelling(missing[0])} is missing, wanted one of {choices}"
    if len(missing) == 1:
        return f"{spelling(missing[0])} is missing: {first.help}"
    named = [_wanted(field) for field in missing]
    return f"{', '.join(named[:-1])} and {named[-1]} are missing"


def _wanted(field: dataclasses.Field) -> str:
    return spelling(field) if about(field).positional else f"{spelling(field)} {placeholder(field)}"


def _check_value(field: dataclasses.Field, value: Any) -> None:
    said, name = about(field), spelling(field)
    if value is None or isinstance(value, bool):
        return
    if said.choices and value not in said.choices:
        near = did_you_mean(str(value), said.choices)
        raise UsageError(f"{name} is {_short(value)}, wanted one of {', '.join(said.choices)}{near}")
    if isinstance(value, str):
        if "\0" in value:
            raise UsageError(f"{name}: has a zero byte in it, wanted {placeholder(field)}")
        if not value.strip() and field.default != "":
            what = f": {said.help}" if said.required else ", or leave it out"
            raise UsageError(f"{name} is empty, wanted {placeholder(field)}{what}")
        return
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise UsageError(f"{name} is {_short(value)}, wanted at most {_LARGEST}")
    outside = (
        not math.isfinite(value)
        or (said.minimum is not None and value < said.minimum)
        or (said.maximum is not None and value > said.maximum)
        or (said.above is not None and value <= said.above)
    )
    if outside:
        raise UsageError(f"{name} is {value}, wanted {_limits(said)}")


def _limits(said: About) -> str:
    if said.above is not None:
        return (
            f"more than {said.above:g}"
            if said.maximum is None
            else f"above {said.above:g} and at most {said.maximum:g}"
        )
    if said.minimum is not None:
        return f"{said.minimum:g} or more" if said.maximum is None else f"{said.minimum:g} to {said.maximum:g}"
    return "a number"


def _converted(field: dataclasses.Field, given: Any) -> Any:
    """Return what the command line gave as the field has it; what is no text is taken as it is."""
    kind, many = kind_of(field)
    if many:
        return tuple(_number(field, kind, one) for one in given)
    return _number(field, kind, given)


def _number(field: dataclasses.Field, kind: type, given: Any) -> Any:
    if kind not in (int, float) or not isinstance(given, str):
        return given
    try:
        return kind(given)
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise UsageError(f"{spelling(field)} is {_short(given)}, wanted {what}") from None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _of_file(config: str, known: Mapping[str, dataclasses.Field]) -> dict[str, Any]:
    values = {}
    for key, value in _read_toml(config).items():
        name = key.replace("-", "_")
        name = name if name in known else f"{name}_"
        if name not in known:
            keys = {field.name.rstrip("_"): "" for field in known.values()}
            near = did_you_mean(key.replace("-", "_"), keys)
            raise UsageError(f"{config}: unknown option {_short(key)}{near or '; known: ' + ', '.join(sorted(keys))}")
        values[name] = _checked(config, key, value, *kind_of(known[name]))
    return values


def _read_toml(path: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"--config {path}: {error.strerror.lower() if error.strerror else error}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--config {path}: not TOML: {error}") from None


def _checked(config: str, key: str, value: Any, kind: type, many: bool) -> Any:
    values = value if many and isinstance(value, list) else [value]
    for part in values:
        fits = isinstance(part, kind) and (kind is bool or not isinstance(part, bool))
        if not fits and not (kind is float and type(part) is int and abs(part) <= _LARGEST):
            named = {str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false"}[kind]
            raise UsageError(f"{config}: {key} is {_short(part)}, wanted {'a list of ' if many else ''}{named}")
    converted = [kind(part) for part in values]
    return tuple(converted) if many else converted[0]
