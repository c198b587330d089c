"""Settings from a command line, a TOML file and defaults: who wins, and what is said when something is wrong."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import pytest

from beam_jobs.cli import help_text, options
from beam_jobs.cli.command_words import split
from beam_jobs.cli.options import Settings, argument, option
from beam_jobs.cli.settings import VERBS
from schemas.errors import UsageError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bake(Settings):
    """Bake something."""

    cake: str = argument("which cake", choices=("plain", "rich"))
    oven: str = option("which oven")
    degrees: int = option("how hot, 100 % of the time", 180, minimum=50, maximum=250)
    hours: float = option("how long", 1.0, above=0)
    layers: tuple[str, ...] = option("from below", ())
    icing: bool = option("with icing", False)
    note: str | None = option("for the baker", None)


def parsed(*argv: str) -> Mapping[str, Any]:
    return split(Bake, argv).values


def checked(*argv: str) -> Bake:
    made = options.build(Bake, parsed(*argv))
    made.check()
    return made


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
        ("degreess = 1", "unknown option 'degreess', did you mean degrees?"),
        ('degrees = "hot"', "degrees is 'hot', wanted a whole number"),
        ("degrees = true", "degrees is True, wanted a whole number"),
        ("degrees = 1.5", "degrees is 1.5, wanted a whole number"),
        (f"hours = {10**400}", "000..., wanted a number"),
        (f"degrees = {10**400}", "000..., wanted at most 9223372036854775807"),
        ("icing = 1", "icing is 1, wanted true or false"),
        ("layers = [1]", "layers is 1, wanted a list of text in quotes"),
        ("oven = ['a']", "oven is ['a'], wanted text in quotes"),
        ('oven = ""', "--oven is empty, wanted TEXT: which oven"),
        (r'oven = "a\u0000b"', "--oven: has a zero byte in it"),
        ('cake = "burnt"', "CAKE is 'burnt', wanted one of plain, rich"),
        ("[oven]\nx = 1", "oven is {'x': 1}, wanted text in quotes"),
    ],
)
def test_a_bad_file_is_named_with_its_fault(tmp_path: pathlib.Path, text: str, said: str) -> None:
    file = tmp_path / "bake.toml"
    file.write_text(text)
    given = {name: value for name, value in (("cake", "plain"), ("oven", "o")) if name not in text}
    with pytest.raises(UsageError) as caught:
        options.build(Bake, given, str(file)).check()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "said"), [("none.toml", "no such file"), ("", "is a directory")])
def test_a_file_that_cannot_be_read(tmp_path: pathlib.Path, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        options.build(Bake, {}, str(tmp_path / name))


@pytest.mark.parametrize(
    ("argv", "said"),
    [(["--oven", "o"], "CAKE is missing, wanted one of plain"), (["plain"], "--oven is missing: which oven")],
)
def test_what_is_missing_is_named(argv: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        options.build(Bake, parsed(*argv))


def test_people_who_script_cannot_forget_either() -> None:
    with pytest.raises(TypeError, match="oven"):
        Bake(cake="plain")


def test_help_shows_defaults_and_stands_percent_signs() -> None:
    text = " ".join(help_text.of_verb("bake", Bake).split())
    assert "how hot, 100 % of the time (default: 180)" in text
    assert "CAKE which cake (plain, rich)" in text
    assert text.startswith("usage: onegraph bake CAKE --oven TEXT [options] Bake something.")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--degrees", "hot"], "--degrees is 'hot', wanted a whole number"),
        (["--degrees", "1.5"], "--degrees is '1.5', wanted a whole number"),
        (["--degrees", "-5"], "--degrees is -5, wanted 50 to 250"),
        (["--degrees", "251"], "--degrees is 251, wanted 50 to 250"),
        (["--degrees", "9" * 30], f"--degrees is {'9' * 30}, wanted at most 9223372036854775807"),
        (["--degrees", "9" * 5000], "999..., wanted a whole number"),
        (["--hours", "long"], "--hours is 'long', wanted a number"),
        (["--hours", "0"], "--hours is 0.0, wanted more than 0"),
        (["--hours", "nan"], "--hours is nan, wanted more than 0"),
        (["--hours", "inf"], "--hours is inf, wanted more than 0"),
        (["--oven", " "], "--oven is empty, wanted TEXT: which oven"),
        (["--layers", "a", ""], "--layers is empty"),
        (["--note", "--strange"], "--note wants a value; one that begins with a dash is given as --note=-value"),
        (["--oven"], "--oven wants a value"),
        (["--icing=yes"], "--icing takes no value"),
        (["--layer", "a"], "unknown option --layer, did you mean --layers?"),
        (["--ICING"], "unknown option --ICING, did you mean --icing?"),
        (["-x"], "unknown option -x"),
        (["rich"], "one word too many: rich"),
    ],
)
def test_a_bad_value_is_named_with_what_is_wanted(argv: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked("plain", "--oven", "o", *argv)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_that_are_missing_are_named_at_once() -> None:
    with pytest.raises(UsageError, match=r"^CAKE is missing, wanted one of plain, rich$"):
        options.build(Bake, parsed("--oven", "o"))
    with pytest.raises(UsageError, match=r"^--partition N and --offset N are missing$"):
        options.build(VERBS["skip_to"], {"topic": "t"})
    with pytest.raises(UsageError, match=r"^FILE and TOPIC are missing$"):
        options.build(VERBS["send"], {})


def test_an_option_that_takes_several_takes_them_together_or_one_by_one() -> None:
    assert checked("plain", "--oven", "o", "--layers", "a", "b", "--layers", "c").layers == ("a", "b", "c")


def test_arguments_may_stand_anywhere_and_behind_two_dashes() -> None:
    assert checked("--oven", "o", "plain", "--icing") == checked("--icing", "--oven", "o", "--", "plain")


@pytest.mark.parametrize("settings", VERBS.values(), ids=list(VERBS))
def test_every_option_of_every_verb_has_a_type_that_can_be_given(settings: type) -> None:
    assert dataclasses.is_dataclass(settings)
    for field in options.fields(settings):
        kind, many = options.kind_of(field)
        assert kind in (str, int, float, bool), field.name
        assert not (many and kind is bool)
    assert settings.__doc__
    assert not settings.__doc__.startswith(settings.__name__ + "(")
