"""A use case with lists, vectors, text and dates goes the whole way: built, released, and equal on every path."""

import json
import random

import numpy as np
import pandas as pd
import pytest

from beam_jobs.batch.event_files import json_events
from beam_jobs.cli.command_line import main
from models.registry.registry import Registry
from models.scoring.explanation import Explanation
from models.scoring.golden import read_golden
from models.scoring.scorer import Scorer
from models.training.training_set import TrainingSet
from tests.support.use_case_folder import UseCaseFolder, lines_of
from transforms.decode.csv_decoder import CsvDecoder
from transforms.decode.json_decoder import JsonDecoder
from transforms.examples.example_values import example_values
from transforms.examples.tfrecord import read_shard
from transforms.intake.take_in import take_in

SCHEMA = """
feature { name: "film" type: INT presence { min_fraction: 1 } annotation { tag: "id" } }
feature { name: "genres" type: BYTES value_count { min: 1 max: 5 } presence { min_fraction: 1 } }
feature { name: "colour" type: FLOAT shape { dim { size: 3 } } float_domain { min: 0 max: 1 } }
feature { name: "ratings" type: FLOAT value_count { min: 1 } annotation { tag: "separator: " } }
feature { name: "actors" type: INT value_count { } }
feature { name: "title" type: BYTES }
feature { name: "released" type: INT int_domain { min: 0 } }
feature { name: "purpose" type: BYTES }
feature { name: "liked" type: INT not_in_environment: "SERVING" }
"""
TRANSFORM = """
import tensorflow as tf
import tensorflow_transform as tft

from transforms import many_valued
from transforms.missing import fill


def preprocessing_fn(inputs):
    return {
        "genres": many_valued.word_ids(inputs["genres"], "genres"),
        "title": many_valued.word_ids(many_valued.words(inputs["title"]), "title", top_k=3),
        "colour": fill(inputs["colour"], 0.5),
        "warmth": tf.exp(fill(inputs["colour"], 0.5)),
        "purpose": many_valued.one_hot(inputs["purpose"], "purpose", 4),
        "rating": tft.scale_to_z_score(many_valued.mean(inputs["ratings"], 0.0)),
        "actors": many_valued.hashed_ids(inputs["actors"], 7),
        "cast": many_valued.count(inputs["actors"]),
        "age": tft.bucketize(fill(inputs["released"], 0), 4),
    }


def label(batch):
    return batch.column("liked")
"""
GENRES = ("Comedy", "Drama", "Film-Noir", "Sci-Fi")
HEAD = ["film", "genres", "colour", "ratings", "actors", "title", "released", "purpose", "liked"]


def rows():
    drawn = random.Random(11)
    yield HEAD
    for film in range(1500):
        genres = drawn.sample(GENRES, drawn.randint(1, 3))
        ratings = [round(drawn.uniform(1, 5), 1) for _ in range(drawn.randint(0, 6))]
        yield [
            film,
            "|".join(genres),
            "|".join(f"{drawn.random():.3f}" for _ in range(3)) if drawn.random() < 0.9 else None,
            " ".join(map(str, ratings)),
            "|".join(str(drawn.randrange(50)) for _ in range(drawn.randint(0, 4))),
            drawn.choice(["The Third Man", "the BIG sleep", "", "Été: 42"]),
            drawn.choice([None, 8000, 12000, 19000]),
            drawn.choice(["cinema", "home"]),
            int("Comedy" in genres or drawn.random() < 0.2),
        ]
    yield [1500, "", "0.1|0.2|0.3", "1.0", "3", "x", 1, "home", 1]  # genres are required
    yield [1501, "a|b|c|d|e|f", "0.1|0.2|0.3", "1.0", "3", "x", 1, "home", 1]
    yield [1502, "Drama", "0.1|0.2", "1.0", "3", "x", 1, "home", 1]
    yield [1503, "Drama", "0.1|0.2|1.5", "1.0", "3", "x", 1, "home", 1]
    yield [1504, "Drama", "0.1|0.2|0.5", "1.0", "3|x", "x", 1, "home", 1]


@pytest.fixture(scope="module")
def case(tmp_path_factory) -> UseCaseFolder:
    return UseCaseFolder.released(tmp_path_factory.mktemp("films"), SCHEMA, TRANSFORM, rows())


@pytest.fixture(scope="module")
def scorer(case) -> Scorer:
    return Scorer.load(Registry(case.registry).champion())


@pytest.fixture(scope="module")
def batch(case, scorer):
    lines = case.lines
    return take_in([line.encode() for line in lines[1:]], CsvDecoder(scorer.schema, HEAD), scorer.schema).batch


def test_the_training_set_has_lists_and_the_matrix_has_named_columns(case):
    training_set = TrainingSet.open(case.training_set)
    rejected = {(one["reason"], one["field"]): one["count"] for one in training_set.manifest["rejections"]}
    assert rejected == {
        ("REQUIRED", "/genres"): 1,
        ("VALUE_COUNT", "/genres"): 1,
        ("VALUE_COUNT", "/colour"): 1,
        ("RANGE", "/colour"): 1,
        ("TYPE", "/actors"): 1,
    }
    names = training_set.feature_names
    assert {f"genres/{genre}" for genre in (*GENRES, "(unseen)")} <= set(names)
    assert [name for name in names if name.startswith("purpose/")][2:] == [
        "purpose/(unseen)",
        "purpose/(3)",
        "purpose/(4)",
    ]
    train = training_set.load("train")
    words = [name for name in names if name.startswith("genres/")]
    counts = train.features[:, [names.index(name) for name in words]]
    shard = training_set.path / training_set.manifest["shards"]["train"][0]["name"]
    first = example_values(next(iter(read_shard(shard)))[0])
    assert {"genres", "title", "colour", "actors", "purpose", "label"} <= first.keys()
    assert not any("/" in name for name in first)
    assert np.bincount(first["genres"], minlength=len(words)).tolist() == counts[0].tolist()
    assert len(first["colour"]) == 3


def test_golden_rows_have_lists(scorer):
    rows, _ = read_golden(scorer.path / "golden")
    cells = rows.to_pydict()
    assert {len(cell) for cell in cells["genres"]} == {1, 2, 3, 4, 5}
    assert {len(cell) for cell in cells["colour"] if cell} == {3}
    assert None in cells["actors"]
    assert any(word not in GENRES for cell in cells["genres"] for word in cell)


def test_rows_of_csv_are_scored_as_events_of_json(case, scorer, batch, tmp_path, capsys):
    assert case.score(tmp_path / "csv", "--with-features", "--format", "jsonl") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]["rejected"] == 5
    events = take_in(json_events(batch), JsonDecoder(scorer.schema), scorer.schema)
    assert not events.rejections
    assert events.batch.equals(batch)
    predictions = lines_of(tmp_path / "csv", "predictions")
    scored = scorer.score(events.batch)
    features = [[one["features"][name] for name in scorer.feature_names] for one in predictions]
    assert np.array(features, np.float32).tobytes() == scored.features.tobytes()
    assert np.array([one["score"] for one in predictions], np.float32).tobytes() == scored.scores.tobytes()


def test_dicts_and_frames_are_scored_as_batches(scorer, batch):
    part = batch.slice(0, 40)
    wanted = scorer.score(part)
    dicts = [json.loads(event) for event in json_events(part)]
    frame = part.to_pandas()
    arrays = pd.DataFrame([{**one, "genres": np.array(one["genres"], object)} for one in dicts])
    for given in (dicts, frame, arrays):
        scored = scorer.score(given)
        assert scored.features.tobytes() == wanted.features.tobytes()
        assert scored.scores.tobytes() == wanted.scores.tobytes()


def test_an_explanation_adds_up_what_the_columns_of_a_list_contribute(scorer, batch):
    scored = scorer.score(batch.slice(0, 1))
    (text,) = Explanation(20).texts(scorer, scored.features, scored.scores)
    found = json.loads(text)
    assert {"genres", "ratings", "actors"} <= found.keys()
    assert not any("/" in name for name in found)


def test_every_path_agrees_bit_for_bit(case, broker, tmp_path, capsys):
    data = tmp_path / "rows.csv"
    data.write_text("\n".join([*case.lines[:300], *case.lines[-5:], ""]))
    argv = ["check_skew", "--data", str(data), "--registry", str(case.registry), "--bootstrap-servers", broker]
    assert main([*argv, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["equal"], result["rows"]) == (True, 299)


def test_a_slice_is_no_list(case, tmp_path, capsys):
    model = case.folder / "models" / "own.py"
    text = model.read_text()
    try:
        model.write_text(text.replace('"purpose",', '"genres",'))
        argv = ["--data", case.data, "--output", tmp_path / "ts", "--dry-run"]
        assert case.verb("build_training_set", *argv) == 1
    finally:
        model.write_text(text)
    assert "slice 'genres' is a column of several values" in capsys.readouterr().err
