"""Families by name: the table costs no library, and nothing beside a family's own modules names one."""

import ast
import pathlib
import subprocess
import sys

import pytest

from models.families.table import choice
from models.families.table.choice import family_of
from models.spec import FAMILIES, ModelSpec
from schemas.errors import InputError

MODELS = pathlib.Path(__file__).parents[3] / "models"


def test_every_family_that_a_spec_may_name_can_do_what_the_protocol_says() -> None:
    for name in FAMILIES:
        family = family_of(name)
        for function in ("check_parameters", "names_in_model", "train", "load", "describe", "versions"):
            assert callable(getattr(family, function)), f"{name}: {function}"
        assert family.versions()


def test_the_table_has_the_names_of_the_spec() -> None:
    assert set(choice._MODULES) == set(FAMILIES)


def test_a_family_that_is_not_there_is_one_line() -> None:
    with pytest.raises(InputError, match="family is 'forest', wanted one of xgboost, keras"):
        family_of("forest")


def test_names_of_families_load_no_library() -> None:
    program = (
        "import sys; from models.families.table import choice; from models.spec import ModelSpec\n"
        "ModelSpec(family='xgboost')\n"
        "sys.exit(','.join({'xgboost', 'keras', 'tensorflow'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=MODELS.parent, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_only_the_room_of_families_names_one() -> None:
    rooms = [MODELS / "families" / room for room in ("boosting", "networks")]
    own = {*FAMILIES, *(path.stem for room in rooms for path in room.glob("*.py"))} - {"__init__"}
    naming = [
        path.relative_to(MODELS).as_posix()
        for path in sorted(MODELS.rglob("*.py"))
        if (MODELS / "families") not in path.parents
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        and own & {part for alias in node.names for part in f"{getattr(node, 'module', '')}.{alias.name}".split(".")}
    ]
    assert naming == []


def test_the_specs_default_is_a_family() -> None:
    assert ModelSpec().family in FAMILIES
