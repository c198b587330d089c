"""Examples of one layout are read without a parser: the same values as tfx_bsl's, whatever a file holds."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import ArtifactError
from tests.support.present import present
from transforms.examples.carried import Carried
from transforms.examples.columns import ColumnDecoder, with_columns
from transforms.examples.examples import Decoded, ExampleDecoder, ExampleEncoder
from transforms.examples.names import COLUMN
from transforms.examples.queries import QueryDecoder, with_query
from transforms.examples.weights import with_weight
from transforms.graph.wide_outputs import IDS, VECTOR, WideOutput

NAMES = ("fare", "genre/a", "genre/b", "genre/c", "hour", "size/0", "size/1")
KINDS = ("float", "int", "int", "int", "int", "float", "float")
WIDE = (WideOutput("genre", IDS, 1, 3), WideOutput("size", VECTOR, 5, 2))
SLICES = ("company", "zone")


TYPES = {"card": pa.int64(), "note": pa.large_string()}
NOTHING, ALL = Carried(), Carried(True, tuple(TYPES), True)
CARRIED = [NOTHING, Carried(True), Carried(columns=tuple(TYPES)), Carried(query=True), ALL]


def block(rows: int, seed: int, carried: Carried = NOTHING) -> list[bytes]:
    random = np.random.default_rng(seed)
    features = random.normal(size=(rows, len(NAMES))).astype(np.float32)
    features[random.random(features.shape) < 0.1] = np.nan
    features[:, 4] = random.integers(-3 if seed % 2 else 0, 2**24, rows)
    ids = pa.array([random.integers(0, 3, random.integers(0, 3)).tolist() for _ in range(rows)], pa.list_(pa.int64()))
    texts = {name: pa.array([["a", "Ünï", "", None][at] for at in random.integers(0, 4, rows)]) for name in SLICES}
    encoder = ExampleEncoder(NAMES, KINDS, SLICES, WIDE)
    examples = encoder.encode(features, random.integers(0, 2, rows).astype(np.float32), texts, {"genre": ids})
    if carried.weighted:
        examples = with_weight(examples, random.random(rows).astype(np.float32))
    if carried.columns:
        examples = with_columns(examples, columns(random, rows))
    return with_query(examples, random.integers(0, 2**63, rows)) if carried.query else examples


def columns(random: np.random.Generator, rows: int) -> dict[str, pa.Array]:
    """Columns of few and many values, of none, and of texts so long that their length takes more bytes."""
    cards = [None if one % 5 == 0 else one for one in random.integers(-9, 10**6, rows).tolist()]
    # the last has the bytes of the entries that stand behind it
    kinds = ["", None, "ü", "x" * 79, "x" * 80, "x" * 128, "y" * 20_000, f"\n\x14\n\x0e{COLUMN}card\x12\x00"]
    notes = [kinds[at] for at in random.integers(0, len(kinds), rows)]
    return {"card": pa.array(cards, pa.int64()), "note": pa.array(notes, pa.large_string())}


def decoder(carried: Carried = NOTHING) -> ExampleDecoder:
    return ExampleDecoder(NAMES, KINDS, SLICES, WIDE, carried)


def bits(array: np.ndarray | None) -> tuple[object, ...]:
    return () if array is None else (array.dtype, array.tobytes())


def same(one: Decoded, other: Decoded) -> bool:
    return (
        bits(one.weight) == bits(other.weight)
        and bits(one.query) == bits(other.query)
        and one[0].tobytes() == other[0].tobytes()
        and one[1].tobytes() == other[1].tobytes()
        and all(one[2][name].to_pylist() == other[2][name].to_pylist() for name in SLICES)
        and all(one[2][name].type == other[2][name].type for name in SLICES)
    )


@pytest.mark.parametrize("carried", CARRIED)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_same_as_the_parser(seed: int, carried: Carried, monkeypatch: pytest.MonkeyPatch) -> None:
    examples = block(500, seed, carried)
    wanted = decoder(carried)._parsed(examples)
    monkeypatch.setattr(ExampleDecoder, "_parsed", lambda *_: pytest.fail("the parser was asked"))
    assert same(decoder(carried).decode(examples), wanted)


def test_what_is_carried_is_as_tensorflow_reads_it() -> None:
    examples = block(300, 3, ALL)
    found = decoder(ALL).decode(examples)
    features = [tf.train.Example.FromString(one).features.feature for one in examples]
    assert present(found.weight).tolist() == [one["example.weight"].float_list.value[0] for one in features]
    assert present(found.query).tolist() == [one["example.query"].int64_list.value[0] for one in features]


@pytest.mark.parametrize("carried", [one for one in CARRIED if one.columns])
def test_columns_are_read_without_a_parser_too(carried: Carried) -> None:
    examples = block(300, 3, carried)
    one = ColumnDecoder(TYPES, carried, 1 + len(SLICES) + 1)
    found = one.decode(examples)
    assert "_parser" not in vars(one)
    assert found.equals(one._parsed(examples))
    assert [found.column(name).null_count > 0 for name in TYPES] == [True, True]


def test_queries_are_read_from_the_ends() -> None:
    examples = block(300, 3, ALL)
    one = QueryDecoder()
    assert bits(one.decode(examples)) == bits(decoder(ALL)._parsed(examples).query)
    assert "_parser" not in vars(one)


def test_a_block_that_carries_more_is_the_parsers() -> None:
    examples = block(20, 1, ALL)
    examples[7] += with_columns([b""], {"more": pa.array(["a"])})[0]
    assert same(decoder(ALL).decode(examples), decoder(ALL)._parsed(examples))
    plain = block(20, 1, ALL)
    assert same(decoder().decode(plain), decoder()._parsed(plain))


@pytest.mark.parametrize("carried", [one for one in CARRIED if not (one.weighted and one.query)])
def test_a_block_without_weight_or_query_is_refused(carried: Carried) -> None:
    with pytest.raises(ArtifactError, match="has not one value in every row; build the training set again"):
        decoder(ALL).decode([*block(10, 3, ALL), *block(10, 3, carried)])


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


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from([NOTHING, ALL]),
    st.integers(0, 3),
    st.integers(0, 10_000),
    st.integers(0, 255),
    st.sampled_from(["set", "cut", "insert"]),
)
def test_an_altered_byte_never_gives_other_values(carried: Carried, row: int, place: int, byte: int, how: str) -> None:
    examples = block(4, 2, carried)
    old = examples[row]
    place %= len(old)
    after = old[place + 1 :] if how == "set" else b"" if how == "cut" else old[place:]
    examples[row] = old[:place] + (b"" if how == "cut" else bytes([byte])) + after
    try:
        wanted = decoder(carried)._parsed(examples)
    except Exception as error:
        with pytest.raises(type(error)):
            decoder(carried).decode(examples)
        return
    assert same(decoder(carried).decode(examples), wanted)


def test_a_training_set_is_read_without_tensorflow() -> None:
    program = (
        "import sys, numpy as np; from transforms.examples.examples import *; "
        "e = ExampleEncoder(['a'], ['float']).encode(np.ones((3, 1), np.float32), np.ones(3)); "
        "print(ExampleDecoder(['a'], ['float']).decode(e)[0].tolist(), 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[[1.0], [1.0], [1.0]] False\n"
