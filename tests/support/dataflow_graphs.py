"""The graph of a job as Dataflow gets it, in lines that a person can compare: steps, DoFns, side inputs, coders."""

import base64
import bz2
import os
import pathlib
import re
import zlib
from typing import Any

import apache_beam as beam
from apache_beam.coders.coders import deserialize_coder
from apache_beam.internal import pickler
from apache_beam.options.pipeline_options import DebugOptions, GoogleCloudOptions, StandardOptions, WorkerOptions
from apache_beam.portability import common_urns, python_urns
from apache_beam.portability.api import beam_runner_api_pb2

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
RENEW = "RENEW_GOLDEN"  # set it and run the tests: the golden files are written anew

PROJECT = "models-of-mine"
IMAGE = "europe-docker.pkg.dev/models-of-mine/onegraph/worker:1"
OPTIONS = (
    f"--project={PROJECT}",
    "--region=europe-west1",
    f"--sdk_container_image={IMAGE}",
    "--dataflow_endpoint=http://localhost:1",  # Beam's validator then asks no bucket whether it is there
)
DRY = (*OPTIONS, "--temp_location=gs://models-of-mine/temp", "--dry_run=True")

_PAR_DO = common_urns.primitives.PAR_DO.urn
_THEIRS = "Analyze Graph/Analyze/"


def dry_run(pipeline: beam.Pipeline) -> beam_runner_api_pb2.Pipeline:
    """Return the graph that Dataflow would get, with the runner's own changes to it."""
    result: Any = pipeline.run()  # Beam's dry run, which no type tells from a job that runs
    return result.job.proto_pipeline


def described(graph: beam_runner_api_pb2.Pipeline, options: beam.pipeline.PipelineOptions) -> str:
    """Return the options that matter, the environments, and one line per leaf step with what it needs.

    Protobuf gives its maps in another order in another process, so all that comes from one is sorted.
    """
    parts = graph.components
    lines = [*_options(options), ""]
    for _, environment in sorted(parts.environments.items()):
        image = beam_runner_api_pb2.DockerPayload.FromString(environment.payload).container_image
        lines.append(f"environment {environment.urn} {image}")
        lines += [f"  stages {_staged(one.role_payload)}" for one in environment.dependencies]
    lines += [f"requires {urn}" for urn in sorted(graph.requirements)]
    leaves = [step for step in parts.transforms.values() if step.spec.urn and not step.subtransforms]
    theirs = [step for step in leaves if step.unique_name.startswith(_THEIRS)]
    if theirs:
        lines.append(f"and the steps of tf.Transform below {_THEIRS}")
    for step in sorted(leaves, key=lambda step: step.unique_name):
        if step in theirs:
            continue
        lines += ["", f"step {step.unique_name}", f"  is {step.spec.urn}"]
        if step.spec.urn == _PAR_DO:
            payload = beam_runner_api_pb2.ParDoPayload.FromString(step.spec.payload)
            lines.append(f"  runs {function_of(payload)}")
            lines += [
                f"  side input {name} {side.access_pattern.urn}" for name, side in sorted(payload.side_inputs.items())
            ]
            if payload.restriction_coder_id:
                lines.append(f"  restriction {_coder(parts, payload.restriction_coder_id)}")
        for name, collection in sorted(step.outputs.items()):
            one = parts.pcollections[collection]
            bounded = beam_runner_api_pb2.IsBounded.Enum.Name(one.is_bounded).lower()
            lines.append(f"  output {name}: {bounded}, {_coder(parts, one.coder_id)}")
    return "\n".join(lines) + "\n"


def function_of(payload: beam_runner_api_pb2.ParDoPayload) -> str:
    """Return where the code of a step is: module and name of its DoFn and, of a plain function, that one's."""
    if payload.do_fn.urn != python_urns.PICKLED_DOFN_INFO:
        return payload.do_fn.urn
    function, *_ = pickler.loads(payload.do_fn.payload)
    inner = getattr(function, "_fn", None)
    named = [function, inner, getattr(inner, "_argspec_fn", None), getattr(function.process, "_argspec_fn", None)]
    names = dict.fromkeys(_name(one) for one in named if one is not None)
    return " of ".join(name for name in names if "CallableWrapperDoFn" not in name) or _name(function)


def functions_of_main(graph: beam_runner_api_pb2.Pipeline) -> list[str]:
    """Return the steps and coders whose pickles name `__main__`: workers have another."""
    return _naming(graph, b"__main__")


def steps_that_name(staged: pathlib.Path, text: str) -> list[str]:
    """Return the steps and coders of a staged graph whose pickles have that text."""
    return _naming(beam_runner_api_pb2.Pipeline.FromString(staged.read_bytes()), text.encode())


def _naming(graph: beam_runner_api_pb2.Pipeline, text: bytes) -> list[str]:
    parts = graph.components
    payloads = {step.unique_name: step.spec.payload for step in parts.transforms.values()}
    payloads |= {name: coder.spec.payload for name, coder in parts.coders.items()}
    return [name for name, payload in payloads.items() if text in _unpacked(payload)]


def check_golden(name: str, text: str) -> None:
    """Compare with the golden file of that name, or write it if `RENEW_GOLDEN` is set."""
    file = GOLDEN / name
    if os.environ.get(RENEW):
        GOLDEN.mkdir(exist_ok=True)
        file.write_text(text)
    assert text.splitlines() == file.read_text().splitlines(), f"{name} differs; {RENEW}=1 writes it anew"


def _options(options: beam.pipeline.PipelineOptions) -> list[str]:
    standard, cloud = options.view_as(StandardOptions), options.view_as(GoogleCloudOptions)
    return [
        f"runner {standard.runner}",
        f"streaming {standard.streaming}",
        f"service options {cloud.dataflow_service_options or []}",
        f"image {options.view_as(WorkerOptions).sdk_container_image}",
        f"experiments {sorted(options.view_as(DebugOptions).experiments or [])}",
    ]


def _coder(parts: beam_runner_api_pb2.Components, name: str) -> str:
    coder = parts.coders[name]
    inner = ", ".join(_coder(parts, one) for one in coder.component_coder_ids)
    kind = coder.spec.urn.removeprefix("beam:coder:")
    if "pickled" in kind:
        kind = _name(deserialize_coder(coder.spec.payload))
    return f"{kind}<{inner}>" if inner else kind


def _name(thing: object) -> str:
    named: Any = thing if hasattr(thing, "__qualname__") else type(thing)
    return f"{named.__module__}.{named.__qualname__}"


def _staged(payload: bytes) -> str:
    return beam_runner_api_pb2.ArtifactStagingToRolePayload.FromString(payload).staged_name


def _unpacked(payload: bytes) -> bytes:
    """Return a payload with what Beam's pickler has compressed inside it."""
    found = payload
    for text in re.findall(rb"[A-Za-z0-9+/=]{40,}", payload):
        raw = base64.b64decode(text + b"=" * (-len(text) % 4))
        for unpack in (bz2.decompress, zlib.decompress):
            try:
                found += unpack(raw)
            except (OSError, ValueError, zlib.error):
                continue
    return found
