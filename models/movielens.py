"""MovieLens: gradient boosted trees for five classes, the stars rounded up."""

from models.spec import Gate, ModelSpec

MODEL = ModelSpec(
    task="multiclass",
    classes=("1 star", "2 stars", "3 stars", "4 stars", "5 stars"),
    parameters={"max_depth": 7, "eta": 0.15, "subsample": 0.9, "colsample_bytree": 0.7, "min_child_weight": 5},
    rounds=150,
    early_stopping_rounds=10,
    seed=2_018,
    gates=(Gate("accuracy", at_least=0.40), Gate("macro_auc", at_least=0.60)),
)
