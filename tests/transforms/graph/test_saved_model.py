"""The canonical form of a SavedModel: what the process that traced it was set to leaves nothing in its bytes."""

import pathlib

from tensorflow.core.protobuf import config_pb2, saved_model_pb2

from models.training.training_set import TrainingSet
from transforms.graph.saved_model import canonicalize


def canonical_with(threads: int, built: pathlib.Path, folder: pathlib.Path) -> bytes:
    """Return the canonical bytes of a graph that a process of so many threads wrote; 0 leaves that to TensorFlow."""
    model = saved_model_pb2.SavedModel()
    model.ParseFromString((built / "graph" / "transform_fn" / "saved_model.pb").read_bytes())
    changed = 0
    for function in model.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            if "config_proto" in node.attr:
                config = config_pb2.ConfigProto.FromString(node.attr["config_proto"].s)
                config.intra_op_parallelism_threads = config.inter_op_parallelism_threads = threads
                node.attr["config_proto"].s = config.SerializeToString(deterministic=True)
                changed += 1
    assert changed
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes(model.SerializeToString(deterministic=True))
    canonicalize(folder, "/nowhere")
    return (folder / "saved_model.pb").read_bytes()


def test_the_threads_of_the_process_are_no_part_of_it(built: pathlib.Path, tmp_path: pathlib.Path) -> None:
    path = TrainingSet.open(built).path
    assert canonical_with(1, path, tmp_path / "one") == canonical_with(0, path, tmp_path / "any")
