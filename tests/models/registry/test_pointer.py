"""The pointer: whatever stands in its file is a pointer or refused, at once and in one line."""

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

from models.registry.pointer import (
    LARGEST,
    LAST_GENERATION,
    LIVE_FILE,
    Origin,
    Override,
    Pointer,
    check_readable,
    read_live,
)
from models.variants.variants import MOST, Variants
from schemas.errors import ArtifactError, InputError

GOOD = {"generation": 3, "who": "me", "when": "2024-01-01T00:00:00Z", "why": "", "champion": "a"}

ORIGIN = {"generation": 1, "who": "", "when": "", "why": "", "candidate": "c", "training_set": "", "commit": ""}


def text(**changed: object) -> str:
    return json.dumps(GOOD | changed)


HOSTILE: dict[str, bytes | str] = {
    "not UTF-8": b"\xff",
    "nested deep": b"[" * 100_000,
    "a key twice": text()[:-1] + ', "champion": "b"}',
    "surrogate": text(champion="\ud800"),
    "huge number": text()[:-1] + f', "x": {"9" * 5000}}}',
    "not finite": text()[:-1] + ', "x": NaN}',
    "infinite": text()[:-1] + ', "x": 1e999}',
    "large": text(why="x" * LARGEST),
    "generation true": text(generation=True),
    "generation text": text(generation="3"),
    "generation fraction": text(generation=3.0),
    "generation 0": text(generation=0),
    "generation negative": text(generation=-3),
    "generation beyond": text(generation=LAST_GENERATION + 1),
    "generation null": text(generation=None),
    "who number": text(who=5),
    "why object": text(why={}),
    "champion list": text(champion=["a"]),
    "champion empty": text(champion=""),
    "champion null byte": text(champion="a\0b"),
    "champion escape": text(champion="a\x1b[2J"),
    "champion long": text(champion="a" * 256),
    "experiment number": text(experiment=1),
    "experiment signs": text(experiment="a b"),
    "challengers text": text(challengers="bc"),
    "challengers number": text(challengers=1),
    "challengers of lists": text(challengers=[["b", 0.1]]),
    "challenger without share": text(challengers=[{"bundle": "b"}]),
    "weight text": text(challengers=[{"bundle": "b", "weight": "0.1"}]),
    "weight true": text(challengers=[{"bundle": "b", "weight": True}]),
    "weight list": text(challengers=[{"bundle": "b", "weight": [1]}]),
    "weight huge": text(challengers=[{"bundle": "b", "weight": 10**30}]),
    "weights together": text(challengers=[{"bundle": "b", "weight": 0.6}, {"bundle": "c", "weight": 0.6}]),
    "parts empty": text(challengers=[{"bundle": "b", "parts": []}]),
    "parts number": text(challengers=[{"bundle": "b", "parts": 1}]),
    "parts fraction": text(challengers=[{"bundle": "b", "parts": [[0.5, 1]]}]),
    "parts true": text(challengers=[{"bundle": "b", "parts": [[False, True]]}]),
    "parts backwards": text(challengers=[{"bundle": "b", "parts": [[10, 5]]}]),
    "parts negative": text(challengers=[{"bundle": "b", "parts": [[-1, 5]]}]),
    "parts beyond": text(challengers=[{"bundle": "b", "parts": [[0, 1_000_001]]}]),
    "parts twice": text(challengers=[{"bundle": "b", "parts": [[0, 5], [4, 9]]}]),
    "parts of three": text(challengers=[{"bundle": "b", "parts": [[0, 5, 6]]}]),
    "parts many": text(challengers=[{"bundle": "b", "parts": [[2 * at, 2 * at + 1] for at in range(10_001)]}]),
    "shadows number": text(shadows=5),
    "shadows of objects": text(shadows=[{"b": 1}]),
    "shadow twice": text(shadows=["b", "b"]),
    "shadow is champion": text(shadows=["a"]),
    "shadows many": text(shadows=[f"b{at}" for at in range(20_000)]),
    "overrides number": text(overrides=5),
    "overrides of texts": text(overrides={"a": "why"}),
    "overrides without who": text(overrides={"a": {"when": "", "why": "", "gates": []}}),
    "override's gates a text": text(overrides={"a": {"who": "", "when": "", "why": "", "gates": "auc"}}),
    "override's why a number": text(overrides={"a": {"who": "", "when": "", "why": 5, "gates": []}}),
    "origins number": text(origins=5),
    "origins without generation": text(origins={"a": ORIGIN | {"generation": None}}),
    "origin's who a number": text(origins={"a": ORIGIN | {"who": 5}}),
    "origin without commit": text(origins={"a": {name: value for name, value in ORIGIN.items() if name != "commit"}}),
    "challengers many": text(challengers=[{"bundle": f"b{at}", "weight": 1e-6} for at in range(5_000)]),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile(what, tmp_path):
    data = HOSTILE[what]
    (tmp_path / LIVE_FILE).write_bytes(data if isinstance(data, bytes) else data.encode(errors="surrogatepass"))
    start = time.process_time()
    with pytest.raises(ArtifactError, match=LIVE_FILE) as caught:
        read_live(tmp_path)
    assert time.process_time() - start < 1
    assert "\n" not in str(caught.value)
    assert "onegraph rollback" in str(caught.value) or "bytes" in str(caught.value)


def test_a_pipe_in_its_place(tmp_path):
    os.mkfifo(tmp_path / LIVE_FILE)
    with pytest.raises(ArtifactError, match="no plain file"):
        read_live(tmp_path)


def test_none_and_one(tmp_path):
    assert read_live(tmp_path) is None
    (tmp_path / LIVE_FILE).write_text(text(generation=LAST_GENERATION, more="said by another version"))
    assert read_live(tmp_path) == Pointer(LAST_GENERATION, Variants("a"), "me", "2024-01-01T00:00:00Z", "")


def test_overrides_are_read_as_they_were_written():
    said = {"a": Override("ann", "2026-01-01T00:00:00Z", "holidays", ("auc is 0.7, wanted at least 0.8",))}
    pointer = Pointer(1, Variants("a"), "me", "now", "", overrides=said)
    assert Pointer.from_text(pointer.text(), "") == pointer
    assert "overrides" not in Pointer(1, Variants("a"), "me", "now", "").to_json()


def test_origins_are_read_as_they_were_written():
    origins = {"a": Origin(1, "ann", "2026-01-01T00:00:00Z", "better", "/c", "/set", "f" * 40)}
    pointer = Pointer(2, Variants("a"), "me", "now", "", origins=origins)
    assert Pointer.from_text(pointer.text(), "") == pointer
    assert "origins" not in Pointer(1, Variants("a"), "me", "now", "").to_json()


def test_reading_one_loads_nothing_heavy(tmp_path):
    (tmp_path / LIVE_FILE).write_text(text())
    program = (
        "import pathlib, sys; from models.registry.pointer import read_live\n"
        "found = read_live(pathlib.Path(sys.argv[1]))\n"
        "heavy = {'tensorflow', 'xgboost', 'apache_beam', 'numpy', 'pyarrow'} & set(sys.modules)\n"
        "sys.exit(','.join(heavy) or (found.champion != 'a'))"
    )
    root = pathlib.Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", program, tmp_path], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_as_many_as_may_serve(tmp_path):
    full = Variants("a", shadows=tuple(f"b{at}" for at in range(MOST - 1)))
    pointer = Pointer(1, full, "", "", "")
    assert Pointer.from_text(pointer.text(), "") == pointer
    with pytest.raises(InputError, match="more than 100 bundles"):
        full.with_shadow("one more")


@pytest.mark.parametrize("why", ["\udcff", "x" * LARGEST])
def test_what_could_not_be_read_again_is_not_written(why):
    with pytest.raises(InputError, match="say it in other words"):
        check_readable(Pointer(1, Variants("a"), "me", "now", why))
