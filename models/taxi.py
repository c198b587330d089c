"""Taxi: gradient boosted trees on the features of transforms/taxi.py."""

from models.search import Real, Search, Whole
from models.spec import Gate, ModelSpec

MODEL = ModelSpec(
    task="binary",
    family="xgboost",
    parameters={"max_depth": 6, "eta": 0.1, "min_child_weight": 5, "subsample": 0.9, "colsample_bytree": 0.9},
    rounds=400,
    early_stopping_rounds=25,
    seed=20_140_516,
    search=Search(
        space={"max_depth": Whole(3, 9), "eta": Real(0.03, 0.3, log=True), "min_child_weight": Real(1, 20, log=True)},
        metric="auc",
    ),
    slices=("payment_type", "company", "trip_start_hour"),
    gates=(Gate("auc", at_least=0.90), Gate("log_loss", at_most=0.45)),
)
