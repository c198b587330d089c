"""The wheel and the source archive, made from a copy of the tree as `pip install` makes them."""

import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]
LAYERS = ("schemas", "transforms", "models", "beam_jobs")
UV = f"{pathlib.Path(sys.executable).parent}/uv"


def pack(folder: pathlib.Path, *kinds: str) -> pathlib.Path:
    """Make the archives in a folder of `folder`, without a network; `kinds` are uv's options, both if none."""
    copy = folder / "tree"
    for name in (*LAYERS, "tests", "chaos", "benchmarks"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, copy)
    command = [UV, "build", "--offline", "--no-build-isolation", "--quiet", *kinds, "--python", sys.executable]
    done = subprocess.run([*command, "--out-dir", copy / "dist"], cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return copy / "dist"


def shipped() -> set[str]:
    """Return all files of our packages, which both archives have to hold, by their paths in the tree."""
    files = [path for package in LAYERS for path in (ROOT / package).rglob("*") if path.is_file()]
    return {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
