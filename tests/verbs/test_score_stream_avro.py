"""`score_stream` on Avro events: the scores are those of JSON events; schemas that do not fit are refused."""

import io
import json

import fastavro
import pytest

from beam_jobs.batch.event_files import json_events
from beam_jobs.cli.command_line import main
from schemas.column import Kind
from schemas.schema import SERVING
from tests.support.kafka_records import put, read
from tests.support.present import present

AVRO = {Kind.FLOAT: "double", Kind.INT: "long", Kind.BYTES: "string"}


@pytest.fixture(scope="module")
def serving(taxi):
    return taxi.schema.environment(SERVING)


@pytest.fixture(scope="module")
def written(serving, tmp_path_factory):
    """The writer's schema in a file, and what it says."""
    fields = [{"name": column.name, "type": ["null", AVRO[column.kind]], "default": None} for column in serving.columns]
    schema = {"type": "record", "name": "Trip", "fields": fields}
    path = tmp_path_factory.mktemp("avro") / "trip.avsc"
    path.write_text(json.dumps(schema))
    return path, fastavro.parse_schema(schema)


def avro(record, schema, head=b""):
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, record)
    return head + out.getvalue()


def scores(broker, topic):
    """Return scores and rejection reasons by offset of a source of one partition."""
    found = {int(one["id"].rpartition("/")[2]): one["score"] for one in map(json.loads, values(broker, f"{topic}.p"))}
    reasons = [present(dict(one.headers)["onegraph.reason"]).decode() for one in read(broker, f"{topic}.r")]
    return found, reasons


def values(broker, topic):
    return [one.value for one in read(broker, topic)]


def run(broker, registry, source, *more):
    return main(
        [
            "score_stream",
            *("--bootstrap-servers", broker, "--registry", str(registry), "--group", source),
            *("--source-topic", source, "--predictions-topic", f"{source}.p", "--rejected-topic", f"{source}.r"),
            *("--create-topics", "--until-caught-up", *more),
        ]
    )


@pytest.mark.needs_time
def test_avro_scores_are_those_of_json(broker, topics, registry, trips, serving, written):
    path, schema = written
    rows = trips.slice(0, 200).select(serving.names)
    plain, bare, framed = (topics(name, partitions=1) for name in ("json", "avro", "confluent"))
    put(broker, plain, 0, json_events(rows))
    records = rows.to_pylist()
    put(broker, bare, 0, [avro(record, schema) for record in records])
    put(broker, framed, 0, [avro(record, schema, b"\0\0\0\0\x11") for record in records] + [b"\0\0\0\0\x12", b"{}"])
    assert run(broker, registry, plain) == 0
    assert run(broker, registry, bare, "--value-format", "avro", "--avro-schema", str(path)) == 0
    assert run(broker, registry, framed, "--value-format", "avro-confluent", "--avro-schema", f"17={path}") == 0
    wanted, _ = scores(broker, plain)
    assert len(wanted) == 200
    assert scores(broker, bare) == (wanted, [])
    assert scores(broker, framed) == (wanted, ["AVRO_FRAME", "AVRO_FRAME"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--value-format", "avro"], "takes one --avro-schema, got 0"),
        (["--avro-schema", "a.avsc"], "--value-format is json"),
        (["--value-format", "avro-confluent", "--avro-schema", "a.avsc"], "wants ID=FILE"),
    ],
)
def test_options_that_do_not_go_together(broker, topics, registry, capsys, more, message):
    assert run(broker, registry, topics("trips", partitions=1), *more) == 2
    assert message in capsys.readouterr().err


def test_a_schema_that_does_not_fit_is_refused_before_anything_is_read(broker, topics, registry, tmp_path, capsys):
    path = tmp_path / "other.avsc"
    path.write_text(json.dumps({"type": "record", "name": "T", "fields": [{"name": "fare", "type": "string"}]}))
    assert run(broker, registry, topics("t", partitions=1), "--value-format", "avro", "--avro-schema", str(path)) == 1
    assert "fare" in capsys.readouterr().err
