"""Use cases: ours by name, the user's own from a folder, and what is missing is named."""

import pathlib

import pyarrow as pa
import pytest

from models import use_case
from schemas.errors import InputError

SCHEMA = 'feature { name: "x" type: FLOAT }'
TRANSFORM = """
import numpy as np
from transforms.missing import fill
WINDOWS = ()
def preprocessing_fn(inputs):
    return {"x": fill(inputs["x"], 0.0)}
def label(batch):
    return np.zeros(batch.num_rows, np.float32)
"""
MODEL = "from models.spec import ModelSpec\nMODEL = ModelSpec(seed=5)\n"


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    for name, text in {"schemas/mine.pbtxt": SCHEMA, "transforms/mine.py": TRANSFORM, "models/mine.py": MODEL}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_ours(taxi):
    assert (taxi.name, taxi.windows, taxi.model.family) == ("taxi", (), "xgboost")
    assert "tips" in taxi.schema


def test_from_a_folder(folder):
    found = use_case.find("mine", folder)
    assert (found.name, found.model.seed, found.schema.names) == ("mine", 5, ("x",))
    assert found.label(pa.record_batch({"x": [1.0]})).tolist() == [0.0]


def test_folder_does_not_shadow_ours(folder, taxi):
    for layer, suffix in (("schemas", "pbtxt"), ("transforms", "py"), ("models", "py")):
        (folder / layer / f"mine.{suffix}").rename(folder / layer / f"taxi.{suffix}")
    assert use_case.find("taxi", folder).schema.names == ("x",)
    assert use_case.find("taxi").label is taxi.label


ROOMS = ("graph", "split", "metrics", "registry", "statistics", "families", "decode", "scorer", "spec")


@pytest.mark.parametrize("name", ROOMS)
def test_in_a_folder_of_ones_own_it_may_be_called_as_anything_of_ours(folder, name):
    for layer, suffix in (("schemas", "pbtxt"), ("transforms", "py"), ("models", "py")):
        (folder / layer / f"mine.{suffix}").rename(folder / layer / f"{name}.{suffix}")
    found = use_case.find(name, folder)
    assert (found.name, found.model.seed, found.schema.names) == (name, 5, ("x",))
    assert found.preprocessing_fn.__module__ == f"use_case_{name}_transforms"


@pytest.mark.parametrize("name", ["graph", "registry", "statistics"])
def test_ours_never_have_the_name_of_a_package(name):
    for find in (use_case.find, use_case.find_schema):
        with pytest.raises(
            InputError, match=rf"use case '{name}': onegraph has a package \w+\.{name} of its own"
        ) as raised:
            find(name)
        assert "\n" not in str(raised.value)
        assert "--use-case-path" in str(raised.value)


@pytest.mark.parametrize("missing", ["schemas/mine.pbtxt", "transforms/mine.py", "models/mine.py"])
def test_missing_file_is_named(folder, missing):
    (folder / missing).unlink()
    with pytest.raises(InputError, match=f"use case 'mine': no file .*{missing}"):
        use_case.find("mine", folder)


@pytest.mark.parametrize("name", ["label", "preprocessing_fn", "WINDOWS"])
def test_missing_member_is_named(folder, name):
    (folder / "transforms/mine.py").write_text(TRANSFORM.replace(name, "other"))
    with pytest.raises(InputError, match=f"has no {name}"):
        use_case.find("mine", folder)


def test_file_that_does_not_import(folder):
    (folder / "transforms/mine.py").write_text("import nothing_of_that_name")
    with pytest.raises(InputError, match=r"transforms/mine\.py: does not import: ModuleNotFoundError"):
        use_case.find("mine", folder)


def test_model_that_is_none(folder):
    (folder / "models/mine.py").write_text("MODEL = {}")
    with pytest.raises(InputError, match="MODEL is a dict, wanted a ModelSpec"):
        use_case.find("mine", folder)


@pytest.mark.parametrize("name", ["../taxi", "Taxi", "", "no such"])
def test_name_that_is_none(name):
    with pytest.raises(InputError, match="wanted a name of lower case letters"):
        use_case.find(name)


def test_a_personal_slice_is_refused(folder):
    personal = 'feature { name: "who" type: BYTES annotation { tag: "personal:hash" } }'
    (folder / "schemas/mine.pbtxt").write_text(SCHEMA + personal)
    (folder / "models/mine.py").write_text(MODEL.replace("seed=5", 'slices=("who",)'))
    with pytest.raises(InputError, match=r"models/mine\.py: slice 'who' is personal"):
        use_case.find("mine", folder)
