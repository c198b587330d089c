"""The three files of a use case: where they are, what is there if they are not, and what importing them says."""

import ast
import importlib
import importlib.machinery
import importlib.util
import logging
import pathlib
import re
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import schemas
from schemas.errors import InputError
from schemas.nearest import did_you_mean, listed
from schemas.user_code import in_one_line

FOLDERS = ("schemas", "transforms", "models")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_BINDING = ("exec", "globals", "locals", "vars", "setattr")  # functions that may bind a name of the module

_state_of: dict[str, tuple[str, int, int]] = {}  # path, time and size of the file of which a module was made

_log = logging.getLogger(__name__)


class Files(NamedTuple):
    """The files of one use case."""

    schema: pathlib.Path
    transform: pathlib.Path
    model: pathlib.Path


def files_of(name: str, folder: str | pathlib.Path | None) -> Files:
    """Return the files of a use case of ours, or of one in a folder of the user's own.

    Raises `InputError` if a file is missing, saying which are there, or which use cases are.
    """
    _check_name(name)
    root = _ours() if folder is None else _checked(pathlib.Path(folder))
    files = _in(root, name)
    if folder is None:
        _check_no_package(name, files)
    missing = [file for file in files if not file.is_file()]
    if not missing:
        return files
    if len(missing) < len(files):
        there = " and ".join(_short(file, root) for file in files if file not in missing)
        raise InputError(
            f"use case {name!r}: no file {' and '.join(map(str, missing))}; {there} is there, a use case is three "
            "files of one name"
        )
    known = known_in(root)
    if folder is None:
        near = did_you_mean(name, known) or "; give the folder that holds yours with --use-case-path"
        raise InputError(f"use case {name!r} is not among the shipped ones ({listed(known)}){near}")
    raise InputError(
        f"use case {name!r} is not among those in {root} ({listed(known)}): no file {files.schema}, nor the other two"
        f"{did_you_mean(name, known)}"
    )


def new_files(name: str, folder: str | pathlib.Path) -> Files:
    """Return where the files of a new use case go; raises `InputError` for a name that is none or that is taken."""
    _check_name(name)
    root = pathlib.Path(folder)
    if root.exists() and not root.is_dir():
        raise InputError(f"--use-case-path {root}: a file, wanted a folder, new or not")
    files = _in(root, name)
    there = [file for file in files if file.exists() or file.is_symlink()]
    if there:
        raise InputError(f"{' and '.join(map(str, there))}: already there; give another name, or another folder")
    return files


def known_in(root: pathlib.Path) -> list[str]:
    """Return the names of the use cases in a folder that have all three files."""
    found = sorted(file.stem for file in (root / "schemas").glob("*.pbtxt"))
    return [name for name in found if all(file.is_file() for file in _in(root, name))]


def imported(package: str, name: str, file: pathlib.Path, ours: bool) -> ModuleType:
    """Return the module of a file; raises `InputError` naming the line where it does not import."""
    try:
        return importlib.import_module(f"{package}.{name}") if ours else _loaded(f"use_case_{name}_{package}", file)
    except (Exception, SystemExit) as error:
        _log.info("%s does not import", file, exc_info=True)
        raise InputError(in_one_line(error, file, str(file), "does not import: ")) from None


def names_in(file: pathlib.Path) -> list[str] | None:
    """Return the names that a Python file binds at its top level, without running it; None if only running it tells.

    Raises `InputError` naming the line for a file that is no Python.

    >>> {"imported", "names_in"} <= set(names_in(pathlib.Path(__file__)))
    True
    """
    try:
        module = ast.parse(file.read_bytes(), str(file))
    except (SyntaxError, ValueError, RecursionError) as error:
        raise InputError(in_one_line(error, file, str(file), "does not import: ")) from None
    if any(isinstance(part, ast.Global | ast.Match) for part in ast.walk(module)):
        return None
    found = list(_bound(module.body))
    names = [name for name in found if name is not None]
    return None if None in found or "__getattr__" in names else names


def _bound(parts: Iterable[ast.AST]) -> Iterator[str | None]:
    """Yield the names that statements bind where they stand, None for what binds names that are not written there."""
    for part in parts:
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield part.name
        elif isinstance(part, ast.alias):
            yield None if part.name == "*" else part.asname or part.name.partition(".")[0]
        elif isinstance(part, ast.Name):
            if isinstance(part.ctx, ast.Store) or part.id in _BINDING:
                yield part.id if isinstance(part.ctx, ast.Store) else None
        elif not isinstance(part, ast.Lambda):
            yield from _bound(ast.iter_child_nodes(part))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        plain = re.sub(r"[^a-z0-9]+", "_", name.strip().removesuffix(".py").removesuffix(".pbtxt").lower()).strip("_")
        meant = f", did you mean {plain}?" if _NAME.fullmatch(plain) else ""
        raise InputError(f"use case {name!r}: wanted a name of lower case letters, digits and underscores{meant}")


def _ours() -> pathlib.Path:
    return pathlib.Path(schemas.__file__).parent.parent


def _in(root: pathlib.Path, name: str) -> Files:
    return Files(root / "schemas" / f"{name}.pbtxt", root / "transforms" / f"{name}.py", root / "models" / f"{name}.py")


def _short(file: pathlib.Path, root: pathlib.Path) -> str:
    return file.relative_to(root).as_posix()


def _checked(root: pathlib.Path) -> pathlib.Path:
    """Return a user's folder; raises if it is none, or if the one above or one in it was meant."""
    wanted = "wanted the folder that holds schemas/, transforms/ and models/"
    if not root.is_dir():
        raise InputError(f"--use-case-path {root}: {'a file' if root.exists() else 'no such folder'}, {wanted}")
    if any((root / part).is_dir() for part in FOLDERS):
        return root
    above = root.absolute().parent
    if root.absolute().name in FOLDERS and all((above / part).is_dir() for part in FOLDERS):
        raise InputError(f"--use-case-path {root}: one level too deep, give {root.parent if root.name else above}")
    below = [one for one in sorted(root.iterdir()) if all((one / part).is_dir() for part in FOLDERS)]
    meant = f", did you mean {below[0]}?" if len(below) == 1 else ""
    raise InputError(f"--use-case-path {root}: none of the three is in it, {wanted}{meant}")


def _check_no_package(name: str, files: Files) -> None:
    for file in files:
        if (file.with_suffix("") / "__init__.py").is_file():
            raise InputError(
                f"use case {name!r}: onegraph has a package {file.parent.name}.{name} of its own, so none of its use "
                "cases has this name; rename it, or give the folder that it is in with --use-case-path"
            )


class _AsWritten(importlib.machinery.SourceFileLoader):
    """Compiles a file as it is now: Python's kept bytecode stands for a file of the same second and size as well."""

    def get_code(self, fullname: str) -> Any:
        return self.source_to_code(self.get_data(self.path), self.path)


def _loaded(full_name: str, file: pathlib.Path) -> ModuleType:
    # A name of its own: a user's `transforms/taxi.py` or `graph.py` and ours are never taken for one another.
    about = file.stat()
    state = str(file.absolute()), about.st_mtime_ns, about.st_size
    if full_name in sys.modules and _state_of.get(full_name) == state:
        return sys.modules[full_name]
    spec: Any = importlib.util.spec_from_file_location(full_name, file, loader=_AsWritten(full_name, str(file)))
    module = importlib.util.module_from_spec(spec)
    sys.modules[full_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[full_name]
        raise
    _state_of[full_name] = state
    return module
