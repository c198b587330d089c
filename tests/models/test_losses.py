"""Losses as people write them: parameters that make no sense are one line, and manifests carry them."""

import json
from collections.abc import Callable

import pytest

from models.losses import LOSSES, NDCG, Focal, Gamma, LogLoss, Loss, Pairwise, Quantile, Tweedie, loss_of
from models.spec import ModelSpec
from models.spec_json import spec_as_json, spec_from_json
from models.tasks import TASKS
from schemas.errors import ArtifactError, InputError


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: Quantile(1), "loss Quantile: level is 1, wanted a number between 0 and 1"),
        (lambda: Tweedie(2.0), "loss Tweedie: power is 2.0, wanted a number between 1 and 2"),
        (lambda: Tweedie(float("nan")), "loss Tweedie: power is nan"),
        (lambda: Focal(gamma=-1), "loss Focal: gamma is -1, wanted a number of 0 or more and below 20"),
        (lambda: Focal(alpha=True), "loss Focal: alpha is True"),
        (lambda: NDCG("linaer"), "gain is 'linaer', wanted one of exponential, linear, did you mean linear"),
        (lambda: Pairwise(3), "loss Pairwise: gain is 3"),  # type: ignore[arg-type]  # people write anything
    ],
)
def test_a_loss_that_makes_no_sense_is_one_line(made: Callable[[], Loss], message: str) -> None:
    with pytest.raises(InputError, match=message):
        made()


def test_every_task_has_a_loss_of_its_own_and_every_loss_a_task() -> None:
    assert [loss_of(task, None).name for task in TASKS] == ["LogLoss", "LogLoss", "Squared", "NDCG"]
    assert {task for made in LOSSES.values() for task in made.tasks} == set(TASKS)
    assert [made.__name__ for made in LOSSES.values() if not made.calibrated] == ["Focal"]


def test_a_spec_survives_json_with_all_that_it_asks_of_training() -> None:
    spec = ModelSpec(
        task="regression",
        loss=Tweedie(1.25),
        stop_by="mae",
        monotone={"age": -1},
        interactions=(("age", "fare"), ("hour",)),
        categories=("company",),
    )
    assert spec_from_json(json.loads(json.dumps(spec_as_json(spec))), "here") == spec
    balanced = ModelSpec(balance="none", loss=LogLoss())
    assert spec_from_json(json.loads(json.dumps(spec_as_json(balanced))), "here") == balanced


def test_a_plain_spec_is_written_as_before() -> None:
    later = {"loss", "balance", "stop_by", "monotone", "interactions", "categories"}
    assert not later & spec_as_json(ModelSpec()).keys()


@pytest.mark.parametrize("value", [{"name": "Hinge"}, {"name": "Quantile", "level": 7}, {}, "Gamma", {"name": []}])
def test_a_manifest_with_a_loss_that_is_none_is_one_line(value: object) -> None:
    written = spec_as_json(ModelSpec(task="regression", loss=Gamma())) | {"loss": value}
    with pytest.raises(ArtifactError, match="here: its manifest's model is no spec of this version; train again"):
        spec_from_json(written, "here")
