"""Prism's binary and its options."""

import pathlib
import subprocess
import sys

import pytest
from apache_beam.options.pipeline_options import PrismRunnerOptions

from beam_jobs.process import installation
from beam_jobs.runners import prism, runners
from schemas.errors import ServiceError


def test_prism_is_found_from_any_folder_or_what_builds_it_is_told(tmp_path, monkeypatch):
    assert prism.folder() == installation.ROOT / ".onegraph" / "bin"  # where scripts/setup puts it
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(installation, "fetched", lambda: tmp_path / "kept")
    wanted = rf"runner prism: no binary at {tmp_path}/kept/bin/prism and none in PATH; `scripts/setup --prism` builds"
    with pytest.raises(ServiceError, match=wanted):
        runners.pipeline_options("prism")
    binary = tmp_path / "kept" / "bin" / "prism"
    binary.parent.mkdir(parents=True)
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    assert runners.pipeline_options("prism").view_as(PrismRunnerOptions).prism_location == str(binary)
    given = runners.pipeline_options("prism", ["--prism_location=/elsewhere"])
    assert given.view_as(PrismRunnerOptions).prism_location == "/elsewhere"


def test_an_installed_wheel_is_told_the_command_for_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "in_checkout", lambda: False)
    monkeypatch.setattr(installation, "fetched", lambda: pathlib.Path("/home/a b/.cache/onegraph/1"))
    command = "GOBIN='/home/a b/.cache/onegraph/1/bin' go install github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77"
    assert command in prism.how_to_get()


def test_where_prism_is_can_be_asked_without_beam():
    program = "import sys, beam_jobs.runners.prism; sys.exit('apache_beam' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_peoples_own_options_win():
    assert prism.flags({"prism_location", "prism_log_level"}) == []
