"""`scripts/published --data DIR`: our figures beside the published ones, by their protocols.

Prints the table of README as Markdown. Every model is trained with the parameters of `choices.json`, which were chosen
on validation rows; test rows are looked at once. `--search` finds the parameters again and writes them to a file.
"""

import argparse
import pathlib
import sys
import tempfile
import time

from benchmarks.published import choices, table
from benchmarks.published.results import RESULTS
from benchmarks.published.searches import SEARCHES, searched
from schemas.errors import OnegraphError
from transforms.graph.graph import use_one_thread


def main() -> int:
    """Do what the command line says; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/published", description="Our figures beside the published ones.")
    parser.add_argument("--data", type=pathlib.Path, required=True, metavar="DIR", help="folder of the public data")
    parser.add_argument("--only", nargs="+", metavar="NAME", help=f"of {', '.join(RESULTS)}")
    parser.add_argument("--search", type=pathlib.Path, metavar="FILE", help="search on validation rows, write FILE")
    parser.add_argument("--folder", type=pathlib.Path, metavar="DIR", help="keep training sets and candidates there")
    asked = parser.parse_args()
    known = list(RESULTS if asked.search is None else SEARCHES)
    if unknown := [name for name in asked.only or () if name not in known]:
        parser.error(f"--only {unknown[0]!r}: wanted one of {', '.join(known)}")
    if not asked.data.is_dir():
        parser.error(f"--data {asked.data}: no such folder")
    if asked.search is not None and not asked.search.absolute().parent.is_dir():
        parser.error(f"--search {asked.search}: no such folder")
    use_one_thread()  # before a build computes with several: networks come out the same each time
    with tempfile.TemporaryDirectory() as temporary:
        folder = (asked.folder or pathlib.Path(temporary)).resolve()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if asked.search is not None:
                return _search(asked.data, folder, asked.only or known, asked.search)
            return _publish(asked.data, folder, asked.only or known)
        except (OnegraphError, OSError) as error:
            print(f"scripts/published: {error}", file=sys.stderr)
            return 1


def _publish(data: pathlib.Path, folder: pathlib.Path, names: list[str]) -> int:
    chosen = choices.read()
    print(table.HEAD)
    for name in names:
        began = time.monotonic()
        for row in RESULTS[name](data, folder, chosen):
            print(table.markdown(row), flush=True)
        print(f"{name}: {time.monotonic() - began:,.0f} s", file=sys.stderr)
    return 0


def _search(data: pathlib.Path, folder: pathlib.Path, models: list[str], file: pathlib.Path) -> int:
    committed = choices.read()
    found = dict(committed)
    for model in models:
        found[model] = searched(model, data, folder)
        choices.write(file, found)
        same = found[model] == committed.get(model)
        print(f"{model}: {'as committed' if same else 'NOT as committed'}", file=sys.stderr)
    return 0 if found == committed else 1


if __name__ == "__main__":
    sys.exit(main())
