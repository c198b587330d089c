"""Raw batch to scores in one thread: the Scorer against Beam's XGBoost handler and against its own bare parts.

Run from the repository: `python -m benchmarks.scorer`. Trains a taxi model from the shipped trips first (a minute).
Every round times the Scorer and its bare parts one after the other, so that another load on the machine hits all
alike, then the rival in rounds of its own; slow calls get fewer rounds. Figures are medians over the rounds, with the
quartiles as spread.

`rows_per_s_vs_beam_handler`: at 1,000 rows, the Scorer's rows/s from the raw batch over those of Beam's handler, which
is given the finished feature matrix, an event an element. `scorer_time_over_bare_calls`: at 1,000 rows, the Scorer's
time over that of one bare call of the packed graph plus one bare `inplace_predict`.
"""

import json
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import tensorflow as tf

from beam_jobs.cli.command_line import main as onegraph
from benchmarks.machine import machine
from benchmarks.rivals.beam_xgboost_handler import BeamHandler
from models.registry.registry import Registry
from models.scoring.scorer import Scorer
from models.use_case import find

BATCHES = (1, 32, 1_000, 4_000)
CLAIMED = 1_000
ROUNDS, FEWEST_ROUNDS = 100, 3
BUDGET_S = 10.0  # per batch size, ours and the rival's each
ROOT = pathlib.Path(__file__).parent.parent
TRIPS = ROOT / "schemas" / "data" / "taxi.csv.gz"


def main() -> None:
    """Measure on one thread and print one line of JSON."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        scorer = released_scorer(folder)
        rival = BeamHandler(scorer.path / "model" / "model.ubj", folder)
        trips = raw_trips()
        figures = {str(rows): measured(scorer, rival, trips.slice(0, rows)) for rows in BATCHES}
    claimed = figures[str(CLAIMED)]
    result = {
        "benchmark": "scorer",
        "ratios": {
            "rows_per_s_vs_beam_handler": round(claimed["beam_handler"]["ms"] / claimed["scorer"]["ms"], 2),
            "scorer_time_over_bare_calls": round(
                claimed["scorer"]["ms"] / (claimed["bare_graph"]["ms"] + claimed["bare_predict"]["ms"]), 3
            ),
        },
        "figures": {"trees": scorer.manifest["rounds"], "by_batch": figures},
        "machine": machine(),
    }
    for rows, by_name in figures.items():
        for name, figure in by_name.items():
            print(f"{rows:>5} rows  {name:20} {figure['ms']:>9.3f} ms  {figure['rows_per_s']:>9,} rows/s")
    print(json.dumps(result))


def released_scorer(folder: pathlib.Path) -> Scorer:
    """Build, train, evaluate and release the taxi model as a user would."""
    training_set, candidate, registry = (str(folder / name) for name in ("training_set", "candidate", "registry"))
    for argv in (
        ["build_training_set", "--use-case", "taxi", "--data", str(TRIPS), "--output", training_set],
        ["train", "--training-set", training_set, "--output", candidate],
        ["evaluate", "--training-set", training_set, "--candidate", candidate],
        ["release", "--candidate", candidate, "--registry", registry],
    ):
        if onegraph([*argv, "--quiet"]) != 0:
            raise SystemExit(f"scorer: onegraph {argv[0]} failed")
    return Scorer.load(Registry(registry).champion())


def raw_trips() -> pa.RecordBatch:
    """Return the shipped trips as one raw batch, decoded as they always are."""
    import gzip

    from transforms.decode.csv_decoder import CsvDecoder
    from transforms.intake.take_in import take_in

    schema = find("taxi").schema
    lines = gzip.decompress(TRIPS.read_bytes()).splitlines()
    decoder = CsvDecoder(schema, lines[0].decode().split(","))
    return take_in(lines[1 : 1 + max(BATCHES)], decoder, schema).batch


def measured(scorer: Scorer, rival: BeamHandler, batch: pa.RecordBatch) -> dict[str, dict[str, float]]:
    """Time the Scorer, its bare parts and the rival on one raw batch."""
    features = scorer.score(batch).features
    packed = scorer.graph.pack(batch)
    if rival.score_events(features[:5]).tobytes() != scorer.score(batch).scores[:5].tobytes():
        raise SystemExit("scorer: the rival scores otherwise, the comparison means nothing")
    ours: dict[str, Callable[[], object]] = {
        "scorer": lambda: scorer.score(batch),
        "bare_graph": lambda: scorer.graph.call(packed)[0].numpy(),
        "bare_predict": lambda: scorer.model.predict(features),
    }
    rivals: dict[str, Callable[[], object]] = {
        "beam_handler": lambda: rival.score_events(features),
        "beam_handler_matrix": lambda: rival.score_matrix(features),
    }
    times = {**timed(ours), **timed(rivals)}
    return {name: figure(seconds, batch.num_rows) for name, seconds in times.items()}


def timed(calls: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Return the seconds of every call, round by round, until there are enough rounds or the time is up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    began = time.perf_counter()
    for done in range(ROUNDS):
        if done >= FEWEST_ROUNDS and time.perf_counter() - began > BUDGET_S:
            break
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return times


def figure(seconds: list[float], rows: int) -> dict[str, Any]:
    """Return the median in milliseconds, the quartiles, and rows per second."""
    low, median, high = statistics.quantiles(seconds, n=4)
    return {
        "ms": round(median * 1e3, 4),
        "quartiles_ms": [round(low * 1e3, 4), round(high * 1e3, 4)],
        "rows_per_s": round(rows / median),
        "rounds": len(seconds),
    }


if __name__ == "__main__":
    main()
