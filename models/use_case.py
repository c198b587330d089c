"""Find a use case by its name: three files of one name, in our packages or in a folder of the user's own."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa

from models.spec import ModelSpec
from models.splits import check_columns, check_query
from models.tasks import RANKING
from models.use_case_files import files_of, imported, names_in
from schemas import roles
from schemas.errors import InputError
from schemas.nearest import did_you_mean, listed
from schemas.personal import treatments
from schemas.review.heeded import check_usable
from schemas.schema import SERVING, Schema


@dataclasses.dataclass(frozen=True)
class UseCase:
    """One prediction problem: its schema, its graph's function, its label, its windows and its model.

    `schema` is that of raw records, `treated_schema` that of what the treatments of personal columns leave of them.

    `label` makes one number per row of a raw batch: float32 [rows]. `transform` is the file of the two functions.
    """

    name: str
    schema: Schema
    preprocessing_fn: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    label: Callable[[pa.RecordBatch], np.ndarray]
    windows: tuple
    model: ModelSpec
    transform: pathlib.Path

    @property
    def treated_schema(self) -> Schema:
        """The schema of the raw batches that `preprocessing_fn` and `label` see."""
        return treatments.treated(self.schema)


def find(name: str, folder: str | pathlib.Path | None = None) -> UseCase:
    """Load a use case from our packages, or from `folder` with schemas/NAME.pbtxt, transforms/NAME.py, models/NAME.py.

    Raises `InputError` naming the file, its line and what is wrong or missing in it. A use case in our packages cannot
    have the name of a package inside them; one in a folder can have any.
    """
    schema, spec = find_schema(name, folder), find_model(name, folder)
    files = files_of(name, folder)
    transform = imported("transforms", name, files.transform, folder is None)
    windows = getattr(transform, "WINDOWS", ())
    if not isinstance(windows, tuple | list):
        raise InputError(
            f"{files.transform}: WINDOWS is of type {type(windows).__name__}, wanted a tuple, or leave it out"
        )
    return UseCase(
        name=name,
        schema=schema,
        preprocessing_fn=_function(transform, files.transform, "preprocessing_fn"),
        label=_function(transform, files.transform, "label"),
        windows=tuple(windows),
        model=spec,
        transform=files.transform,
    )


def check_files(name: str, folder: str | pathlib.Path | None = None) -> None:
    """Raise what `find` does, but for what only importing TensorFlow can tell."""
    schema = find_schema(name, folder)
    files = files_of(name, folder)
    spec = _spec(name, folder)
    _check_slices(spec, schema, files.model)
    _check_metrics(spec, schema, files.model)
    _check_split(spec, schema, str(files.model))
    bound = names_in(files.transform)
    for wanted in ("preprocessing_fn", "label"):
        if bound is not None and wanted not in bound:
            raise _no_member(files.transform, wanted, bound)


def find_schema(name: str, folder: str | pathlib.Path | None = None) -> Schema:
    """Load only the schema of a use case, without importing TensorFlow; raises as `find` does.

    A schema that no use case can have raises `InputError` too (`schemas.review.heeded`).
    """
    return load_schema(files_of(name, folder).schema)


def load_schema(file: str | pathlib.Path) -> Schema:
    """Load a schema file that a use case could have; raises `InputError` for another one."""
    schema = Schema.load(file)
    roles.check(schema.columns, str(file))
    treatments.check(schema, str(file))
    check_usable(schema, str(file))
    return schema


def find_model(name: str, folder: str | pathlib.Path | None = None) -> ModelSpec:
    """Load only the model of a use case, without importing TensorFlow; raises as `find` does."""
    spec, schema, file = _spec(name, folder), find_schema(name, folder), files_of(name, folder).model
    _check_slices(spec, schema, file)
    _check_metrics(spec, schema, file)
    _check_split(spec, treatments.treated(schema), str(file))
    return spec


def _spec(name: str, folder: str | pathlib.Path | None) -> ModelSpec:
    file = files_of(name, folder).model
    spec = _member(imported("models", name, file, folder is None), file, "MODEL")
    if not isinstance(spec, ModelSpec):
        raise InputError(f"{file}: MODEL is of type {type(spec).__name__}, wanted a ModelSpec")
    return spec


def _check_split(spec: ModelSpec, schema: Schema, where: str) -> None:
    check_columns(spec.split, schema, where)
    if spec.task == RANKING:
        check_query(spec.split, schema, where)


def _check_slices(spec: ModelSpec, schema: Schema, file: pathlib.Path) -> None:
    """An evaluation names the values of a slice; what only training has may be the label, and no record shows it."""
    raw, schema = schema, treatments.treated(schema)
    serving = schema.environment(SERVING)
    for name in spec.slices:
        if name in raw and name not in schema:
            raise InputError(f"{file}: slice {name!r} is dropped by its tag personal:drop; take it out of one of them")
        if name not in schema:
            raise InputError(
                f"{file}: slice {name!r} is no column of the schema ({listed(schema.names)})"
                f"{did_you_mean(name, schema.names)}"
            )
        if schema[name].role("personal") is not None:
            raise InputError(f"{file}: slice {name!r} is personal, and an evaluation names its values; take it out")
        if schema[name].value_count is not None:
            raise InputError(
                f"{file}: slice {name!r} is a column of several values, wanted one of a single value per row"
            )
        if name not in serving:
            raise InputError(
                f"{file}: slice {name!r} is in training only; wanted a column that serving has: {listed(serving.names)}"
            )


def _check_metrics(spec: ModelSpec, schema: Schema, file: pathlib.Path) -> None:
    """A training set carries the columns that metrics get: of personal ones what their treatment leaves."""
    treated = treatments.treated(schema)
    for metric in spec.metrics:
        what = f"{file}: metric {metric.name!r}"
        if metric.function is None:
            raise InputError(f"{what} has no function; give it one")
        for name in metric.columns:
            if name not in schema:
                raise InputError(
                    f"{what} wants column {name!r}, which is not in the schema ({listed(schema.names)})"
                    f"{did_you_mean(name, schema.names)}"
                )
            acts = name in treatments.acting(schema, str(file)) and name in treated
            if schema[name].role("personal") is not None and not acts:
                raise InputError(
                    f"{what} wants column {name!r}, which is personal; tag it personal:hash, or take it out"
                )
            if schema[name].value_count is not None:
                raise InputError(f"{what} wants column {name!r}, of several values a row; wanted one of a single value")


def _function(module: ModuleType, file: pathlib.Path, name: str) -> Callable:
    found = _member(module, file, name)
    if not callable(found):
        raise InputError(f"{file}: {name} is of type {type(found).__name__}, wanted a function; see docs/use_case.md")
    return found


def _member(module: ModuleType, file: pathlib.Path, name: str) -> Any:
    try:
        return getattr(module, name)
    except AttributeError:
        raise _no_member(file, name, vars(module)) from None


def _no_member(file: pathlib.Path, name: str, known: Iterable[str]) -> InputError:
    own = [one for one in known if not one.startswith("_")]
    return InputError(f"{file}: has no {name} (see docs/use_case.md){did_you_mean(name, own)}")
