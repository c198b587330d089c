"""Census: gradient boosted trees on the features of transforms/census.py."""

from models.spec import Gate, ModelSpec

MODEL = ModelSpec(
    task="binary",
    parameters={"max_depth": 5, "eta": 0.1, "subsample": 0.9, "colsample_bytree": 0.8},
    rounds=600,
    early_stopping_rounds=30,
    seed=1_994,
    slices=("sex", "race", "relationship"),
    gates=(Gate("auc", at_least=0.90), Gate("accuracy", at_least=0.80)),
)
