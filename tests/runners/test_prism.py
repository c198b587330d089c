"""Prism's binary and its options."""

import subprocess
import sys

import pytest
from apache_beam.options.pipeline_options import PrismRunnerOptions

from beam_jobs.runners import prism, runners
from schemas.errors import ServiceError


def test_prism_is_found_or_its_install_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServiceError, match=r"runner prism: no binary at \.onegraph/bin/prism .* go install .*@v2\.77"):
        runners.pipeline_options("prism")
    binary = tmp_path / ".onegraph" / "bin" / "prism"
    binary.parent.mkdir(parents=True)
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    assert runners.pipeline_options("prism").view_as(PrismRunnerOptions).prism_location == str(binary)
    given = runners.pipeline_options("prism", ["--prism_location=/elsewhere"])
    assert given.view_as(PrismRunnerOptions).prism_location == "/elsewhere"


def test_where_prism_is_can_be_asked_without_beam():
    program = "import sys, beam_jobs.runners.prism; sys.exit('apache_beam' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


def test_peoples_own_options_win():
    assert prism.flags({"prism_location", "prism_log_level"}) == []
