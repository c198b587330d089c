"""`onegraph retrain`: from raw files to a released challenger in one command, which goes on where it was stopped.

Each step is the verb of its own; what one has finished is not done again. A run is named by what it is made of: raw
files, use case, options and code. So the same command over the same files has nothing to do, and over others begins a
new run beside the old one.
"""

import contextlib
import dataclasses
import json
import logging
import os
import pathlib
import shutil
from collections.abc import Iterator, Mapping
from typing import Any

from beam_jobs.cli import progress
from beam_jobs.cli import settings as verbs
from beam_jobs.cli.settings import Retrain
from beam_jobs.cli.verbs import import_quietly, run_verb
from beam_jobs.file_runs.run_facts import run_facts
from beam_jobs.raw_files.blocks import check_files
from beam_jobs.raw_files.finding import find_files
from beam_jobs.registries.registry_address import check_writable
from beam_jobs.tracking.telling import check_tracker
from models.evaluation.comparable import NothingToCompare, check_comparable
from models.evaluation.gate_text import gate_text
from models.evaluation.place import evaluation_path
from models.registry.registry import Registry
from models.scoring.manifest import model_facts
from models.spec_json import spec_from_json
from models.training.test_rows import KEEP
from models.training.training_set import TrainingSet
from models.use_case import find_model, find_schema
from models.variants.variants import CHALLENGER, CHAMPION
from schemas import fingerprint
from schemas.artifacts import artifact
from schemas.artifacts.artifact import ArtifactKind
from schemas.errors import ArtifactError, GateRefusal, InputError, OnegraphError, UsageError
from schemas.file_lock import lock_within
from schemas.plain_files import write_whole
from schemas.schema import TRAINING

_LETTERS = 12
_LOCK = ".lock"
_TRIED = "rejected_every_row"  # names the champion that did

_log = logging.getLogger(__name__)


def check(settings: Retrain) -> None:
    """Raise for raw files, a use case or a registry that are none, and a search that the model has not."""
    _run_of(settings)


def plan(settings: Retrain) -> list[str]:
    """Return which steps are done, and what the others would do."""
    run = _run_of(settings)
    lines = [f"run {run.folder}"]
    steps = {"training set": run.training_set, "candidate": run.candidate, "evaluation": run.evaluation}
    for step, place in steps.items():
        lines.append(f"{step} {place}: {'is there' if _is_done(place) else 'would be made'}")
    if (released := run.released()) is not None:
        return [*lines, f"{_released_text(released)}; nothing would be released"]
    as_ = run.role()
    weight = f" with {settings.weight:g} of keys" if as_ == CHALLENGER else ""
    return [*lines, f"if its gates are met it would be released to {settings.registry} as {as_}{weight}"]


def run(settings: Retrain) -> dict[str, Any]:
    """Do what is not done yet; return the bundle, its role and the run's folders.

    Raises `GateRefusal` if a gate said no: the candidate stays, and says so every time.
    """
    run = _run_of(settings)
    with _alone(run.folder):
        # A network's bytes go by it, and TensorFlow takes it before its first operation alone, which the build makes.
        import_quietly("transforms.graph.graph").use_one_thread()
        with progress.step("build the training set"):
            run_verb(run.build())
        if not _is_done(run.candidate):
            with progress.step("search and train" if settings.trials else "train"):
                run_verb(run.training())
        try:
            findings = _evaluated(run)
        except GateRefusal as refusal:
            found = refusal.findings or {}
            told = {name: found[name] for name in ("metrics", "verdict") if name in found}
            raise GateRefusal(str(refusal), {**run.places(), **told}) from None
        released = run.released()
        if released is None:
            released = run_verb(run.release())
    return {
        **run.places(),
        "metrics": findings["metrics"],
        **{name: released[name] for name in ("bundle", "role", "generation")},
        "registry": settings.registry,
    }


def describe(result: dict[str, Any]) -> str:
    """Return the result for people."""
    if "bundle" not in result:
        return f"{result['run']}: candidate {result['candidate']} stays, nothing was released"
    return f"{result['run']}: {_released_text(result)}, of {result['registry']}"


def _released_text(released: Mapping[str, Any]) -> str:
    if released["role"] is None:
        return (
            f"bundle {released['bundle']} was released in generation {released['generation']} and serves no longer; "
            "`onegraph release` brings it back"
        )
    return f"bundle {released['bundle']} is {released['role']} in generation {released['generation']}"


@dataclasses.dataclass(frozen=True)
class _Run:
    """One run: its settings and its folder, in which every step has a place."""

    settings: Retrain
    folder: pathlib.Path

    @property
    def training_set(self) -> pathlib.Path:
        return self.folder / "training_set"

    @property
    def candidate(self) -> pathlib.Path:
        return self.folder / "search" / "candidate" if self.settings.trials else self.folder / "candidate"

    @property
    def evaluation(self) -> pathlib.Path:
        return evaluation_path(self.candidate)

    def places(self) -> dict[str, str]:
        """Return the run's folders as the result has them."""
        return {"run": str(self.folder), "training_set": str(self.training_set), "candidate": str(self.candidate)}

    def build(self) -> verbs.BuildTrainingSet:
        return _build(self.settings, str(self.training_set))

    def training(self) -> verbs.Train | verbs.Tune:
        given: dict[str, Any] = {"training_set": str(self.training_set), "use_case_path": self.settings.use_case_path}
        if self.settings.trials:
            search = str(self.folder / "search")
            return verbs.Tune(
                **given, output=search, trials=self.settings.trials, parallel=self.settings.trials_at_a_time
            )
        every, track = self.settings.checkpoint_every, self.settings.track
        return verbs.Train(**given, output=str(self.candidate), checkpoint_every=every, track=track)

    def champion(self) -> str | None:
        """Return the champion that the candidate can be compared with; None, with a warning, where it cannot."""
        pointer = Registry(self.settings.registry).standing().pointer
        if pointer is None:
            return None
        bundle = Registry(self.settings.registry).bundle_path(pointer.champion)
        candidate = artifact.open_artifact(self.candidate, ArtifactKind.CANDIDATE)
        spec = spec_from_json(model_facts(candidate.manifest, str(self.candidate)), str(self.candidate))
        try:
            check_comparable(bundle, spec, TrainingSet.open(self.training_set))
        except UsageError as error:
            _warn_of(error)
            return None
        return pointer.champion

    def tried(self) -> str | None:
        """Return the champion that rejected every test row, so that an evaluation without one is as good; else None."""
        try:
            return (self.folder / _TRIED).read_text().strip()
        except OSError:
            return None

    def evaluate(self, champion: str | None) -> verbs.Evaluate:
        return verbs.Evaluate(
            candidate=str(self.candidate),
            training_set=str(self.training_set),
            use_case_path=self.settings.use_case_path,
            registry=None if champion is None else self.settings.registry,
            track=self.settings.track,
        )

    def release(self) -> verbs.Release:
        as_ = self.role()
        return verbs.Release(
            candidate=str(self.candidate),
            registry=self.settings.registry,
            as_=as_,
            weight=self.settings.weight if as_ == CHALLENGER else None,
            why=self.settings.why or f"retrain {self.folder.name}",
            track=self.settings.track,
            sign_key_file=self.settings.sign_key_file,
            trial_seconds=self.settings.trial_seconds,
            trial_gib=self.settings.trial_gib,
        )

    def role(self) -> str:
        """Return what the bundle is to be: champion where there is none."""
        empty = Registry(self.settings.registry).standing().pointer is None
        return CHAMPION if empty else self.settings.as_

    def bundle(self) -> str | None:
        """Return which bundle of the registry the candidate became, None if none yet."""
        if not _is_done(self.candidate) or not _is_done(self.evaluation):
            return None
        candidate = artifact.open_artifact(self.candidate, ArtifactKind.CANDIDATE)
        evaluation = artifact.open_artifact(self.evaluation, ArtifactKind.EVALUATION)
        return Registry(self.settings.registry).bundle_of(candidate, evaluation)

    def released(self) -> dict[str, Any] | None:
        """Return what the run's bundle is now, and in which generation; None if it never was released.

        One that a person has taken out since stays out: its role is None, its generation the last that it served in.
        """
        bundle, stands = self.bundle(), Registry(self.settings.registry).standing()
        if bundle is None or stands.pointer is None:
            return None
        if bundle in stands.pointer.variants.bundles:
            role = stands.pointer.variants.role(bundle)
            return {"bundle": bundle, "role": role, "generation": stands.pointer.generation}
        served = [one.generation for one in stands.history if bundle in one.variants.bundles]
        return {"bundle": bundle, "role": None, "generation": served[-1]} if served else None


def _run_of(settings: Retrain) -> _Run:
    """Return the run; it is named by what it is made of."""
    check_tracker(settings.track)
    check_writable(settings.registry)
    Registry(settings.registry).check_place()
    model = find_model(settings.use_case, settings.use_case_path)
    if settings.trials and model.search is None:
        raise InputError(
            f"--trials: the model of {settings.use_case} has no search; give it one, or leave --trials out"
        )
    files = find_files([*settings.data, *settings.eval_data, *settings.test_data], settings.file_options)
    check_files(files, find_schema(settings.use_case, settings.use_case_path).environment(TRAINING))
    facts = run_facts(_build(settings, ""), files, settings.use_case)
    named = fingerprint.of_json({**facts, "trials": settings.trials, "checkpoint_every": settings.checkpoint_every})
    return _Run(settings, pathlib.Path(settings.runs) / named[:_LETTERS])


def _build(settings: Retrain, output: str) -> verbs.BuildTrainingSet:
    shared = {field.name for field in dataclasses.fields(verbs.BuildTrainingSet)} - {"output", "existing"}
    given = {name: getattr(settings, name) for name in shared if hasattr(settings, name)}
    # The champion of any run may have another graph than that of the next.
    given["test_rows"] = settings.test_rows or KEEP
    return verbs.BuildTrainingSet(**given, output=output, existing="skip")


def _evaluated(run: _Run) -> dict[str, Any]:
    """Return the findings of the candidate's evaluation against the champion that serves now.

    One that is there is of use unless another champion serves by now, and the candidate was not released. One without
    comparison is, if this champion was tried then and rejected every row.
    """
    champion = run.champion()
    if _is_done(run.evaluation):
        evaluation = artifact.open_artifact(run.evaluation, ArtifactKind.EVALUATION)
        against = evaluation.manifest.get("champion")
        if run.bundle() is not None or against == champion or (against is None and run.tried() == champion):
            files = {name: run.evaluation / f"{name}.json" for name in ("metrics", "verdict")}
            findings = {name: json.loads(file.read_text()) for name, file in files.items()}
            if not evaluation.manifest["passed"]:
                failed = [gate_text(gate) for gate in findings["verdict"]["gates"] if not gate["passed"]]
                raise GateRefusal(f"{run.candidate}: gate not met: {'; '.join(failed)}", findings)
            return findings
        _log.warning("%s: evaluated against another champion than %s; evaluating again", run.candidate, champion)
        (run.evaluation / artifact.MARKER).unlink()  # killed from here on, it is no evaluation any more
    if run.evaluation.exists():
        shutil.rmtree(run.evaluation)
    with progress.step("evaluate"):
        try:
            found: dict[str, Any] = run_verb(run.evaluate(champion))
        except NothingToCompare as error:
            _warn_of(error)
            write_whole(run.folder / _TRIED, f"{champion}\n".encode())
            found = run_verb(run.evaluate(None))
    return found


def _warn_of(error: OnegraphError) -> None:
    """Say why a candidate is not compared; what a person could do about it is not for a run."""
    _log.warning("%s; the candidate is evaluated without comparison", str(error).partition(", so ")[0])


def _is_done(path: pathlib.Path) -> bool:
    return (path / artifact.MARKER).is_file()


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
    """Let no other process work on the run meanwhile; raises `ArtifactError` if one does."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        if not lock_within(handle, 0):
            raise ArtifactError(f"{folder}: another process works on this run; wait for it, or end it")
        yield
    finally:
        os.close(handle)
