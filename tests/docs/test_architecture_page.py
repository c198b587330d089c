"""docs/architecture.md names modules and functions that are there."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
STREAM = ("beam_jobs/stream/", "beam_jobs/kafka/")  # the page says so
STEPS = re.findall(r"`((?:beam_jobs|models|transforms|schemas)(?:\.\w+)+)`", PAGE)
FILES = re.findall(r"`([\w/]+\.(?:py|txt))`", PAGE)


def defined(dotted: str) -> bool:
    """Whether a module defines what stands behind its name, a method of a class included."""
    words = dotted.split(".")
    at = next(n for n in range(len(words), 0, -1) if (ROOT / "/".join(words[:n])).with_suffix(".py").is_file())
    body = ast.parse((ROOT / "/".join(words[:at])).with_suffix(".py").read_text()).body
    for word in words[at:]:
        found = [node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == word]
        if not found:
            return False
        body = found[0].body
    return True


@pytest.mark.parametrize("step", STEPS)
def test_a_step_of_the_walk_is_there(step):
    assert defined(step)


def test_both_walks_are_read():
    assert len(STEPS) >= 20


@pytest.mark.parametrize("file", FILES)
def test_a_named_file_is_there(file):
    assert any((ROOT / folder / file).is_file() for folder in ("", *STREAM))
