"""Find a use case by its name: three files of one name, in our packages or in a folder of the user's own."""

import dataclasses
import difflib
import importlib
import importlib.util
import pathlib
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa

import schemas
from models.spec import ModelSpec
from schemas import roles
from schemas.errors import InputError
from schemas.heeded import check_usable
from schemas.schema import Schema

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclasses.dataclass(frozen=True)
class UseCase:
    """One prediction problem: its schema, its graph's function, its label, its windows and its model.

    `label` makes one number per row of a raw batch: float32 [rows].
    """

    name: str
    schema: Schema
    preprocessing_fn: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    label: Callable[[pa.RecordBatch], np.ndarray]
    windows: tuple
    model: ModelSpec


def find(name: str, folder: str | pathlib.Path | None = None) -> UseCase:
    """Load a use case from our packages, or from `folder` with schemas/NAME.pbtxt, transforms/NAME.py, models/NAME.py.

    Raises `InputError` naming the file or the name in it that is missing. A use case in our packages cannot have the
    name of a package inside them; one in a folder can have any.
    """
    schema = find_schema(name, folder)
    files = _files(name, folder)
    transform = _module("transforms", name, files[1], folder is None)
    model = _module("models", name, files[2], folder is None)
    spec = _member(model, files[2], "MODEL")
    if not isinstance(spec, ModelSpec):
        raise InputError(f"{files[2]}: MODEL is a {type(spec).__name__}, wanted a ModelSpec")
    for column in spec.slices:
        if column in schema and schema[column].role("personal") is not None:
            raise InputError(
                f"{files[2]}: slice {column!r} is personal, and an evaluation names its values; take it out"
            )
    return UseCase(
        name=name,
        schema=schema,
        preprocessing_fn=_member(transform, files[1], "preprocessing_fn"),
        label=_member(transform, files[1], "label"),
        windows=tuple(_member(transform, files[1], "WINDOWS")),
        model=spec,
    )


def find_schema(name: str, folder: str | pathlib.Path | None = None) -> Schema:
    """Load only the schema of a use case, without importing TensorFlow; raises as `find` does.

    A schema that no use case can have raises `InputError` too (`schemas.heeded`).
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"use case {name!r}: wanted a name of lower case letters, digits and underscores")
    files = _files(name, folder)
    if folder is None:
        _check_no_package(name, files)
    for file in files:
        if not file.parent.is_dir():
            raise InputError(
                f"{file.parent}: no such folder; a use case has its files in schemas, transforms and models"
            )
        if not file.is_file():
            known = _known(files)
            near = difflib.get_close_matches(name, known, n=1)
            others = f"; known: {', '.join(known)}" if known else ""
            meant = f", did you mean {near[0]}?" if near else ""
            raise InputError(f"use case {name!r}: no file {file}; a use case is three files of one name{others}{meant}")
    schema = Schema.load(files[0])
    roles.check(schema.columns, str(files[0]))
    check_usable(schema, str(files[0]))
    return schema


def _files(name: str, folder: str | pathlib.Path | None) -> list[pathlib.Path]:
    root = pathlib.Path(schemas.__file__).parent.parent if folder is None else pathlib.Path(folder)
    return [root / "schemas" / f"{name}.pbtxt", root / "transforms" / f"{name}.py", root / "models" / f"{name}.py"]


def _known(files: Sequence[pathlib.Path]) -> list[str]:
    """Return the names that all three folders of these files have a file of."""
    names = [{found.stem for found in file.parent.glob(f"*{file.suffix}")} for file in files]
    return sorted(set.intersection(*names))


def _check_no_package(name: str, files: Sequence[pathlib.Path]) -> None:
    for file in files:
        if (file.with_suffix("") / "__init__.py").is_file():
            raise InputError(
                f"use case {name!r}: onegraph has a package {file.parent.name}.{name} of its own, so none of its use "
                "cases has this name; rename it, or give the folder that it is in with --use-case-path"
            )


def _module(package: str, name: str, file: pathlib.Path, ours: bool) -> ModuleType:
    if ours:
        return importlib.import_module(f"{package}.{name}")
    # A name of its own: a user's `transforms/taxi.py` or `graph.py` and ours are never taken for one another.
    full_name = f"use_case_{name}_{package}"
    spec = importlib.util.spec_from_file_location(full_name, file)
    if spec is None or spec.loader is None:
        raise InputError(f"{file}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[full_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[full_name]
        raise InputError(f"{file}: does not import: {type(error).__name__}: {error}") from error
    return module


def _member(module: ModuleType, file: pathlib.Path, name: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError:
        raise InputError(f"{file}: has no {name}; see docs/use_case.md") from None
