"""Fraud: gradient boosted trees; few transactions are frauds, so the trees are small and the rows many."""

from models.spec import Gate, ModelSpec

MODEL = ModelSpec(
    task="binary",
    parameters={"max_depth": 3, "eta": 0.1, "subsample": 0.9, "colsample_bytree": 0.8},
    rounds=300,
    early_stopping_rounds=30,
    seed=2_018,
    slices=("TX_DURING_NIGHT",),
    gates=(Gate("auc", at_least=0.80), Gate("average_precision", at_least=0.40)),
)
