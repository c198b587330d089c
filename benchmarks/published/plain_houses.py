"""House prices without features of our own: a use case of `onegraph new`, its trees as the library has them."""

import pathlib
import shutil

from beam_jobs.cli.settings import New
from beam_jobs.cli.verbs import run_verb

NAME = "plain_houses"
TRIALS = 9
_MODEL = '''"""House prices: the library's own parameters, and the search over two of them."""

from models.search import Real, Search, Whole
from models.spec import ModelSpec

MODEL = ModelSpec(
    task="regression",
    rounds={rounds},
    early_stopping_rounds=20,
    search=Search(space={{"eta": Real(0.02, 0.5, log=True), "max_depth": Whole(2, 10)}}, metric="mae", trials={trials}),
)
'''
ROUNDS = 300


def write(data: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Write the use case's three files, its schema drafted from all rows; return the folder that they are in."""
    where = folder / NAME
    shutil.rmtree(where, ignore_errors=True)
    file = str(data / "house_prices" / "train.csv.gz")
    run_verb(New(data=(file,), name=NAME, label="SalePrice", use_case_path=str(where)))
    (where / "models" / f"{NAME}.py").write_text(_MODEL.format(rounds=ROUNDS, trials=TRIALS))
    return where
