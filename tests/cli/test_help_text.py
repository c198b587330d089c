"""Helps fit a terminal of 80 columns and say all that can be given; what is required comes first."""

import dataclasses

import pytest

from beam_jobs.cli import help_text, options
from beam_jobs.cli.settings import GROUPS, VERBS


def lines(text: str) -> list[str]:
    assert "\t" not in text
    return text.splitlines()


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_a_verb_is_whole_and_fits(verb: str) -> None:
    settings = VERBS[verb]
    found = lines(help_text.of_verb(verb, settings))
    assert max(map(len, found)) <= 80
    usage, head = " ".join(found).split("[options]", 1)[0], found[found.index("every verb:") :]
    assert len(usage) < 200, "too long to be read"
    for field in options.fields(settings):
        said = options.about(field)
        assert said.help, f"{field.name} has no help"
        assert (said.group or "options") in help_text.GROUPS
        written = said.metavar or field.name.upper() if said.positional else options.spelling(field)
        assert any(line.startswith(f"  {written}") for line in found), f"{written} is not in the help"
        if said.required:
            assert f" {written}" in usage
            block = "arguments" if said.positional else "required"
            assert found.index(f"{block}:") < next(n for n, line in enumerate(found) if line.startswith(f"  {written}"))
        else:
            assert f" {written}" not in usage
    for word in (
        "--config FILE",
        "--json",
        "--dry-run",
        "-v, --verbose",
        "-q, --quiet",
        "--log-format NAME",
        "-h, --help",
    ):
        assert any(line.startswith(f"  {word}") for line in head)


def test_every_placeholder_says_what_it_is() -> None:
    fields = [field for settings in VERBS.values() for field in options.fields(settings)]
    asked = [field for field in fields if not options.about(field).positional]
    assert {field.name for field in asked if options.placeholder(field) == "TEXT"} == {"why"}, "a line of any text"


def test_the_overview_has_every_verb_once_in_a_line_and_an_example() -> None:
    found = lines(help_text.overview(GROUPS))
    assert max(map(len, found)) <= 80
    assert [sum(line.startswith(f"  {verb} ") for line in found) for verb in VERBS] == [1] * len(VERBS)
    assert sum(line.startswith("  ") for line in found) == len(VERBS), "each in one line"
    assert "for example: onegraph train --training-set training_set --output candidate" in found


def test_a_default_that_is_a_number_is_grouped_but_a_port_is_not() -> None:
    text = help_text.of_verb("services", VERBS["services"]) + help_text.of_verb("score_stream", VERBS["score_stream"])
    assert "else 9092" in " ".join(text.split())
    assert "(default: 8,388,608)" in text
    assert all(dataclasses.is_dataclass(settings) for settings in VERBS.values())
