"""Dataflow as far as it goes without one: graphs against golden files, a template, a submission, refusals."""

import http.server
import json
import pathlib
import platform
import re
import threading
from collections.abc import Iterator

import apache_beam as beam
import pytest

from beam_jobs.batch import training_set_build
from beam_jobs.batch.file_job import NewDirectory
from beam_jobs.batch.predictions import job as predictions_job
from beam_jobs.batch.spool import SPOOL
from beam_jobs.batch.written_files import UnnamedFile, Written
from beam_jobs.cli.command_line import main
from beam_jobs.cli.settings import BuildTrainingSet, ScoreBatch, ScoreStream
from beam_jobs.file_runs.addressed_output import AddressedOutput
from beam_jobs.file_runs.place import Place
from beam_jobs.process.installation import ROOT
from beam_jobs.raw_files.raw_format import RawFile
from beam_jobs.runners import dataflow, runners
from beam_jobs.stream.job import pipeline as stream_pipeline
from beam_jobs.verbs import doctor
from schemas.errors import OnegraphError, ServiceError
from tests.support import dataflow_graphs

FILES = [RawFile("gs://models-of-mine/trips.csv", "trips.csv", 0)]
OUTPUT = AddressedOutput("gs://models-of-mine/output", "run")


@pytest.fixture
def stream(broker, topics):
    """Settings of a streaming job on topics that exist."""
    names = [topics(name, partitions=4) for name in ("source", "predictions", "rejected")]
    keys = ("source_topic", "predictions_topic", "rejected_topic")

    def settings(*beam_args: str) -> ScoreStream:
        return ScoreStream(
            bootstrap_servers=broker,
            registry="gs://models-of-mine/registry",
            group="scoring",
            partition_groups=2,
            runner="dataflow",
            beam_args=beam_args,
            **dict(zip(keys, names, strict=True)),
        )

    return settings


def graph(settings: ScoreStream) -> beam.Pipeline:
    job = stream_pipeline.stream_job(settings, "score_stream-7-1", stream_pipeline.topics_there(settings))
    return stream_pipeline.pipeline(settings, job)


def check_graph(name: str, pipeline: beam.Pipeline) -> None:
    graph = dataflow_graphs.dry_run(pipeline)
    assert dataflow_graphs.functions_of_main(graph) == []
    dataflow_graphs.check_golden(f"dataflow_{name}.txt", dataflow_graphs.described(graph, pipeline.options))


def test_the_graph_of_score_stream(stream):
    settings = stream(*dataflow_graphs.DRY)
    pipeline = graph(settings)
    check_graph("score_stream", pipeline)
    name = pipeline.options.get_all_options()["job_name"]
    assert re.fullmatch(r"[a-z]([-a-z0-9]*[a-z0-9])?", name), f"no name that Dataflow takes: {name}"


def test_the_graph_of_score_batch():
    settings = ScoreBatch(data=("trips.csv",), registry="gs://models-of-mine/registry", output=OUTPUT.address)
    pipeline = predictions_job.pipeline(settings, pathlib.Path("/bundles/a"), FILES, ["fare"], options(), OUTPUT.work)
    check_graph("score_batch", pipeline)


@pytest.mark.needs_time
def test_the_graphs_of_build_training_set(taxi, tmp_path):
    settings = BuildTrainingSet(use_case="taxi", data=("trips.csv",), output=OUTPUT.address)
    # tf.Transform makes a folder in its `--temp_location` when the graph is built
    output = NewDirectory(tmp_path / "out", "training_set", {}, OUTPUT, temp=str(tmp_path / "temp"))
    first = training_set_build.analysis(settings, taxi, FILES, Place("build", options(), None, here=False), output)
    check_graph("build_training_set_analysis", first)
    spooled = Written({SPOOL: [UnnamedFile(f"{OUTPUT.work}/a.arrows", (0, 0), 3)]})
    second = training_set_build.transformation(settings, taxi, spooled, options(), output)
    check_graph("build_training_set_transformation", second)


def options(*more):
    return runners.pipeline_options("dataflow", (*dataflow_graphs.DRY, *more))


# the runner then does not ask pip what is installed here, which is two seconds of work
NO_PIP = "--experiments=disable_logging_submission_environment"


def test_a_function_of_main_is_found():
    class Stray(beam.DoFn):
        def process(self, element):
            yield element

    Stray.__module__ = "__main__"
    pipeline = beam.Pipeline(options=options(NO_PIP))
    _ = pipeline | beam.Create([1], reshuffle=False) | "Stray Step" >> beam.ParDo(Stray())
    assert dataflow_graphs.functions_of_main(dataflow_graphs.dry_run(pipeline)) == ["Stray Step"]


def test_a_description_does_not_depend_on_the_order_of_protobufs_maps():
    pipeline = beam.Pipeline(options=options(NO_PIP))
    impulse = pipeline | beam.Impulse()
    sides = [beam.pvalue.AsIter(impulse | f"Side {place}" >> beam.Map(len)) for place in range(9)]
    tags = [f"tag_{place}" for place in range(9)]
    _ = impulse | "Many" >> beam.Map(lambda _, *sides: sides, *sides).with_outputs(*tags)
    graph = dataflow_graphs.dry_run(pipeline)
    for place in range(9):
        graph.components.environments[f"another_{place}"].urn = f"urn_{place}"
    lines = dataflow_graphs.described(graph, pipeline.options).splitlines()
    for start in ("environment urn_", "  side input ", "  output tag_"):
        found = [line for line in lines if line.startswith(start)]
        assert len(found) == 9
        assert found == sorted(found)


@pytest.fixture
def local(tmp_path) -> list[str]:
    """Options that send nothing anywhere: all that would be staged stays in a folder."""
    stay = ["--no_auth", f"--staging_location={tmp_path}/staged", f"--temp_location={tmp_path}/temp"]
    return [*dataflow_graphs.OPTIONS, *stay]


def test_a_template_is_written_and_nothing_submitted(stream, local, tmp_path):
    template = tmp_path / "template.json"
    settings = stream(*local, f"--template_location={template}")
    result = dataflow.submit(graph(settings))
    assert result == {"job_name": "onegraph-score-stream-7-1", "template": str(template), "submitted": False}
    written = json.loads(template.read_text())
    assert written["type"] == "JOB_TYPE_STREAMING"
    (pool,) = written["environment"]["workerPools"]
    images = pool["sdkHarnessContainerImages"]
    assert [image["containerImage"] for image in images] == [dataflow_graphs.IMAGE]
    assert sorted(file.name for file in (tmp_path / "staged").rglob("*") if file.is_file()) == [
        "pipeline.pb",
        "submission_environment_dependencies.txt",
    ]


@pytest.fixture
def service() -> Iterator[tuple[str, list[dict]]]:
    """A listener in Dataflow's place that takes a job and names it; returns its address and what was posted."""
    posted: list[dict] = []

    class Service(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = json.dumps({"id": "2026-11-21_job", "name": posted[0]["name"], "projectId": "p"}).encode()
            self.send_response(403 if "/projects/refused/" in self.path else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_address[1]}", posted
        server.shutdown()


def test_a_submission_posts_the_job_and_comes_back_with_its_id(stream, local, service):
    endpoint, posted = service
    settings = stream(*without_endpoint(local), f"--dataflow_endpoint={endpoint}", NO_PIP)
    result = dataflow.submit(graph(settings))
    assert result["job_id"] == "2026-11-21_job"
    assert result["submitted"]
    assert "gcloud dataflow jobs drain 2026-11-21_job --region europe-west1" in dataflow.describe(result)
    (job,) = posted
    assert job["name"] == "onegraph-score-stream-7-1"


def test_a_submission_that_is_not_taken_is_one_line(stream, local, service):
    endpoint, _ = service
    settings = stream(*without_endpoint(local), f"--dataflow_endpoint={endpoint}", "--project=refused", NO_PIP)
    with pytest.raises(ServiceError, match=r"^job onegraph-score-stream-7-1 is not on Dataflow: .*403.*; see the log"):
        dataflow.submit(graph(settings))


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), AssertionError("no terminal state"), SystemExit(1)])
@pytest.mark.parametrize("ended", [False, True])
def test_a_job_that_is_not_waited_for_any_more_is_cancelled_and_why_is_said(fault, ended, monkeypatch):
    class Submitted:
        cancelled = 0

        def job_id(self):
            return "1"

        def wait_until_finish(self):
            raise fault

        def is_in_terminal_state(self):
            return ended

        def cancel(self):
            self.cancelled += 1
            raise OSError("the service is away")

    job = Submitted()
    monkeypatch.setattr(dataflow, "_submitted", lambda pipeline: job)
    with pytest.raises((type(fault), OnegraphError)) as raised:
        dataflow.run_to_end(beam.Pipeline(options=options(NO_PIP)), print)
    assert str(fault) in str(raised.value)
    assert job.cancelled == (not ended)


def without_endpoint(args):
    return [arg for arg in args if not arg.startswith("--dataflow_endpoint")]


REGION = ("--region=europe-west1", "--temp_location=gs://b/temp")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([], "--runner dataflow wants --project=, --region=, --temp_location="),
        (["--project=p", *REGION], "--runner dataflow wants --sdk_container_image=, the image of deploy/dataflow"),
        (["--project=p", *REGION, "--sdk_container_image=i"], "--registry work/registry is a path of this machine"),
        (
            ["--project=p", *REGION, "--sdk_container_image=i", "--registry=gs://b/registry"],
            "--bootstrap-servers 127.0.0.1:9092 is this machine",
        ),
    ],
)
def test_a_stream_that_cannot_work_there_is_refused(given, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work/registry/bundles").mkdir(parents=True)
    topics = ["--source-topic=a", "--predictions-topic=b", "--rejected-topic=c"]
    registry = [] if any(arg.startswith("--registry") for arg in given) else ["--registry=work/registry"]
    assert main(["score_stream", "--runner=dataflow", *topics, *registry, *given]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line


TAKEN = ["--project=p", *REGION, "--sdk_container_image=i"]
BUILD = ["build_training_set", "--use-case=taxi"]
SCORE = ["score_batch", "--registry=gs://b/r"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([*BUILD, "--data=gs://b/a.csv", "--output=out", *TAKEN], "--output out is a path of this machine"),
        ([*SCORE, "--data=gs://b/a.csv", "--output=out", *TAKEN], "--output out is a path of this machine"),
        ([*BUILD, "--data=trips.csv", "--output=gs://b/o", *TAKEN], "--data trips.csv is a path of this machine"),
        ([*SCORE[:1], "--registry=r", "--data=gs://b/a.csv", "--output=gs://b/o", *TAKEN], "--registry r is a path of"),
        (
            [*BUILD, "--data=gs://b/a.csv", "--test-data=trips.csv", "--output=gs://b/o", *TAKEN],
            "--test-data trips.csv is a path of this machine",
        ),
        (
            [*BUILD, "--use-case-path=mine", "--data=gs://b/a.csv", "--output=gs://b/o", *TAKEN],
            "--use-case-path mine is a path of this machine, Dataflow's workers have those of their image; put its",
        ),
        ([*BUILD, "--data=gs://b/a.csv", "--output=gs://b/o", "--project=p"], "wants --region=, --temp_location="),
        (
            [*BUILD, "--data=gs://b/a.csv", "--output=gs://b/o", *TAKEN, "--template_location=gs://b/t"],
            "build_training_set waits for its jobs and names their files itself, so it has no template",
        ),
        (
            [*SCORE, "--data=gs://b/a.csv", "--output=gs://b/o", *TAKEN, "--dry_run=True"],
            "score_batch waits for its jobs and names their files itself, so it has no template and no dry run",
        ),
    ],
)
def test_a_batch_job_that_cannot_work_there_is_refused(argv, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r/bundles").mkdir(parents=True)
    (tmp_path / "trips.csv").touch()
    for layer in ("schemas", "transforms", "models"):
        (tmp_path / "mine" / layer).mkdir(parents=True)
        source = next((ROOT / layer).glob("taxi.p*"))
        (tmp_path / "mine" / layer / source.name).write_bytes(source.read_bytes())
    assert main([*argv, "--runner=dataflow"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "out").exists()


def test_the_worker_image_is_of_the_locked_beam_and_holds_our_packages():
    root = pathlib.Path(__file__).parents[2]
    recipe = (root / "deploy" / "dataflow" / "Dockerfile").read_text()
    (locked,) = re.findall(r"^apache-beam==(\S+)", (root / "requirements.lock").read_text(), re.MULTILINE)
    (python, beams), *_ = re.findall(r"^FROM apache/beam_python(\S+)_sdk:(\S+)$", recipe, re.MULTILINE)
    assert (python, beams) == (".".join(platform.python_version_tuple()[:2]), locked)
    assert "--require-hashes" in recipe
    kept = (root / "deploy" / "dataflow" / "Dockerfile.dockerignore").read_text().split()
    for name in re.findall(r"^COPY (.+) \S+$", recipe, re.MULTILINE):
        for one in name.split():
            assert (root / one).exists(), one
            assert f"!{one}" in kept
    assert set(re.findall(r"^COPY (\w+) \w+$", recipe, re.MULTILINE)) == set(doctor.PACKAGES)
