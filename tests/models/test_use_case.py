"""Use cases: ours by name, the user's own from a folder, and what is missing is named."""

# ruff: noqa: E501  messages stand here as they are printed

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
    with pytest.raises(InputError, match=f"use case 'mine': no file .*{missing}; .* is there") as raised:
        use_case.find("mine", folder)
    others = {"schemas/mine.pbtxt", "transforms/mine.py", "models/mine.py"} - {missing}
    assert all(other in str(raised.value) for other in others)


def test_windows_may_be_left_out(folder):
    (folder / "transforms/mine.py").write_text(TRANSFORM.replace("WINDOWS = ()", ""))
    assert use_case.find("mine", folder).windows == ()


def test_a_file_is_executed_once_until_it_changes(folder, capsys):
    file = folder / "models/mine.py"
    file.write_text(f"print('hello')\n{MODEL}")
    assert use_case.find_model("mine", folder) is use_case.find("mine", folder).model
    use_case.check_files("mine", folder)
    assert capsys.readouterr().out == "hello\n"
    file.write_text(MODEL.replace("seed=5", "seed=66"))
    assert use_case.find_model("mine", folder).seed == 66


@pytest.mark.parametrize(
    ("old", "new"),
    [("def label(", "def lable("), ("def preprocessing_fn(", "def preprocess(")],
)
def test_a_function_that_is_not_there_is_told_without_running_the_file(folder, old, new):
    file = folder / "transforms/mine.py"
    file.write_text(TRANSFORM.replace(old, new))
    name, near = (one.removeprefix("def ").removesuffix("(") for one in (old, new))
    for look in (use_case.check_files, use_case.find):
        with pytest.raises(InputError) as raised:
            look("mine", folder)
        assert str(raised.value) == f"{file}: has no {name} (see docs/use_case.md), did you mean {near}?"


@pytest.mark.parametrize(
    "bound",
    [
        "from numpy import zeros as label",
        "if True:\n    label = preprocessing_fn",
        "try:\n    from numpy import zeros as label\nexcept ImportError:\n    pass",
        "from math import *",
        "globals()['label'] = print",
        "def late():\n    global label",
        "def __getattr__(name):\n    return print",
        "with open(__file__) as label:\n    pass",
        "for label in ():\n    pass",
        "x, *label = [1]",
    ],
)
def test_what_may_bind_a_function_is_not_refused_unread(folder, bound):
    (folder / "transforms/mine.py").write_text(f"{TRANSFORM.replace('def label', 'def other')}\n{bound}\n")
    use_case.check_files("mine", folder)


SHIPPED = "census, credit_scoring, fraud, house_prices, movielens, taxi"
SCHEMA_OF_THREE = """
feature { name: "x" type: FLOAT }
feature { name: "who" type: BYTES annotation { tag: "personal:hash" } }
feature { name: "y" type: INT not_in_environment: "SERVING" }
"""


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (
            "schemas/mine.pbtxt",
            'feature {\n name: "x"\n typ: FLOAT }',
            " line 3: a feature has no field 'typ', did you mean type?",
        ),
        (
            "schemas/mine.pbtxt",
            'feature {\n name: "x"\n type: FLOAT',
            ' line 3: not a tensorflow_metadata Schema in text form: Expected "}".',
        ),
        (
            "schemas/mine.pbtxt",
            'feature { name: "x" type: FLAOT }',
            " line 1: 'FLAOT' is no feature type, did you mean FLOAT?",
        ),
        (
            "schemas/mine.pbtxt",
            'feature { name: "x" type: STRUCT }',
            ": x: type STRUCT, wanted FLOAT, INT or BYTES (text)",
        ),
        ("schemas/mine.pbtxt", SCHEMA * 2, ": two features are called 'x'; give each column one entry"),
        (
            "schemas/mine.pbtxt",
            'feature { name: "x" type: FLOAT annotation { tag: "event_tme:s" } }',
            """: x: tag 'event_tme:s' is no role; known: id, unique, key, query, split, weight, event_time:s, event_time:ms, personal:<treatment> (as in personal:hash), computed:window, as in annotation { tag: "event_time:s" } (what is for people goes into annotation { comment: ... }), did you mean event_time:s?""",
        ),
        (
            "schemas/mine.pbtxt",
            "".join(f'feature {{ name: "{name}" type: INT annotation {{ tag: "event_time:s" }} }}' for name in "ab"),
            """: a and b are both event time; wanted one column of type INT with annotation { tag: "event_time:s" } or event_time:ms""",
        ),
        (
            "schemas/mine.pbtxt",
            'feature { name: "x" type: FLOAT ' + 'struct_domain { feature { name: "a" ' * 100_000,
            ": not a tensorflow_metadata Schema in text form: nested too deep, more than 32 levels",
        ),
        (
            "transforms/mine.py",
            "def label(batch)\n    return 1\n",
            " line 1: does not import: SyntaxError: expected ':'",
        ),
        (
            "transforms/mine.py",
            "\nimport nothing_of_that_name",
            " line 2: does not import: ModuleNotFoundError: No module named 'nothing_of_that_name'",
        ),
        ("transforms/mine.py", "raise SystemExit(3)", " line 1: does not import: SystemExit: 3"),
        (
            "transforms/mine.py",
            TRANSFORM.replace("def label", "def lable"),
            ": has no label (see docs/use_case.md), did you mean lable?",
        ),
        (
            "transforms/mine.py",
            TRANSFORM.replace("preprocessing_fn", "preprocess"),
            ": has no preprocessing_fn (see docs/use_case.md), did you mean preprocess?",
        ),
        (
            "transforms/mine.py",
            TRANSFORM + "label = 'y'",
            ": label is of type str, wanted a function; see docs/use_case.md",
        ),
        (
            "transforms/mine.py",
            TRANSFORM.replace("WINDOWS = ()", "WINDOWS = 5"),
            ": WINDOWS is of type int, wanted a tuple, or leave it out",
        ),
        ("models/mine.py", "MODEL = {}", ": MODEL is of type dict, wanted a ModelSpec"),
        (
            "models/mine.py",
            MODEL.replace("MODEL =", "MODLE ="),
            ": has no MODEL (see docs/use_case.md), did you mean MODLE?",
        ),
        (
            "models/mine.py",
            MODEL.replace("seed=5", "round=5"),
            " line 2: ModelSpec has no 'round' (it has task, classes, family, parameters, rounds, early_stopping_rounds, seed, split, down_sample, slices, threshold, gates, metrics, costs, search, loss, balance, stop_by, monotone, interactions, categories), did you mean rounds?",
        ),
        (
            "models/mine.py",
            MODEL.replace("seed=5", "seed='5'"),
            " line 2: model: seed is '5', wanted a whole number of 0 or more",
        ),
        (
            "models/mine.py",
            MODEL.replace("seed=5", 'slices=("zz",)'),
            ": slice 'zz' is no column of the schema (x, who, y)",
        ),
        (
            "models/mine.py",
            MODEL.replace("seed=5", 'slices=("whoo",)'),
            ": slice 'whoo' is no column of the schema (x, who, y), did you mean who?",
        ),
        (
            "models/mine.py",
            MODEL.replace("seed=5", 'slices=("who",)'),
            ": slice 'who' is personal, and an evaluation names its values; take it out",
        ),
        (
            "models/mine.py",
            MODEL.replace("seed=5", 'slices=("y",)'),
            ": slice 'y' is in training only; wanted a column that serving has: x, who",
        ),
    ],
)
def test_a_mistake_in_one_of_the_files_is_one_line(folder, file, text, message):
    (folder / "schemas/mine.pbtxt").write_text(SCHEMA_OF_THREE)
    (folder / file).write_text(text)
    with pytest.raises(InputError) as raised:
        use_case.find("mine", folder)
    assert str(raised.value) == f"{folder / file}{message}"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("../taxi", "taxi"),
        ("Taxi", "taxi"),
        ("", None),
        ("no such", "no_such"),
        ("my-loans", "my_loans"),
        ("mine.py", "mine"),
    ],
)
def test_name_that_is_none(name, meant):
    with pytest.raises(InputError, match="wanted a name of lower case letters") as raised:
        use_case.find(name)
    assert str(raised.value).partition(", did you mean ")[2] == (f"{meant}?" if meant else "")


def test_an_unknown_name_lists_the_known(folder):
    wanted = {
        None: f"use case 'mien' is not among the shipped ones ({SHIPPED}), did you mean movielens?",
        folder: f"use case 'mien' is not among those in {folder} (mine): no file {folder}/schemas/mien.pbtxt, nor the other two, did you mean mine?",
    }
    for where, message in wanted.items():
        with pytest.raises(InputError) as raised:
            use_case.find("mien", where)
        assert str(raised.value) == message
    with pytest.raises(InputError, match=rf"not among the shipped ones \({SHIPPED}\), did you mean taxi\?"):
        use_case.find_schema("taxy")


def test_a_folder_that_is_another(folder):
    holds = "wanted the folder that holds schemas/, transforms/ and models/"
    wanted = {
        folder / "schemas": f"one level too deep, give {folder}",
        folder.parent: f"none of the three is in it, {holds}",
        folder / "none": f"no such folder, {holds}",
        folder / "models/mine.py": f"a file, {holds}",
    }
    (folder / "around").mkdir()
    for part in ("schemas", "transforms", "models"):
        (folder / "around" / "mine" / part).mkdir(parents=True)
    wanted[folder / "around"] = f"none of the three is in it, {holds}, did you mean {folder}/around/mine?"
    for where, message in wanted.items():
        with pytest.raises(InputError) as raised:
            use_case.find("mine", where)
        assert str(raised.value).startswith(f"--use-case-path {where}: {message}")
