"""A use case in a folder of one's own that is called like a package of ours goes through the jobs like any other."""

import pathlib

from beam_jobs.cli.command_line import main
from models.training.training_set import TrainingSet

SCHEMA = """
default_environment: "TRAINING"
default_environment: "SERVING"
feature { name: "row" type: INT annotation { tag: "id" } }
feature { name: "paid" type: FLOAT not_in_environment: "SERVING" }
feature { name: "fare" type: FLOAT }
"""
TRANSFORM = """
import numpy as np
import tensorflow_transform as tft
from transforms.missing import fill

WINDOWS = ()

def preprocessing_fn(inputs):
    return {"fare": tft.scale_to_z_score(fill(inputs["fare"], 0.0))}

def label(batch):
    return (np.asarray(batch.column("paid")) > 5).astype(np.float32)
"""
MODEL = "from models.spec import ModelSpec\nMODEL = ModelSpec()\n"


def test_it_may_be_called_graph(tmp_path: pathlib.Path) -> None:
    for file, text in {
        "schemas/graph.pbtxt": SCHEMA,
        "transforms/graph.py": TRANSFORM,
        "models/graph.py": MODEL,
    }.items():
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).write_text(text)
    data = tmp_path / "rows.csv"
    data.write_text("\n".join(["row,paid,fare", *(f"{row},{row % 11},{row % 7}" for row in range(200)), ""]))
    output = tmp_path / "training_set"
    own = ["--use-case", "graph", "--use-case-path", str(tmp_path)]
    assert main(["build_training_set", *own, "--data", str(data), "--output", str(output)]) == 0
    training_set = TrainingSet.open(output)
    assert (training_set.manifest["use_case"], training_set.feature_names) == ("graph", ("fare",))
    assert sum(len(training_set.load(split).label) for split in ("train", "eval", "test")) == 200
