"""Where a candidate comes from: commits of a real Git."""

import subprocess

import pytest

from models.training.source import UNKNOWN, Source, commit_of


@pytest.fixture
def files(tmp_path):
    """Two committed files of a repository."""
    made = [tmp_path / "one.py", tmp_path / "two.py"]
    for file in made:
        file.write_text("1\n")
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "m"]):
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True)
    return made


def head(files):
    found = subprocess.run(["git", "-C", str(files[0].parent), "rev-parse", "HEAD"], capture_output=True, text=True)
    return found.stdout.strip()


def test_the_commit_of_files_that_are_as_committed(files):
    assert len(head(files)) == 40
    assert commit_of(files) == head(files)
    (files[0].parent / "other.txt").write_text("not one of them")
    assert commit_of(files) == head(files)


def test_files_that_were_changed_since_say_so(files):
    files[1].write_text("2\n")
    assert commit_of(files) == f"{head(files)}-changed"


def test_files_that_git_does_not_know_have_no_commit(files, tmp_path, monkeypatch):
    other = tmp_path / "untracked.py"
    other.write_text("")
    assert commit_of([other]) == ""
    monkeypatch.setenv("PATH", str(tmp_path))  # no Git here
    assert commit_of(files) == ""


@pytest.mark.parametrize("manifest", [{}, {"source": None}, {"source": {"commit": 7}}, {"source": []}])
def test_a_manifest_that_says_nothing(manifest):
    assert Source.of_manifest(manifest) == UNKNOWN
