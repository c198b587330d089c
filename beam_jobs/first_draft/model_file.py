"""`models/NAME.py` of a first version: the task, parameters that suit most tables, and slices to look at."""

from beam_jobs.first_draft.code import WIDTH, sequence, text
from schemas.inference.finding import Use
from schemas.inference.inferred import Inferred
from schemas.inference.target import Target, class_name

_SLICES = 3
_SLICE_VALUES = range(2, 21)
_MANY_ROWS = 10_000
_SMALL = '{"max_depth": 3, "eta": 0.05, "min_child_weight": 2, "subsample": 0.8, "colsample_bytree": 0.5}'
_LARGE = '{"max_depth": 5, "eta": 0.1, "min_child_weight": 3, "subsample": 0.9, "colsample_bytree": 0.8}'
_GATES = {
    "binary": 'Gate("auc", at_least=0.8)',
    "multiclass": 'Gate("accuracy", at_least=0.8)',
    "regression": 'Gate("mae", at_most=10.0)',
}


def model_file(inferred: Inferred, target: Target, name: str) -> str:
    """Return the text of the file."""
    lines = [
        f'"""{name}: the model. A first version by `onegraph new`, from here on yours to change."""',
        "",
        "from models.spec import ModelSpec",
        "",
        "MODEL = ModelSpec(",
        f"    task={text(target.task)},",
    ]
    if target.task == "multiclass":
        lines += _argument("classes", [class_name(one) for one in target.classes])
    lines += [
        f"    parameters={_SMALL if inferred.rows < _MANY_ROWS else _LARGE},",
        "    rounds=1000,",
        "    early_stopping_rounds=50,",
    ]
    if slices := slices_of(inferred):
        lines += _argument("slices", slices)
    lines += [f"    # gates=({_GATES[target.task]},) would say what a model must reach to be released", ")", ""]
    return "\n".join(lines)


def slices_of(inferred: Inferred) -> list[str]:
    """Return the columns by whose values an evaluation repeats its metrics: categories of a few values, all of them."""
    found = [
        finding.name
        for finding in inferred.of_use(Use.CATEGORY, Use.YES_NO)
        if finding.distinct in _SLICE_VALUES and not finding.missing
    ]
    return found[:_SLICES]


def _argument(name: str, values: list[str]) -> list[str]:
    first, *others = sequence(name, values)
    line = first.replace(" = ", "=", 1)
    if not others and len(line) + 5 <= WIDTH:
        return [f"    {line},"]
    return [f"    {name}=(", *(f"        {text(value)}," for value in values), "    ),"]
