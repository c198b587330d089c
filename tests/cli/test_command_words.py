"""Words that are no option of ours: what may be Beam's goes on to Beam's check, what is like one of ours is refused."""

import argparse

import pytest
from apache_beam.options import pipeline_options

from beam_jobs.cli.command_words import split
from beam_jobs.cli.settings import VERBS, BuildTrainingSet, ScoreStream
from beam_jobs.cli.shared_settings import Runner
from beam_jobs.runners.flink_options import FLINK_OPTIONS
from schemas.errors import UsageError


def beams_options() -> set[str]:
    parser = argparse.ArgumentParser(add_help=False, conflict_handler="resolve")
    for options in pipeline_options.PipelineOptions.__subclasses__():
        if options.__module__ == pipeline_options.__name__:
            options._add_argparse_args(parser)  # type: ignore[arg-type]
    return {word for action in parser._actions for word in action.option_strings} | {f"--{n}" for n in FLINK_OPTIONS}


@pytest.mark.parametrize("settings", [one for one in VERBS.values() if issubclass(one, Runner)])
def test_no_option_of_beams_is_taken_for_one_of_ours(settings: type) -> None:
    known = beams_options() - {"--runner", "--bootstrap_servers"}  # ours, and one that nothing here would read
    assert len(known) > 150
    for name in known:
        assert split(settings, [f"{name}=1"]).beam_args == (f"{name}=1",)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--max_batch=1"], "unknown option --max_batch, did you mean --max-batch?"),
        (["--max-batchs", "1"], "unknown option --max-batchs, did you mean --max-batch?"),
        (["--MAX-BATCH", "1"], "unknown option --MAX-BATCH, did you mean --max-batch?"),
        (["--bootstrap_servers=h:1"], "unknown option --bootstrap_servers, did you mean --bootstrap-servers?"),
        (["--no-such-thing"], "unknown option --no-such-thing"),
        (["-z"], "unknown option -z"),
        (["stray"], "one word too many: stray"),
        (
            ["--streaming", "stray"],
            "one word too many: stray; Beam's options have their value after =, --streaming=stray",
        ),
        (["--log-format", "xml"], "--log-format is 'xml', wanted one of text, json"),
    ],
)
def test_what_is_no_option_is_said(words: list[str], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        split(ScoreStream, words)
    assert str(caught.value) == said


def test_what_every_verb_has_stands_apart() -> None:
    given = split(BuildTrainingSet, ["-vv", "--data", "a", "b", "--json", "--config=c", "-q", "--region=x"])
    assert given.values == {"data": ["a", "b"]}
    assert (given.verbose, given.quiet, given.json, given.dry_run, given.config) == (2, 1, True, False, "c")
    assert given.beam_args == ("--region=x",)
    assert split(BuildTrainingSet, ["--nonsense", "-h"]).help
