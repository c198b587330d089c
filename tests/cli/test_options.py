"""Settings from a command line, a TOML file and defaults: who wins, and what is said when something is wrong."""

import argparse
import dataclasses
import pathlib

import pytest

from beam_jobs.cli import options
from beam_jobs.cli.options import argument, option
from beam_jobs.cli.settings import VERBS
from schemas.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bake:
    """Bake something."""

    cake: str = argument("which cake", choices=("plain", "rich"))
    oven: str = option("which oven")
    degrees: int = option("how hot, 100 % of the time", 180)
    hours: float = option("how long", 1.0)
    layers: tuple[str, ...] = option("from below", ())
    icing: bool = option("with icing", False)
    note: str | None = option("for the baker", None)


def parsed(*argv: str) -> dict:
    parser = argparse.ArgumentParser()
    options.add_to_parser(parser, Bake)
    return vars(parser.parse_args(argv))


def test_command_line_over_file_over_default(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "bake.toml"
    file.write_text('cake = "rich"\noven = "left"\ndegrees = 200\nhours = 2\nlayers = ["a", "b"]\nicing = true\n')
    found = options.build(Bake, parsed("--degrees", "210"), str(file))
    assert found == Bake(cake="rich", oven="left", degrees=210, hours=2.0, layers=("a", "b"), icing=True)
    assert type(found.hours) is float


def test_every_kind_of_option() -> None:
    given = parsed("plain", "--oven", "o", "--layers", "x", "y", "--icing", "--hours", ".5", "--note", "n")
    assert options.build(Bake, given) == Bake(
        cake="plain", oven="o", layers=("x", "y"), icing=True, hours=0.5, note="n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("degrees = [", "not TOML"),
        ("colour = 1", "unknown option 'colour'; known: cake, degrees"),
        ('degrees = "hot"', "degrees is 'hot', wanted int"),
        ("degrees = true", "degrees is True, wanted int"),
        ("degrees = 1.5", "degrees is 1.5, wanted int"),
        ("icing = 1", "icing is 1, wanted bool"),
        ("layers = [1]", "layers is 1, wanted a list of str"),
        ("oven = ['a']", "oven is ['a'], wanted str"),
        ('cake = "burnt"', "CAKE is 'burnt', wanted one of plain, rich"),
        ("[oven]\nx = 1", "oven is {'x': 1}, wanted str"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(tmp_path: pathlib.Path, text: str, said: str) -> None:
    file = tmp_path / "bake.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        options.build(Bake, {"cake": "plain", "oven": "o"} if "cake" not in text else {"oven": "o"}, str(file))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "said"), [("none.toml", "no such file"), ("", "is a directory")])
def test_a_file_that_cannot_be_read(tmp_path: pathlib.Path, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        options.build(Bake, {}, str(tmp_path / name))


@pytest.mark.parametrize(
    ("argv", "said"), [(["--oven", "o"], "CAKE is missing: which cake"), (["plain"], "--oven is missing: which oven")]
)
def test_what_is_missing_is_named(argv: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        options.build(Bake, parsed(*argv))


def test_people_who_script_cannot_forget_either() -> None:
    with pytest.raises(TypeError, match="oven"):
        Bake(cake="plain")


def test_help_shows_defaults_and_stands_percent_signs() -> None:
    parser = argparse.ArgumentParser()
    options.add_to_parser(parser, Bake)
    text = " ".join(parser.format_help().split())
    assert "how hot, 100 % of the time (default: 180)" in text
    assert "{plain,rich}" in text


@pytest.mark.parametrize("settings", VERBS.values(), ids=list(VERBS))
def test_every_option_of_every_verb_has_a_type_that_can_be_given(settings: type) -> None:
    parser = argparse.ArgumentParser()
    options.add_to_parser(parser, settings)
    parser.format_help()
    assert dataclasses.is_dataclass(settings)
    assert settings.__doc__
    assert not settings.__doc__.startswith(settings.__name__ + "(")
