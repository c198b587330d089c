"""Beam's own XGBoost handler, called as RunInference calls it: one element an event, a batch a list of elements.

The handler's module imports `datatable`, which has no wheel for this Python; an empty module of that name stands in
for it here, in the benchmark only. The numpy handler uses nothing of it. One thread, as for everything measured.
"""

import pathlib
import sys
import types

import numpy as np
import xgboost

if "datatable" not in sys.modules:
    sys.modules["datatable"] = types.ModuleType("datatable")
    sys.modules["datatable"].Frame = object  # type: ignore[attr-defined]

from typing import Any

from apache_beam.ml.inference.xgboost_inference import XGBoostModelHandlerNumpy


class BeamHandler:
    """The handler with its loaded model; `folder` takes a copy without feature names, which it cannot deal with."""

    def __init__(self, model_file: pathlib.Path, folder: pathlib.Path):
        xgboost.set_config(nthread=1)  # the handler makes a DMatrix of every element, which would use every core
        booster = xgboost.Booster(model_file=model_file)
        booster.feature_names = None
        booster.feature_types = None
        nameless = folder / "nameless.ubj"
        booster.save_model(nameless)
        self._handler = XGBoostModelHandlerNumpy(
            model_class=lambda: xgboost.Booster({"nthread": 1}), model_state=str(nameless)
        )
        self._model = self._handler.load_model()

    def score_events(self, features: np.ndarray) -> np.ndarray:
        """Score a feature matrix as RunInference would: every row an element of its own."""
        elements = [features[row : row + 1] for row in range(len(features))]
        results = self._handler.run_inference(elements, self._model)
        return np.concatenate([result.inference for result in results])

    def score_matrix(self, features: np.ndarray) -> np.ndarray:
        """Score the whole matrix as one element: what a user gets who batches before RunInference."""
        result: Any
        (result,) = self._handler.run_inference([features], self._model)
        return result.inference
