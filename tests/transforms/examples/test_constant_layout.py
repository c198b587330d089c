"""Examples of one layout are read without a parser: the same values as tfx_bsl's, whatever a file holds."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.examples.examples import ExampleDecoder, ExampleEncoder
from transforms.examples.weights import WeightDecoder, with_weight
from transforms.graph.wide_outputs import IDS, VECTOR, WideOutput

NAMES = ("fare", "genre/a", "genre/b", "genre/c", "hour", "size/0", "size/1")
KINDS = ("float", "int", "int", "int", "int", "float", "float")
WIDE = (WideOutput("genre", IDS, 1, 3), WideOutput("size", VECTOR, 5, 2))
SLICES = ("company", "zone")


def block(rows: int, seed: int, weighted: bool = False) -> list[bytes]:
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, len(NAMES))).astype(np.float32)
    features[random.random(features.shape) < 0.1] = np.nan
    features[:, 4] = random.integers(-3 if seed % 2 else 0, 2**24, rows)
    ids = pa.array([random.integers(0, 3, random.integers(0, 3)).tolist() for _ in range(rows)], pa.list_(pa.int64()))
    texts = {name: pa.array([["a", "Ünï", "", None][at] for at in random.integers(0, 4, rows)]) for name in SLICES}
    encoder = ExampleEncoder(NAMES, KINDS, SLICES, WIDE)
    examples = encoder.encode(features, random.integers(0, 2, rows).astype(np.float32), texts, {"genre": ids})
    return with_weight(examples, random.random(rows).astype(np.float32)) if weighted else examples


def decoder() -> ExampleDecoder:
    return ExampleDecoder(NAMES, KINDS, SLICES, WIDE)


def same(one: tuple, other: tuple) -> bool:
    return (
        one[0].tobytes() == other[0].tobytes()
        and one[1].tobytes() == other[1].tobytes()
        and all(one[2][name].to_pylist() == other[2][name].to_pylist() for name in SLICES)
        and all(one[2][name].type == other[2][name].type for name in SLICES)
    )


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_as_the_parser(seed: int, weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = block(500, seed, weighted)
    wanted = decoder()._parsed(examples)
    monkeypatch.setattr(ExampleDecoder, "_parsed", lambda *_: pytest.fail("the parser was asked"))
    assert same(decoder().decode(examples), wanted)


def test_weights_are_read_from_the_ends() -> None:
    examples = block(300, 3, weighted=True)
    found = WeightDecoder()
    assert found.decode(examples).tobytes() == weights_of(examples)
    assert "_parser" not in vars(found)


def weights_of(examples: list[bytes]) -> bytes:
    read = [tf.train.Example.FromString(one).features.feature["example.weight"].float_list.value[0] for one in examples]
    return np.array(read, np.float32).tobytes()


def test_blocks_of_several_layouts_one_after_the_other() -> None:
    one = decoder()
    for seed in (1, 2, 3, 4):
        examples = block(50, seed)
        assert same(one.decode(examples), decoder()._parsed(examples))
    mixed = block(50, 1) + block(50, 2)
    assert same(one.decode(mixed), decoder()._parsed(mixed))


def test_what_another_program_wrote_is_the_parsers() -> None:
    examples = [tf.train.Example.FromString(one).SerializeToString() for one in block(100, 2)]
    assert same(decoder().decode(examples), decoder()._parsed(examples))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 3), st.integers(0, 10_000), st.integers(0, 255), st.sampled_from(["set", "cut", "insert"]))
def test_an_altered_byte_never_gives_other_values(row: int, place: int, byte: int, how: str) -> None:
    examples = block(4, 2)
    old = examples[row]
    place %= len(old)
    after = old[place + 1 :] if how == "set" else b"" if how == "cut" else old[place:]
    examples[row] = old[:place] + (b"" if how == "cut" else bytes([byte])) + after
    try:
        wanted = decoder()._parsed(examples)
    except Exception as error:
        with pytest.raises(type(error)):
            decoder().decode(examples)
        return
    assert same(decoder().decode(examples), wanted)


def test_a_training_set_is_read_without_tensorflow() -> None:
    program = (
        "import sys, numpy as np; from transforms.examples.examples import *; "
        "e = ExampleEncoder(['a'], ['float']).encode(np.ones((3, 1), np.float32), np.ones(3)); "
        "print(ExampleDecoder(['a'], ['float']).decode(e)[0].tolist(), 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[[1.0], [1.0], [1.0]] False\n"
