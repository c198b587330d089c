"""Workers that train one network together, in real processes, each on a part of the rows, compared with one process."""

import dataclasses
import json
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from beam_jobs.process.loopback import HOST
from beam_jobs.training.local_team import _free_port
from models.families.checkpoints import Checkpoints, never_asked
from models.families.family import Split, TrainingRun
from models.families.networks import keras_net
from models.families.networks.keras_goal import goal_of
from models.families.networks.keras_inputs import Inputs
from models.families.networks.keras_layers import first_layers
from models.families.networks.keras_network import NetworkForm
from models.families.networks.keras_parameters import all_parameters
from models.families.networks.keras_steps import Rows, Step
from models.families.split_parts import rows_of
from models.families.team import ALONE, Team, together
from models.spec import ModelSpec, Parameter
from schemas.errors import Interrupted
from tests.models.families.networks.test_keras_net import COLUMNS, SPECS, digest, split
from tests.support.first_at_once import first_at_once
from tests.support.job_processes import JobProcess

ROUNDING = 1e-6
"""What a sum of some dozens of float32 may be off by, as a share of the largest."""
ENDED_AFTER = 6


@dataclasses.dataclass(frozen=True)
class Case:
    """A spec, and where the rows of train and eval are cut; rows are sorted by label where a part shall lack some."""

    spec: ModelSpec
    train: tuple[int, ...]
    evaluation: tuple[int, ...]
    sorted_by_label: bool = False

    @property
    def workers(self) -> int:
        return len(self.train) + 1

    def rows(self, name: str, rank: int | None = None) -> Split:
        """Return train or eval, all of it or a worker's part; rows have weights, some of them none."""
        rows, seed, cuts = (1500, 1, self.train) if name == "train" else (500, 2, self.evaluation)
        whole = split(self.spec, rows, seed)
        weight = np.random.default_rng(seed).integers(0, 4, rows).astype(np.float32)
        whole = dataclasses.replace(whole, weight=weight)
        if self.sorted_by_label:
            whole = rows_of(whole, np.argsort(whole.label, kind="stable"))
        if rank is None:
            return whole
        return rows_of(whole, np.arange(*[0, *cuts, rows][rank : rank + 2]))


def changed(task: str, **parameters: Parameter) -> ModelSpec:
    return dataclasses.replace(SPECS[task], parameters={**SPECS[task].parameters, **parameters})


# `most_ids=3` has an integer column be a number; with embeddings Keras makes another step of rows one by one.
CASES = {
    "binary": Case(
        dataclasses.replace(changed("binary", class_weights="balanced", most_ids=3), stop_by="auc", rounds=4),
        (900,),
        (100,),
        sorted_by_label=True,
    ),
    "multiclass": Case(SPECS["multiclass"], (700, 1497), (3, 250)),
    "regression": Case(changed("regression", most_ids=3, batch_size=1000), (10,), (499,)),
}


def gradient(case: Case, rows: Split, team: Team) -> np.ndarray:
    """Return the reduced gradient of the first network in one step of all rows, one variable behind the other."""
    parameters = all_parameters(case.spec)
    inputs = Inputs.learnt(rows.features, COLUMNS, parameters["most_ids"], team)
    form = NetworkForm.of(parameters, len(case.spec.classes) or 1)
    goal = goal_of(case.spec, parameters, rows, team)
    layers = first_layers(case.spec, parameters, inputs, form, goal.start)
    step, taken = Step(layers, keras.optimizers.SGD(), inputs, form, goal), Rows.of(goal, rows, team)
    given = taken.taken(tf.range(len(rows.label)))
    if team.workers > 1:
        return team.summed(step.part(given, tf.constant(np.float32(taken.total))).numpy())
    return np.concatenate([tf.convert_to_tensor(one).numpy().ravel() for one in step.gradients(given)])


def worker(words: Sequence[str]) -> int:
    """One worker: writes the gradient of a step, the model's folder, and the history of its training."""
    name, rank, port, output, saves, ends = words
    case, folder = CASES[name], pathlib.Path(output)
    team = Team(int(rank), case.workers, HOST, int(port), 60)
    left = iter(range(ENDED_AFTER - 1))
    asked = (lambda: next(left, None) is None) if ends == rank else never_asked
    saved = Checkpoints(pathlib.Path(saves) if saves else None, 4, {}, asked)
    try:
        with together(team):
            rows = case.rows("train", team.rank)
            np.save(folder / f"gradient-{rank}.npy", gradient(case, rows, team))
            run = TrainingRun(team=team, checkpoints=saved)
            trained = keras_net.train(case.spec, COLUMNS, rows, case.rows("eval", team.rank), run)
            trained.save(folder / rank)
            (folder / f"history-{rank}.json").write_text(json.dumps(trained.history))
    except Interrupted as error:
        return error.exit_code
    return 0


Jobs = Callable[[str, Sequence[str]], JobProcess]


def trained_together(jobs: Jobs, name: str, folder: pathlib.Path, saves: str = "", ends: str = "") -> list[int]:
    """Have all workers of a case train into a folder; return their exit codes."""
    folder.mkdir()
    port = str(_free_port())
    started = [
        jobs(f"{__name__}:worker", [name, str(rank), port, str(folder), saves, ends])
        for rank in range(CASES[name].workers)
    ]
    return [one.wait(120) for one in started]


def only(values: list[Any]) -> Any:
    """Return the one value that all of several are."""
    assert all(value == values[0] for value in values)
    return values[0]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", first_at_once(CASES))
def test_a_team_trains_as_one_process(name: str, tmp_path: pathlib.Path, jobs: Jobs) -> None:
    """With weights, ragged last batches, parts of unequal size, and one without a label; every worker has it all."""
    case, folder = CASES[name], tmp_path / "team"
    assert trained_together(jobs, name, folder) == [0] * case.workers
    ranks = range(case.workers)
    theirs = only([np.load(folder / f"gradient-{rank}.npy").tolist() for rank in ranks])
    ours = gradient(case, case.rows("train"), ALONE)
    assert np.abs(np.array(theirs) - ours).max() <= ROUNDING * np.abs(ours).max()
    only([digest(folder / str(rank)) for rank in ranks])
    history = json.loads(only([(folder / f"history-{rank}.json").read_text() for rank in ranks]))
    alone = keras_net.train(case.spec, COLUMNS, case.rows("train"), case.rows("eval"))
    alone.save(tmp_path / "alone")
    assert list(history) == list(alone.history)
    for metric, values in history.items():
        if name == "multiclass":
            assert min(values) == pytest.approx(min(alone.history[metric]), rel=0.1)
        else:
            assert values == pytest.approx(list(alone.history[metric]), rel=1e-4)
    backgrounds = [
        np.load(one / "background.npy")[:, : len(COLUMNS.names)] for one in (folder / "0", tmp_path / "alone")
    ]
    assert backgrounds[0].tobytes() == backgrounds[1].tobytes()


@pytest.mark.needs_time
@pytest.mark.timeout(300)
@pytest.mark.parametrize("asked", ["0", "2"])
def test_it_goes_on_to_the_same_bytes(asked: str, tmp_path: pathlib.Path, jobs: Jobs) -> None:
    """Dropout included, of which every worker draws its own; whoever is asked, all end after the same round."""
    name, saves = "multiclass", str(tmp_path / "saved")
    whole, ended, again = (tmp_path / name for name in ("whole", "ended", "again"))
    assert trained_together(jobs, name, whole) == [0, 0, 0]
    assert trained_together(jobs, name, ended, saves, asked) == [143, 143, 143]
    assert [one.name for one in pathlib.Path(saves).iterdir()] == [f"{ENDED_AFTER:08}"]
    assert not [*ended.glob("history-*")]
    assert trained_together(jobs, name, again, saves) == [0, 0, 0]
    assert digest(again) == digest(whole)
