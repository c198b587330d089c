"""Progress lines, with and without a terminal."""

import os
import pty
import re
import subprocess
import sys

import pytest

PROGRAM = """
from beam_jobs.cli import progress
with progress.step("outer", always={always}):
    for name in ("read", "write"):  # the same rows
        with progress.step(name, always=True):
            progress.advance(1_000)
            progress.advance(234)
if {fails}:
    with progress.step("fails", always=True):
        raise SystemExit(1)
"""


def shown(always, fails=False, terminal=False):
    ours, theirs = pty.openpty()
    program = [sys.executable, "-c", PROGRAM.format(always=always, fails=fails)]
    if not terminal:
        return subprocess.run(program, stderr=subprocess.PIPE, check=False).stderr.decode()
    process = subprocess.Popen(program, stderr=theirs)
    os.close(theirs)
    process.wait()
    return os.read(ours, 100_000).decode()


def test_a_pipe_sees_the_last_line_of_an_outer_step_only():
    lines = shown(always=True, fails=True).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("outer, 1,234 rows ")
    assert lines[0].endswith(" s")


def test_a_pipe_sees_nothing_of_a_step_for_terminals():
    # the inner step is the outermost that is shown then
    said = shown(always=False).splitlines()
    assert [line.split("  ")[0] for line in said] == ["read, 1,234 rows", "write, 1,234 rows"]


@pytest.mark.parametrize("always", [True, False])
def test_a_terminal_sees_the_step(always):
    seen = shown(always, terminal=True)
    assert "outer, 1,234 rows" in seen
    assert "write" not in seen


def test_a_pipe_sees_a_line_now_and_again():
    program = """
import time
from beam_jobs.cli import progress
progress.EVERY_S = 0.05
with progress.step("read", share=lambda: 0.5):
    progress.advance(1_000, rejected=7)
    time.sleep(0.5)
"""
    said = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, check=True).stderr.decode()
    lines = said.splitlines()
    assert len(lines) >= 3
    assert re.fullmatch(r"onegraph: read, 1,000 rows, 7 rejected, [\d,]+ rows/s, 0 s, about 0 s left", lines[0])
