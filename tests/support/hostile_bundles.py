"""Bundles and pointers as somebody would make them who wants to harm a running job: whole, with a manifest to fit.

Each function of `BUNDLES` spoils a copy of a good bundle and returns facts that its manifest is to say; `spoiled` makes
a bundle of it, named by its content as a true one is.
"""

import json
import os
import pathlib
import shutil
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from schemas.artifacts import artifact

Spoil = Callable[[pathlib.Path], Mapping[str, Any]]


def spoiled(bundle: pathlib.Path, spoil: Spoil) -> str:
    """Write a spoiled copy of a bundle beside it and return its id."""
    copy = shutil.copytree(bundle, bundle.with_name(f"copy-{uuid.uuid4().hex}"))
    (copy / artifact.SIGNATURES).unlink(missing_ok=True)
    facts = dict(spoil(copy))
    manifest = json.loads((copy / artifact.MANIFEST).read_text())
    kept = {name: value for name, value in manifest.items() if name not in ("files", "kind")}
    gone = {name for name, value in facts.items() if value is GONE}
    said = {name: value for name, value in {**kept, **facts}.items() if name not in gone}
    made = artifact.content_id(artifact.complete(copy, "bundle", said).manifest)
    copy.rename(copy.with_name(made))
    return made


GONE = object()
"""What a fact is that the manifest is not to have."""


def with_trees(path: pathlib.Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Write the model anew after a change of its first tree, in XGBoost's own form."""
    import xgboost

    file = path / "model" / "model.ubj"
    model = json.loads(bytes(xgboost.Booster(model_file=file).save_raw("json")))
    change(model["learner"]["gradient_booster"]["model"]["trees"][0])
    # XGBoost itself takes it, all but a parent out of range
    text = json.dumps(model).encode()
    xgboost.Booster(model_file=bytearray(text)).save_model(file)


def split_out_of_range(path: pathlib.Path) -> Mapping[str, Any]:
    with_trees(path, lambda tree: tree["split_indices"].__setitem__(0, 1 << 30))
    return {}


def child_out_of_range(path: pathlib.Path) -> Mapping[str, Any]:
    with_trees(path, lambda tree: tree["left_children"].__setitem__(0, 1 << 30))
    return {}


def trees_in_a_circle(path: pathlib.Path) -> Mapping[str, Any]:
    def change(tree: dict[str, Any]) -> None:
        inner = tree["left_children"][0] if tree["left_children"][tree["left_children"][0]] > 0 else 2
        tree["left_children"][inner] = tree["right_children"][inner] = 0

    with_trees(path, change)
    return {}


def threshold_of(value: Any) -> Spoil:
    """Return what gives the manifest another threshold."""
    return lambda path: {"threshold": value}


def golden_rows_cut(path: pathlib.Path) -> Mapping[str, Any]:
    """Leave one golden row; the manifest still says how many there were."""
    import pyarrow as pa

    file = path / "golden" / "rows.arrow"
    with pa.OSFile(str(file), "rb") as source:
        table = pa.ipc.open_file(source).read_all()
    with pa.OSFile(str(file), "wb") as target, pa.ipc.new_file(target, table.schema) as writer:
        writer.write_table(table.slice(0, 1))
    return {}


def golden_rows_cut_and_said(path: pathlib.Path) -> Mapping[str, Any]:
    return {**golden_rows_cut(path), "golden_rows": 1}


def graph_that_never_ends(path: pathlib.Path) -> Mapping[str, Any]:
    """Let the graph loop for ever once it is called."""
    import tensorflow as tf

    from transforms.graph.graph import graph_fingerprint

    folder = path / "graph" / "transform_fn"

    class Endless(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = tf.saved_model.load(str(folder))
            given = self.inner.transform_fn.structured_input_signature[0]
            self.transform_fn = tf.function(self._transform, input_signature=given)

        def _transform(self, inputs: Any) -> Any:
            outputs = self.inner.transform_fn(inputs)
            one = tf.cast(tf.size(next(iter(outputs.values()))), tf.int32)
            (ends,) = tf.while_loop(lambda at: at >= 0, lambda at: (at + 1) % (one + 7), [one])
            with tf.control_dependencies([ends]):
                return {name: tf.identity(value) for name, value in outputs.items()}

    tf.saved_model.save(Endless(), str(path / "endless"))
    shutil.rmtree(folder)
    (path / "endless").rename(folder)
    return {"graph_fingerprint": graph_fingerprint(path / "graph")}


CRASHING: Mapping[str, Spoil] = {
    "split": split_out_of_range,
    "child": child_out_of_range,
    "circle": trees_in_a_circle,
}
FACTS: Mapping[str, Spoil] = {
    "threshold text": threshold_of("abc"),
    "threshold list": threshold_of([0.5]),
    "threshold NaN": threshold_of(float("nan")),
    "threshold bool": threshold_of(True),
    "threshold above 1": threshold_of(2),
    "no threshold": threshold_of(GONE),
    "another task": lambda path: {"task": "ranking"},
    "classes of one score": lambda path: {
        "task": "multiclass",
        "classes": ["a", "b"],
        "metrics": {"accuracy": 0.5, "log_loss": 0.5},
    },
    "numbers without metrics": lambda path: {"task": "regression"},
    "names a text": lambda path: {"feature_names": "fare"},
    "versions a list": lambda path: {"versions": []},
    "golden cut": golden_rows_cut,
    "golden cut and said": golden_rows_cut_and_said,
}


def _place(registry: pathlib.Path, make: Callable[[pathlib.Path], object]) -> None:
    """Put something in the pointer's place in one step."""
    beside = registry / f".{uuid.uuid4().hex}"
    make(beside)
    live = registry / "live.json"
    if live.is_dir():
        live.rename(registry / f".{uuid.uuid4().hex}")
    elif beside.is_dir():
        live.unlink(missing_ok=True)
    os.replace(beside, live)


def write(content: bytes) -> Callable[[pathlib.Path], None]:
    """Return what makes `live.json` a file of this content."""
    return lambda registry: _place(registry, lambda path: path.write_bytes(content))


POINTERS: Mapping[str, Callable[[pathlib.Path], None]] = {
    "no text": write(b"\xff"),
    "deep": write(b"[" * 100_000),
    "deep object": write(b'{"generation": 9, "champion": ' + b"[" * 100_000),
    "empty": write(b""),
    "a number": write(b"7"),
    "a folder": lambda registry: _place(registry, lambda path: path.mkdir()),
    "a pipe": lambda registry: _place(registry, os.mkfifo),
    "a link in a circle": lambda registry: _place(registry, lambda path: path.symlink_to("live.json")),
    "gone": lambda registry: (registry / "live.json").unlink(),
}
