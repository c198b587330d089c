"""`--dry-run` of what changes a registry: says what would change, refuses what the verb would, and writes nothing."""

import json
import pathlib
import shutil
from typing import Any

import pytest

from beam_jobs.cli.command_line import main
from models.registry.registry import Registry
from schemas.errors import ArtifactError
from tests.support.signing_keys import make_key


def contents(folder: pathlib.Path) -> dict[str, Any]:
    """Everything in a folder: the bytes of files and when they were written, and the folders."""
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


class Planner:
    """Runs a verb with --dry-run, compares the registry before and after, returns the lines of standard output."""

    def __init__(self, registry: Registry, capsys: pytest.CaptureFixture[str]):
        self._registry, self._capsys = registry, capsys

    def __call__(self, *argv: str) -> list[str]:
        before = contents(self._registry.path)
        assert main([*argv, "--registry", str(self._registry.path), "--dry-run", "--json"]) == 0
        assert contents(self._registry.path) == before
        return json.loads(self._capsys.readouterr().out)["would"]


@pytest.fixture
def planned(registry_of_two: Registry, capsys: pytest.CaptureFixture[str]) -> Planner:
    return Planner(registry_of_two, capsys)


def test_rollback(registry_of_two: Registry, planned: Planner) -> None:
    first, second = (pointer.champion for pointer in registry_of_two.history())
    wanted = [f"champion would be {first} in place of {second}, generation 3", f"then serve: champion {first}"]
    gone = f"{second} would serve no longer, it is champion now"
    assert planned("rollback") == planned("rollback", "--to", first) == [wanted[0], gone, wanted[1]]


def test_changes_of_who_serves(registry_of_two: Registry, planned: Planner) -> None:
    first, second = (pointer.champion for pointer in registry_of_two.history())
    registry_of_two.change(lambda now: now.joined(first, "challenger", 0.1), "me", "now", "")
    as_now = f"champion would be {second} as now, generation 4"
    assert planned("registry", "weigh", first, "--weight", "0.25") == [
        as_now,
        f"{first} would have 0.25 of keys, now 0.1",
        f"then serve: champion {second}, challenger {first} 0.25 of keys",
    ]
    assert planned("registry", "remove", first) == [
        as_now,
        f"{first} would serve no longer, it is challenger now",
        f"then serve: champion {second}",
    ]
    assert planned("registry", "promote", first)[0] == f"champion would be {first} in place of {second}, generation 4"
    assert planned("registry", "list") == planned("registry", "show") == planned("registry", "verify") == []


def test_sign(registry_of_two: Registry, planned: Planner, tmp_path: pathlib.Path) -> None:
    champion, key = registry_of_two.released().champion, make_key(tmp_path / "keys")
    argv = ("registry", "sign", champion, "--sign-key-file", str(key.private))
    (line,) = planned(*argv)
    assert line.startswith(f"bundle {champion} would be signed by key ")
    assert line.endswith("; its id stays")
    assert main([*argv, "--registry", str(registry_of_two.path)]) == 0
    planned._capsys.readouterr()
    (line,) = planned(*argv)
    assert line.endswith("already; nothing would change")


def test_release_of_what_is_there_and_of_what_is_not(
    registry: pathlib.Path,
    candidate: pathlib.Path,
    second_candidate: pathlib.Path,
    tmp_path: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = Registry(shutil.copytree(registry, tmp_path / "registry"))
    first, planned = own.released().champion, Planner(own, capsys)
    assert planned("release", "--candidate", str(candidate)) == [
        f"candidate {candidate} is bundle {first} of the registry already",
        f"champion would be {first} as now, generation 2",
        f"then serve: champion {first}",
    ]
    key = make_key(tmp_path / "keys")
    argv = ["release", "--candidate", str(second_candidate), "--as", "challenger", "--weight", "0.25"]
    lines = planned(*argv, "--experiment", "autumn", "--sign-key-file", str(key.private))
    assert main([*argv, "--registry", str(own.path)]) == 0
    second = own.released().variants.newest("challenger")
    assert lines[0] == f"candidate {second_candidate} would become bundle {second}"
    assert lines[1].startswith(f"{second} would be signed by key ")
    assert lines[2:] == [
        f"champion would be {first} as now, generation 2",
        f"{second} would be challenger of 0.25 of keys",
        "experiment would be 'autumn', now '': keys are dealt anew",
        f"then serve: champion {first}, challenger {second} 0.25 of keys",
    ]


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["rollback"], 1, "has no predecessor, no generation before 1 had others; release another candidate first"),
        (["rollback", "--to", "CHAMPION"], 1, "is the champion already"),
        (["rollback", "--to", "b"], 1, "no bundle 'b' to go back to; champions so far, by generation: CHAMPION (1)"),
        (["registry", "promote", "CHAMPION"], 1, "is the champion already"),
        (["registry", "remove", "CHAMPION"], 1, "is the champion; promote or release another one instead"),
        (["registry", "weigh", "CHAMPION", "--weight", "0.1"], 1, "only a challenger has a weight"),
        (["registry", "promote", "b"], 1, "bundle b does not serve here"),
        (["release", "--candidate", "CANDIDATE", "--as", "shadow"], 1, "is the champion, which cannot be shadow too"),
        (["release", "--candidate", "OTHER", "--as", "challenger", "--weight", "1e-7"], 1, "weight is 1e-07, wanted"),
        (["release", "--candidate", "OTHER", "--experiment", "a b"], 1, "experiment 'a b': wanted at most 64"),
        (["release", "--candidate", "nothing"], 1, "nothing: no such candidate directory"),
        (["release", "--candidate", "OTHER", "--why", "x" * 2_000_000], 1, "the next generation of the pointer: over"),
    ],
)
def test_a_plan_refuses_what_the_verb_refuses(
    registry: pathlib.Path,
    candidate: pathlib.Path,
    second_candidate: pathlib.Path,
    capsys: pytest.CaptureFixture[str],
    argv: list[str],
    code: int,
    said: str,
) -> None:
    champion, before = Registry(registry).released().champion, contents(registry)
    real = {"CHAMPION": champion, "CANDIDATE": str(candidate), "OTHER": str(second_candidate)}
    for dry_run in (["--dry-run"], []):
        given = [real.get(word, word) for word in argv]
        assert main([*given, "--registry", str(registry), *dry_run]) == code
        captured = capsys.readouterr()
        assert said.replace("CHAMPION", champion) in captured.err
        assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert contents(registry) == before


def test_an_altered_bundle_is_refused_in_a_plan(
    registry_of_two: Registry, planned: Planner, capsys: pytest.CaptureFixture[str]
) -> None:
    first = registry_of_two.history()[0].champion
    (registry_of_two.bundle_path(first) / "model" / "model.ubj").write_bytes(b"")
    for argv in (["rollback"], ["rollback", "--dry-run"]):
        assert main([*argv, "--registry", str(registry_of_two.path)]) == 1
        assert "model.ubj: its bytes are not those in the manifest" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["rollback", "registry list", "registry show", "release --candidate CANDIDATE"])
def test_what_is_no_registry(
    verb: str, candidate: pathlib.Path, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    makes_one = verb.startswith("release")  # so that one that is not there, or empty, is none to refuse
    (tmp_path / "registry" / "bundles").mkdir(parents=True)
    (tmp_path / "registry" / "live.json").write_text("{}")
    cure = "; `onegraph release` makes one"
    places = {
        tmp_path / "file": f"a file, wanted a registry{cure}",
        candidate: "a candidate, wanted a registry",
        tmp_path / "empty": f"not a registry, has neither live.json nor bundles{cure}",
        tmp_path / "none": f"no such directory, wanted a registry{cure}",
        tmp_path / "registri": f"no such directory, did you mean {tmp_path}/registry?",
    }
    if makes_one:
        places = {
            tmp_path / "file": "a file, wanted a directory; choose another place",
            candidate: "a candidate, wanted the directory of a registry; choose another",
        }
    for path, said in places.items():
        argv = verb.replace("CANDIDATE", str(candidate)).split()
        assert main([*argv, "--registry", str(path)]) == 1
        assert capsys.readouterr().err == f"onegraph {argv[0]}: {path}: {said}\n"


def test_a_registry_at_an_address_is_looked_into_by_jobs_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["registry", "list", "--registry", "gs://models/registry"]) == 2
    assert "gs://models/registry: an address, wanted a directory of this machine" in capsys.readouterr().err


def test_a_registry_that_is_none_is_told_to_people_who_script(candidate: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    (tmp_path / "registry").mkdir()
    (tmp_path / "registry" / "live.json").write_text("{}")
    for path, said in (
        (tmp_path / "file", r"\(a file\)"),
        (tmp_path / "empty", r"\(neither live\.json nor bundles/ in it\)"),
        (tmp_path / "registri", r"\(no such directory, did you mean \S*/registry\?\)"),
        (candidate, r"\(a candidate, wanted a registry\)"),
    ):
        for call in (Registry(path).released, lambda path=path: Registry(path).rollback(None, "me", "now", "")):
            with pytest.raises(ArtifactError, match=f"no bundle is released here {said}; run `onegraph release`"):
                call()
    assert not (candidate / ".lock").exists()
