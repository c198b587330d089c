"""Parameters of the family `keras`: what is wrong is one line, before anything is trained or imported."""

import dataclasses
import subprocess
import sys

import pytest

from models.families.family import FeatureColumns
from models.families.networks.keras_parameters import all_parameters, check_parameters
from models.spec import ModelSpec, Parameter
from models.spec_json import spec_as_json, spec_from_json
from schemas.errors import InputError
from tests.models.families.networks.test_keras_net import ROOT

COLUMNS = FeatureColumns.floats("a", "b")
SPEC = ModelSpec(family="keras")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"layer": 64}, "parameter 'layer' is not one of family keras, did you mean layers?"),
        ({"eta": 0.1}, "parameter 'eta' is not one of family keras; it has network, layers, "),
        ({"epochs": 9}, "'epochs' is no parameter of family keras; set the model's rounds, or --rounds"),
        ({"patience": 9}, "set the model's early_stopping_rounds, or --early-stopping-rounds"),
        ({"seed": 9}, "set the model's seed, or --seed"),
        ({"network": "mpl"}, "'network' is 'mpl', wanted one of mlp, wide_and_deep, dcn, did you mean mlp?"),
        ({"layers": (64, 0)}, "'layers' is '(64, 0)', wanted 1 to 10 sizes from 1 to 4,096, as in (128, 64)"),
        ({"layers": "64-32"}, "'layers' is '64-32', wanted 1 to 10 sizes"),
        ({"layers": (64.5,)}, "wanted 1 to 10 sizes"),
        ({"layers": (8,) * 11}, "wanted 1 to 10 sizes"),
        ({"layers": True}, "wanted 1 to 10 sizes"),
        ({"activation": "swish"}, "wanted one of relu, leaky_relu, tanh"),
        ({"dropout": 1}, "'dropout' is '1', wanted a number from 0 to 0.9"),
        ({"learning_rate": 0}, "'learning_rate' is '0', wanted a number above 0 to 10"),
        ({"batch_size": 0.5}, "wanted a whole number from 1 to 1,000,000"),
        ({"cross_layers": 2}, "'cross_layers' is of network dcn, this is mlp; remove it"),
        ({"class_weights": 2}, "wanted one of none, balanced"),
    ],
)
def test_mistakes(wrong: dict[str, Parameter], said: str) -> None:
    with pytest.raises(InputError) as raised:
        check_parameters(dataclasses.replace(SPEC, parameters=wrong), COLUMNS)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_weights_of_classes_are_of_two() -> None:
    spec = ModelSpec(family="keras", task="regression", parameters={"class_weights": "balanced"})
    with pytest.raises(InputError, match="'class_weights' is of task binary, this is regression; remove it"):
        check_parameters(spec, COLUMNS)


def test_a_network_that_is_too_large_is_refused_before_it_is_made() -> None:
    wide = FeatureColumns.floats(*(f"f{number}" for number in range(10_000)))
    with pytest.raises(InputError, match=r"a network of 40,960,000 weights or more, wanted at most 16,000,000"):
        check_parameters(dataclasses.replace(SPEC, parameters={"layers": (4096,)}), wide)


def test_layers_are_read_back_from_a_manifest_as_they_were() -> None:
    spec = dataclasses.replace(SPEC, parameters={"layers": (64, 32), "dropout": 0.1})
    assert spec_as_json(spec)["parameters"] == {"layers": (64, 32), "dropout": 0.1}
    again = spec_from_json({**spec_as_json(spec), "parameters": {"layers": [64, 32], "dropout": 0.1}}, "c")
    assert again == spec
    assert all_parameters(again)["layers"] == (64, 32)


def test_checking_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom models.families.table.choice import family_of\n"
        "from models.families.family import FeatureColumns\nfrom models.spec import ModelSpec\n"
        "family_of('keras').check_parameters(ModelSpec(family='keras'), FeatureColumns.floats('a'))\n"
        "sys.exit(','.join({'tensorflow', 'keras', 'xgboost'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
