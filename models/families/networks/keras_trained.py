"""A network of the family `keras` that was just trained: from splits to weights, and the folder that scores."""

import dataclasses
import errno
import io
import json
import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from models.families.family import FeatureColumns, Split, TrainingRun
from models.families.networks import keras_training
from models.families.networks.keras_description import FILE
from models.families.networks.keras_exact import exact_layers
from models.families.networks.keras_goal import goal_of
from models.families.networks.keras_inputs import Inputs, background
from models.families.networks.keras_model import BACKGROUND, BACKGROUND_ROWS, NETWORK
from models.families.networks.keras_network import Layers, NetworkForm, outputs_of
from models.families.networks.keras_parameters import all_parameters, check_size
from models.spec import ModelSpec
from models.tasks import BINARY, MULTICLASS
from schemas.artifacts.making import copy_folder
from transforms.graph.saved_model import canonicalize


@dataclasses.dataclass(frozen=True, repr=False)  # TensorFlow's warnings quote whose function it traces
class TrainedNetwork:
    """A network as it was after its best round, and how it came about; `history` has eval metrics per round."""

    columns: FeatureColumns
    spec: ModelSpec
    inputs: Inputs
    form: NetworkForm
    layers: Layers
    shift: float
    scale: float
    background: np.ndarray
    weights: int
    rounds: int
    history: Mapping[str, Sequence[float]]
    parameters: Mapping[str, Any]

    def save(self, folder: pathlib.Path) -> None:
        """Write `network/`, a SavedModel, `background.npy` and `model.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        facts = {
            "format": 1,
            "feature_names": list(self.columns.names),
            "classes": len(self.spec.classes),
            "together": [[one.first, one.width] for one in self.columns.wide],
            "network": {**dataclasses.asdict(self.form), "weights": self.weights},
        }
        (folder / FILE).write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")
        network = tf.Module()
        network.score = tf.function(
            self._scored, input_signature=[tf.TensorSpec([None, len(self.columns.names)], tf.float32, "features")]
        )
        with tempfile.TemporaryDirectory() as made:
            try:
                tf.saved_model.save(network, made)
            except tf.errors.OpError as error:  # a full disk is one, and has no number of the machine's
                said = str(error).splitlines()[0]
                raise OSError(errno.EIO, f"TensorFlow cannot write a network: {said}", str(folder)) from None
            canonicalize(pathlib.Path(made), made)
            copy_folder(pathlib.Path(made), folder / NETWORK)
        _, scores = network.score(tf.constant(self.background))
        table = np.concatenate([self.background, scores.numpy().reshape(len(self.background), -1)], axis=1)
        file = io.BytesIO()
        np.save(file, table, allow_pickle=False)
        (folder / BACKGROUND).write_bytes(file.getvalue())

    def _scored(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return margins and scores of features, [rows, features]."""
        margins = outputs_of(self.form, self.inputs.prepared(features), self.layers) * self.scale + self.shift
        if self.spec.task == BINARY:
            return margins, tf.sigmoid(margins[:, 0])
        if self.spec.task == MULTICLASS:
            raised = tf.transpose(tf.exp(margins - tf.reduce_max(margins, axis=1, keepdims=True)))
            return margins, tf.transpose(raised / tf.reduce_sum(raised, axis=0, keepdims=True))
        return margins, margins[:, 0]


def trained(
    spec: ModelSpec, columns: FeatureColumns, train_split: Split, eval_split: Split | None, run: TrainingRun
) -> TrainedNetwork:
    """Train as `keras_net.train` says, for parameters that were checked."""
    parameters = all_parameters(spec)
    inputs = Inputs.learnt(train_split.features, columns, parameters["most_ids"], run.team)
    form = NetworkForm.of(parameters, len(spec.classes) or 1)
    check_size(inputs.embeddings * form.embedding_size)
    goal = goal_of(spec, parameters, train_split, run.team)
    fitted = keras_training.fit(spec, parameters, inputs, form, goal, train_split, eval_split, run)
    return TrainedNetwork(
        columns=columns,
        spec=spec,
        inputs=inputs,
        form=form,
        layers=exact_layers(form, inputs, fitted.weights, train_split.features, run.team),
        shift=goal.shift,
        scale=goal.deviation,
        background=background(train_split.features, inputs.ids.tolist(), BACKGROUND_ROWS, spec.seed, run.team),
        weights=sum(one.size for values in fitted.weights.values() for one in values),
        rounds=fitted.rounds,
        history=fitted.history,
        parameters={**parameters, "layers": list(parameters["layers"]), "seed": spec.seed},
    )
