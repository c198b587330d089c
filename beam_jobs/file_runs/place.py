"""Where the pipelines of a job over files run: in this process, or on Flink, handed over and watched to their end."""

import dataclasses
import logging
import os
import pathlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from beam_jobs.cli import logs
from beam_jobs.file_runs.run_names import WORK
from beam_jobs.process.worker_pool import worker_pool
from beam_jobs.raw_files.plain_file import bytes_read
from beam_jobs.raw_files.raw_format import RawFile
from beam_jobs.runners import dataflow
from beam_jobs.runners.flink import cluster as flink_cluster
from beam_jobs.runners.flink.job import submit
from beam_jobs.runners.in_process.run import run_pipeline
from beam_jobs.runners.patches import dofn_specs
from beam_jobs.runners.runners import counters, in_this_process, is_flink, pipeline_options
from beam_jobs.services import local_flink
from schemas.address import is_remote
from schemas.errors import OnegraphError, UsageError

_WORTH_BYTES = 32 << 20  # of raw text: some seconds of work, as starting processes takes
_EXPANDED = 5
# What of settings of verbs over files names files that workers read or write.
_SEEN = ("output", "data", "eval_data", "test_data", "registry", "use_case_path")


class PlaceSettings(Protocol):
    """What says where a job runs."""

    @property
    def runner(self) -> str:
        """Where the pipelines run."""

    @property
    def beam_args(self) -> tuple[str, ...]:
        """Beam's own options."""

    @property
    def services_folder(self) -> str:
        """Whose Flink is meant where no other is named."""

    @property
    def workers(self) -> int | None:
        """How many processes of this machine work, where the runner is here."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Beam's options of a job's pipelines, and the Flink that they go to, if they do."""

    verb: str
    options: PipelineOptions
    cluster: flink_cluster.Cluster | None
    here: bool
    workers: int | None = 1

    def pool(self, files: Sequence[RawFile], modules: Sequence[str]) -> AbstractContextManager[str | None]:
        """Have the processes that do the work of a job on files within the block, with these modules imported.

        Where nobody says how many: all cores, or this process alone if the files are too small for more to pay.
        """
        return worker_pool(self.workers or _workers(files), modules)

    def run(self, pipeline: beam.Pipeline) -> dict[str, int] | None:
        """Run a pipeline to its end; return our counters, None if they are not known. Raises why it failed."""
        if dataflow.chosen(self.options):
            return counters(dataflow.run_to_end(pipeline, self._say)) or None
        if self.cluster is None:
            return counters(run_pipeline(pipeline))
        job = submit(pipeline, self.cluster.rest, self._say)
        state = job.finish()
        if state != "FINISHED":
            raise OnegraphError(f"Flink job {job.id or job.name} is {state}; run again")
        return job.counters()

    def share_read(self, files: Sequence[RawFile]) -> Callable[[], float | None]:
        """Return what says which share of the files' bytes has been read from now on; None where that is not known."""
        total, before = sum(file.stamp.size for file in files if file.stamp is not None), bytes_read()
        known = self.here and total and all(file.stamp is not None for file in files)
        return lambda: (bytes_read() - before) / total if known else None

    def reachable(self, files: Sequence[RawFile]) -> list[RawFile]:
        """Return files as workers find them, who may stand in another folder."""
        return [dataclasses.replace(file, path=self.path(file.path)) for file in files]

    def path(self, path: str) -> str:
        """Return a path or an address as workers find it."""
        return path if self.here or is_remote(path) else os.path.abspath(path)

    def temp(self, output: str) -> str | None:
        """Return where workers elsewhere keep what TensorFlow writes, if the output is at an address; None if not.

        It opens files itself, and knows fewer addresses than Beam. Raises `UsageError` if it can open none.
        """
        if self.here or not is_remote(output):
            return None
        import tensorflow as tf

        given = self.options.view_as(GoogleCloudOptions).temp_location
        known = {str(scheme) for scheme in tf.io.gfile.get_registered_schemes()}
        for folder in (self.path(given) if given else None, f"{output.rstrip('/')}/{WORK}"):
            if folder is not None and (not is_remote(folder) or folder.partition("://")[0] in known):
                return folder.rstrip("/")
        raise UsageError(
            f"--output {output}: TensorFlow cannot write there what it keeps while it makes the graph; "
            "give --temp_location=, a folder that all workers share or an address that starts with gs://"
        )

    def _say(self, line: str) -> None:
        if logging.getLogger().isEnabledFor(logging.WARNING):
            logs.say(f"onegraph {self.verb}: {line}")


def place(settings: PlaceSettings, verb: str) -> Place:
    """Return where a job runs; refuse an output that the runner's workers cannot reach. Writes nothing.

    Raises `UsageError` for options that there are not, `ServiceError` for a Flink that does not answer.
    """
    dofn_specs.install()
    name = verb.replace("_", "-")
    options = pipeline_options(settings.runner, settings.beam_args, job_name=name)
    FileSystems.set_options(options)  # some filesystems want to know more than an address
    if dataflow.chosen(options):
        dataflow.check_batch(options, verb, _seen_by_workers(settings))
    if not is_flink(settings.runner):
        here = in_this_process(settings.runner)
        return Place(verb, options, None, here, settings.workers if here else 1)
    folder = pathlib.Path(settings.services_folder) / "flink"
    cluster = flink_cluster.find(settings.beam_args, lambda: local_flink.cluster(folder))
    slots = 1 if cluster.rest is None else max(1, cluster.rest.overview()["slots-total"])
    ours = flink_cluster.batch_args(settings.beam_args, slots)
    flags = (*settings.beam_args, *cluster.beam_args, *ours)
    return Place(verb, pipeline_options(settings.runner, flags, job_name=name), cluster, here=False)


def _seen_by_workers(settings: PlaceSettings) -> dict[str, tuple[str, ...]]:
    paths = {name: getattr(settings, name, None) for name in _SEEN}
    return {name: (path,) if isinstance(path, str) else tuple(path) for name, path in paths.items() if path}


def _workers(files: Sequence[RawFile]) -> int:
    known = [(file.path, file.stamp.size) for file in files if file.stamp is not None]
    size = sum(size * (1 if path.endswith(".csv") else _EXPANDED) for path, size in known)
    worth = size >= _WORTH_BYTES or len(known) < len(files)
    return len(os.sched_getaffinity(0)) if worth else 1
