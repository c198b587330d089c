"""Personal data from raw files to predictions, batch and stream: canaries are in rejected records, and nowhere else."""

import json
import logging
import random
import re

import numpy as np
import pytest

from beam_jobs.batch import training_set_build
from beam_jobs.cli.command_line import main
from models.scoring.scorer import Scorer
from schemas.artifacts import making
from schemas.errors import ServiceError
from schemas.personal.keys import PersonalKey
from tests.support.canaries import found_in, needles
from tests.support.first_at_once import first_at_once
from tests.support.kafka_records import put, read
from tests.support.present import present
from tests.support.use_case_folder import UseCaseFolder, lines_of

SCHEMA = """
feature { name: "name" type: BYTES annotation { tag: "personal:drop" } }
feature { name: "card" type: BYTES annotation { tag: "id" tag: "personal:hash" } }
feature { name: "customer" type: INT annotation { tag: "key" tag: "personal:hash" } }
feature { name: "postcode" type: BYTES annotation { tag: "personal:truncate:3" } }
feature { name: "born" type: INT annotation { tag: "personal:bucket:year" tag: "time:ms" } }
feature { name: "income" type: FLOAT float_domain { min: 0 } annotation { tag: "personal:bucket:1000" } }
feature { name: "purpose" type: BYTES }
feature { name: "amount" type: FLOAT float_domain { min: 0 } }
feature { name: "label" type: INT not_in_environment: "SERVING" }
"""

TRANSFORM = """
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from transforms.missing import fill

def preprocessing_fn(inputs):
    assert {"name"}.isdisjoint(inputs)
    words = tft.compute_and_apply_vocabulary
    return {
        "customer": words(fill(inputs["customer"], -1), num_oov_buckets=1, vocab_filename="who"),
        "postcode": words(fill(inputs["postcode"], ""), num_oov_buckets=1, vocab_filename="post"),
        "born": tf.cast(fill(inputs["born"], 0), tf.float32),
        "income": fill(inputs["income"], 0.0),
        "amount": 1.0 / fill(inputs["amount"], 1.0),
        "purpose": words(fill(inputs["purpose"], ""), num_oov_buckets=1, vocab_filename="what"),
    }

def label(batch):
    return np.asarray(batch.column("label"), np.float32)
"""
SERVING = ("name", "card", "customer", "postcode", "born", "income", "purpose", "amount")
CUSTOMERS = [70_707_070_001 + 7 * number for number in range(6)]
INCOMES = [47_011.25, 53_123.75, 61_777.125]
BORN = [1_066_777_123_457, 946_777_888_123]
CANARIES = {
    *(needle for text in ("CANARYNAME", "CANARYCARD", "CANARYPOST") for needle in needles(text)),
    *(needle for number in [*CUSTOMERS, *INCOMES, *BORN] for needle in needles(number)),
}
KEY = "0123456789abcdef0123456789abcdef"


def _rows():
    chance = random.Random(5)
    for number in range(900):
        one = chance.randrange(6)
        amount = 0.0 if number in (500, 501) else chance.randint(1, 60) * 50.0
        income = "-5" if number in (10, 11, 12) else INCOMES[one % 3]
        who = f"CANARYNAME{number}", f"CANARYCARD{number}", CUSTOMERS[one], f"ZQ{one}CANARYPOST"
        yield (*who, BORN[one % 2], income, chance.choice("abc"), amount, int(chance.random() < 0.2 + 0.1 * one))


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A use case that was built, trained, evaluated and released, all but its raw data in a folder `out`."""
    folder = tmp_path_factory.mktemp("personal")
    case = UseCaseFolder(folder, SCHEMA, TRANSFORM, [(*SERVING, "label"), *_rows()])
    (folder / "key").write_text(KEY)
    (folder / "other").write_text(KEY[::-1])
    out = folder / "out"
    out.mkdir()
    case.training_set, case.candidate, case.registry = (out / name for name in ("ts", "candidate", "registry"))
    more = ["--personal-key-file", folder / "key", "--test-rows", "keep"]
    assert case.verb("build_training_set", "--data", case.data, "--output", case.training_set, *more) == 0
    case.release()
    return case


@pytest.fixture
def key(case):
    return ["--personal-key-file", str(case.folder / "key")]


@pytest.fixture
def topic(broker, topics, case):
    """A topic of the rows as events, one of them bad, keyed as somebody else would: by the customer."""
    name = topics("cards", partitions=1)
    events = [dict(zip(SERVING, row, strict=False)) for row in _rows()][:40]
    events[10] |= {"income": -5.0}
    events[11] |= {"income": -5.0}
    events[12] |= {"income": -5.0}
    values = [json.dumps(event).encode() for event in events]
    put(broker, name, 0, values, [str(event["customer"]).encode() for event in events])
    return name


def test_no_canary_is_in_what_batch_jobs_write(case, key, tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    out = case.folder / "out"
    for written in ("parquet", "jsonl"):
        shown = ["--format", written, "--with-features", "--contributions", 3]
        assert case.score(out / f"scored-{written}", *shown, *key) == 0
    for path in (case.training_set, case.candidate, case.training_set / "statistics", out / "scored-jsonl"):
        assert main(["inspect", str(path)]) == 0
    said = capfd.readouterr()
    assert not [needle for needle in CANARIES if needle in (said.out + said.err + caplog.text).encode()]
    assert found_in(out, CANARIES) == []
    # The search finds what is there: the rejected rows have their values, treated columns what is left of them.
    assert found_in(case.folder / "out", [b"ZQ1", b"47000.0"]) != []
    (out / "scored-parquet" / "rejected-00000-of-00001.jsonl").read_text().index("CANARYCARD10")
    rejected = {row["row"]: row for row in lines_of(case.training_set, "rejected")}
    assert rejected[10]["value"].startswith("CANARYNAME10,")
    assert (rejected[500]["reason"], rejected[500]["value"]) == ("FEATURE_NONFINITE", None)
    (first, *_) = lines_of(out / "scored-jsonl", "predictions")
    assert len(first["card"]) == 32
    assert "name" not in first
    manifest = json.loads((case.training_set / "manifest.json").read_text())
    treatments = {"name": "drop", "card": "hash", "customer": "hash", "postcode": "truncate:3"}
    treatments |= {"born": "bucket:year", "income": "bucket:1000"}
    assert manifest["personal"] == {"columns": treatments, "key": PersonalKey.of(KEY.encode(), "t").id}
    assert found_in(case.folder, needles(KEY)) == [f"key: {KEY.encode()!r}"]


@pytest.mark.parametrize("hidden", first_at_once([False, True]))
def test_a_killed_build_leaves_no_canary_but_of_columns_that_are_only_hidden(hidden, case, key, tmp_path, monkeypatch):
    def die(*_):
        raise SystemExit("power cut")

    monkeypatch.setattr(training_set_build, "transformation", die)
    monkeypatch.setattr(making, "_remove", lambda _: None)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    if hidden:  # so the search finds what is there
        schema = re.sub("personal:[a-z0-9:]+", "personal:hidden", SCHEMA)
        folder = tmp_path / "hidden"
        case = UseCaseFolder(folder, schema, TRANSFORM.replace('{"name"}', "set()"), [(*SERVING, "label"), *_rows()])
        case.data = case.data.rename(tmp_path.with_suffix(".csv"))
    with pytest.raises(SystemExit):
        case.verb("build_training_set", "--data", case.data, "--output", tmp_path / "ts", *key)
    found = found_in(tmp_path / "ts", CANARIES)
    assert any(".arrows: " in line for line in found) == hidden
    assert bool(found) == hidden
    assert found_in(tmp_path, CANARIES) == [f"ts/{line}" for line in found]


def test_the_stream_treats_as_batch_does(case, key, broker, topic, capfd, caplog):
    argv = ["--bootstrap-servers", broker, "--registry", str(case.registry)]
    names = ["--source-topic", topic, "--predictions-topic", f"{topic}.p", "--rejected-topic", f"{topic}.r"]
    stream = [
        "score_stream",
        *argv,
        *names,
        "--create-topics",
        "--until-caught-up",
        "--group",
        topic,
        "--with-features",
    ]
    assert main([*stream, "--breaker", "off", *key]) == 0
    predictions, rejected = read(broker, f"{topic}.p"), read(broker, f"{topic}.r")
    assert (len(predictions), len(rejected)) == (37, 3)
    told = [present(part) for record in predictions for part in (record.key, record.value)]
    told += [present(value) for record in (*predictions, *rejected) for _, value in record.headers]
    assert not [needle for text in told for needle in CANARIES if needle in text]
    assert len({record.key for record in predictions}) == len(CUSTOMERS)
    assert b"CANARYNAME" in present(rejected[0].value)
    assert int(present(rejected[0].key)) in CUSTOMERS
    assert main(["tail", f"{topic}.p", "--from-start", "--until-end", "--bootstrap-servers", broker]) == 0
    said = capfd.readouterr()
    assert not [needle for needle in CANARIES if needle in (said.out + said.err + caplog.text).encode()]
    data = case.folder / "some.csv"
    data.write_text("\n".join(case.lines[:100]) + "\n")
    assert main(["check_skew", *argv, "--data", str(data), *key]) == 0


def test_without_the_key_of_the_bundle_nothing_is_scored(case, broker, topic, tmp_path, capsys, monkeypatch):
    other = ["--personal-key-file", str(case.folder / "other")]
    ours, theirs = (PersonalKey.of(text.encode(), "t").id for text in (KEY, KEY[::-1]))
    stream = ["score_stream", "--bootstrap-servers", broker, "--registry", str(case.registry), "--source-topic", topic]
    stream += ["--predictions-topic", f"{topic}.p", "--rejected-topic", f"{topic}.r", "--create-topics"]
    batch = ["score_batch", "--registry", str(case.registry), "--data", str(case.data), "--output", str(tmp_path / "o")]
    (bundle,) = (path.name for path in (case.registry / "bundles").iterdir())
    for argv in (stream, batch):
        for given, got in (([], "no key is given"), (other, f"the keys given are {theirs}")):
            assert main([*argv, *given]) == 2
            wanted = f"{argv[0]}: bundle {bundle} has personal columns hashed with key {ours}, {got}; give that key too"
            assert wanted in capsys.readouterr().err
    build = ["build_training_set", "--use-case", "own", "--use-case-path", str(case.folder)]
    assert main([*build, "--data", str(case.data), "--output", str(tmp_path / "ts")]) == 2
    said = capsys.readouterr().err
    assert "use case own: personal:hash of card, customer needs one key, got none; give --personal-key-file" in said
    assert said.count("\n") == 1
    monkeypatch.setenv("BOTH", KEY)
    assert main([*batch, *other, "--personal-key-env", "BOTH"]) == 0
    assert main([*batch, "--personal-key-env", "NONE"]) == 1
    assert "environment variable NONE: a key of 0 bytes, wanted 16 or more" in capsys.readouterr().err


def test_a_script_gives_raw_values_and_the_key(case, key):
    (bundle,) = (case.registry / "bundles").iterdir()
    row = dict(zip(SERVING, next(iter(_rows())), strict=False))
    scorer = Scorer.load(bundle, keys=[PersonalKey.read(case.folder / "key")])
    scored = scorer.score([row])
    assert "name" not in scorer.schema
    again = scorer.score([row | {"name": "Eve", "postcode": row["postcode"][:3] + "XYZ", "income": 47_999.0}])
    assert np.array_equal(scored.features, again.features) == (row["income"] == INCOMES[0])
    with pytest.raises(ServiceError, match=f"bundle {bundle.name} has personal columns hashed with key"):
        Scorer.load(bundle).score([row])


def test_the_registry_says_what_is_treated_and_with_which_key(case, capsys):
    capsys.readouterr()
    key = PersonalKey.of(KEY.encode(), "t").id
    assert main(["registry", "show", "--registry", str(case.registry)]) == 0
    said = capsys.readouterr().out
    assert "card hash, customer hash, income bucket:1000, name drop, postcode truncate:3" in said
    assert f"; hashed with key {key}\n" in said
    assert main(["registry", "show", "--registry", str(case.registry), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bundle"]["personal"]["key"] == key
