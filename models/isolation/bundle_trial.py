"""What is tried of a bundle before a process of ours loads it; runs in the child of `trial`."""

import pathlib
from collections.abc import Callable

import pyarrow as pa

from models.scoring.golden import replay_golden
from models.scoring.scorer import Scored, Scorer
from schemas.errors import ArtifactError
from transforms.graph.finite import infinite_rows, kept_rows
from transforms.graph.graph import TransformGraph

# Given a bundle, its golden rows and what it makes of them; raises if it cannot be used.
Check = Callable[[Scorer, pa.RecordBatch, Scored], None]

_MOST_GRAPHS = 2
_graphs: dict[str, TransformGraph] = {}  # of the child: bundles often share one, and loading it takes the time


def unchecked(scorer: Scorer, rows: pa.RecordBatch, scored: Scored) -> None:
    """Ask nothing more of a bundle."""


def try_bundle(path: str | pathlib.Path, bundle_id: str, check: Check = unchecked) -> None:
    """Load a bundle, score its golden rows, and do with it what the job does; raises what is wrong with it."""
    scorer = loaded(path, bundle_id, _graphs, check)
    _graphs.pop(scorer.graph.fingerprint, None)
    _graphs[scorer.graph.fingerprint] = scorer.graph
    while len(_graphs) > _MOST_GRAPHS:
        del _graphs[next(iter(_graphs))]


def loaded(path: str | pathlib.Path, bundle_id: str, graphs: dict[str, TransformGraph], check: Check) -> Scorer:
    """Return a bundle whose every byte, id and golden row is as it should be and that `check` takes.

    A graph that is in `graphs` is taken from there. Raises `ArtifactError`, or what `check` raises.
    """
    scorer = Scorer.load(path, graphs=graphs)
    if scorer.bundle_id != bundle_id:
        raise ArtifactError(f"{scorer.path}: is bundle {scorer.bundle_id}, the pointer names {bundle_id}")
    rows, scored = replay_golden(scorer, scorer.path / "golden")
    if infinite := infinite_rows(scored.features, scorer.feature_names):  # older bundles have such, no prediction does
        kept = kept_rows(rows.num_rows, infinite)
        rows, scored = rows.take(pa.array(kept)), Scored(scored.features[kept], scored.scores[kept])
    check(scorer, rows, scored)
    return scorer
