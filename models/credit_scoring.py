"""Credit scoring: small gradient boosted trees, since there are few loans."""

from models.spec import Gate, ModelSpec

MODEL = ModelSpec(
    task="binary",
    parameters={"max_depth": 3, "eta": 0.05, "subsample": 0.8, "colsample_bytree": 0.6},
    rounds=800,
    early_stopping_rounds=50,
    seed=11,
    split={"train": 0.6, "eval": 0.2, "test": 0.2},
    slices=("Home", "Job"),
    gates=(Gate("auc", at_least=0.78),),
)
