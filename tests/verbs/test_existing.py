"""`--existing`, and what a killed run leaves: half a set is never complete, and the next run clears it away."""

import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import types

import pytest

from beam_jobs.cli.command_line import main
from beam_jobs.file_runs import existing
from beam_jobs.process.installation import ROOT
from schemas.artifacts import artifact
from schemas.errors import ArtifactError
from tests.batch import deadly_completion
from tests.support.waiting import wait_until
from tests.verbs.test_build_training_set import small  # noqa: F401
from tests.verbs.test_workers import content


def build(capsys, words, data, output, *argv):
    code = main(["build_training_set", "--data", *map(str, data), "--output", str(output), "--json", *words, *argv])
    out, err = capsys.readouterr()
    return code, json.loads(out) if code == 0 else err.splitlines()[-1]


def test_a_set_of_the_same_is_skipped_and_one_of_something_else_is_replaced(small, tmp_path, capsys):  # noqa: F811
    words, shipped = small
    folder = shutil.copytree(shipped, tmp_path / "tips")
    words, data, output = [*words[:-1], str(folder)], [folder / "rows.csv"], tmp_path / "out"
    code, first = build(capsys, words, data, output)
    assert code == 0
    stamp = (output / "COMPLETED").stat().st_mtime_ns

    assert build(capsys, words, data, output)[0] == 1
    assert build(capsys, words, data, output, "--existing", "skip") == (0, first)
    assert build(capsys, words, data, output, "--existing", "skip", "--workers", "2") == (0, first)
    assert (output / "COMPLETED").stat().st_mtime_ns == stamp

    code, said = build(capsys, words, data, output, "--existing", "skip", "--rows-per-shard", "9")
    assert (code, "was made of other options; --existing rebuild replaces it" in said) == (1, True)
    with (folder / "models" / "tips.py").open("a") as file:
        file.write("# another byte\n")
    data[0].write_text(data[0].read_text() + "300,1.5,here,1\n")
    code, said = build(capsys, words, data, output, "--existing", "skip")
    assert (code, "was made of other inputs, use_case;" in said) == (1, True)
    assert (output / "COMPLETED").stat().st_mtime_ns == stamp

    code, second = build(capsys, words, data, output, "--existing", "rebuild")
    assert (code, second["rows"]["read"]) == (0, first["rows"]["read"] + 1)
    artifact.open_artifact(output, "training_set").verify()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "tips"]


@pytest.mark.needs_time
def test_a_key_and_an_earlier_set_count_by_what_they_hold(small, tmp_path, capsys):  # noqa: F811
    words, shipped = small
    folder = shutil.copytree(shipped, tmp_path / "tips")
    schema, key, moved = folder / "schemas" / "tips.pbtxt", tmp_path / "a.key", tmp_path / "b.key"
    hashed = 'feature { name: "town" type: BYTES annotation { tag: "personal:hash" } }'
    schema.write_text(re.sub(r'feature \{ name: "town"[^\n]*\n[^\n]*', hashed, schema.read_text()))
    key.write_text("a key of sixteen bytes or more")
    words, data, output, earlier = [*words[:-1], str(folder)], [folder / "rows.csv"], tmp_path / "out", tmp_path / "old"
    assert build(capsys, words, data, earlier, "--personal-key-file", str(key))[0] == 0

    def again(key: pathlib.Path, *argv: str) -> tuple[int, str]:
        argv = ("--personal-key-file", str(key), "--previous", str(earlier), *argv)
        code, said = build(capsys, words, data, output, *argv)
        return code, said if code else ""

    assert again(key) == (0, "")
    shutil.copy(key, moved)
    assert again(moved, "--existing", "skip") == (0, "")
    key.write_text("another key of sixteen bytes or more")
    code, said = again(key, "--existing", "skip")
    assert (code, "was made of other keys;" in said) == (1, True)
    data[0].write_text(data[0].read_text() + "300,1.5,here,1\n")
    assert build(capsys, words, data, earlier, "--personal-key-file", str(moved), "--existing", "rebuild")[0] == 0
    code, said = again(moved, "--existing", "skip")
    assert (code, "was made of other inputs, previous;" in said) == (1, True)


def test_a_rebuild_that_fails_leaves_the_old_set(small, tmp_path, capsys):  # noqa: F811
    words, folder = small
    output, bad = tmp_path / "out", tmp_path / "bad.csv"
    assert build(capsys, words, [folder / "rows.csv"], output)[0] == 0
    before = content(output)
    bad.write_text("trip,fare,town,tipped\nx,y,z,1\n")
    assert build(capsys, words, [bad], output, "--existing", "rebuild")[0] == 1
    assert content(output) == before


@pytest.mark.needs_time
@pytest.mark.timeout(300)
def test_a_killed_build_is_no_set_and_the_next_one_is_whole(built, trip_files, tmp_path, jobs, capsys):
    output = tmp_path / "out"
    words = ["--use-case", "taxi", "--rows-per-shard", "500"]
    argv = ["build_training_set", "--data", str(trip_files / "*.csv*"), "--output", str(output), "--workers", "2"]
    killed = jobs("beam_jobs.cli.command_line:main", [*argv, *words])
    wait_until(lambda: (output / "unfinished" / "spooled.json").exists(), "the first pass is done", look_s=0.02)
    assert not existing.left_over(output)
    killed.signal(signal.SIGKILL)
    killed.wait(60)
    with pytest.raises(ArtifactError):
        artifact.open_artifact(output, "training_set")
    assert existing.left_over(output)
    code, said = build(capsys, words, [trip_files / "*.csv*"], output)
    assert (code, "not empty" in said) == (1, True)
    assert build(capsys, words, [trip_files / "*.csv*"], output, "--existing", "rebuild")[0] == 0
    assert content(output) == content(built)
    assert pathlib.Path(tmp_path / "out" / "unfinished").exists() is False


def rebuilding(output, says="rebuild"):
    return types.SimpleNamespace(output=str(output), existing=says)


def test_a_run_that_was_killed_while_it_completed_is_cleared_away(tmp_path):
    subprocess.run([sys.executable, "-m", "tests.batch.deadly_completion", str(tmp_path)], cwd=ROOT, check=True)
    for place in deadly_completion.PLACES:
        path = tmp_path / place
        assert (path / "train").exists()
        assert not (path / "COMPLETED").exists()
        existing.check_output(rebuilding(path), "training_set")
        assert existing.left_over(path)


def test_what_others_have_put_there_is_no_left_over(tmp_path):
    for name, text in (("a", "{}"), ("b", '{"kind": "training_set", "run": {}'), ("c", '{"kind": "mine", "run": {}}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(text)
        assert not existing.left_over(tmp_path / name)


def complete_set(path, code):
    path.mkdir()
    return artifact.complete(path, "training_set", {"run": {"code": code}})


def test_names_that_a_killed_rebuild_has_left_are_set_right(tmp_path):
    output, new, old = (tmp_path / name for name in ("set", "set.onegraph-new", "set.onegraph-old"))
    complete_set(new, "b")
    complete_set(old, "a")
    found = existing.taken(rebuilding(output, "skip"), "training_set", lambda: {"code": "b"})
    assert found is not None
    assert found.manifest["run"] == {"code": "b"}
    assert [path.name for path in tmp_path.iterdir()] == ["set"]

    output.rename(old)
    assert existing.taken(rebuilding(output, "skip"), "training_set", lambda: {"code": "b"}) is not None
    assert [path.name for path in tmp_path.iterdir()] == ["set"]

    complete_set(old, "a")
    assert existing.taken(rebuilding(output, "skip"), "training_set", lambda: {"code": "b"}) is not None
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


@pytest.mark.needs_time
def test_an_output_that_is_a_link_is_replaced_where_it_leads(small, tmp_path, capsys):  # noqa: F811
    words, folder = small
    (tmp_path / "real").mkdir()
    output = tmp_path / "link"
    output.symlink_to("real/set")
    assert build(capsys, words, [folder / "rows.csv"], tmp_path / "real" / "set")[0] == 0
    code, said = build(capsys, words, [folder / "rows.csv"], output, "--existing", "rebuild")
    assert code == 0, said
    assert output.is_symlink()
    artifact.open_artifact(output, "training_set").verify()
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["set"]


def test_the_folder_that_one_stands_in_is_not_replaced(tmp_path, monkeypatch):
    complete_set(tmp_path / "set", "a")
    monkeypatch.chdir(tmp_path / "set")
    with pytest.raises(ArtifactError, match="you are in it; change to another folder"):
        existing.check_output(rebuilding("."), "training_set")
    existing.check_output(rebuilding(".", "skip"), "training_set")


@pytest.mark.needs_time
def test_rejected_rows_of_a_rebuild_are_kept_beside_the_output(small, tmp_path, capsys):  # noqa: F811
    words, folder = small
    output, bad = tmp_path / "out", tmp_path / "bad.csv"
    kept = tmp_path / "out.rejected"
    assert build(capsys, words, [folder / "rows.csv"], output)[0] == 0
    bad.write_text("trip,fare,town,tipped\nx,y,z,1\n")
    code, said = build(capsys, words, [bad], output, "--existing", "rebuild")
    assert (code, str(kept) in said, "onegraph-new" in said) == (1, True, False)
    assert kept.is_dir()
    assert build(capsys, words, [folder / "rows.csv"], output, "--existing", "rebuild")[0] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.csv", "out"]
