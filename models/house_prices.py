"""House prices: gradient boosted trees for a number, dollars."""

from models.search import Real, Search, Whole
from models.spec import Gate, ModelSpec

MODEL = ModelSpec(
    task="regression",
    parameters={
        "max_depth": 4,
        "eta": 0.05,
        "min_child_weight": 2,
        "subsample": 0.7,
        "colsample_bytree": 0.3,
    },
    rounds=1500,
    early_stopping_rounds=50,
    seed=2_011,
    slices=("Neighborhood", "OverallQual"),
    search=Search(
        space={"eta": Real(0.01, 0.2, log=True), "max_depth": Whole(3, 8)},
        metric="mae",
        trials=9,
    ),
    gates=(Gate("mae", at_most=20_000), Gate("r2", at_least=0.80)),
)
