"""`transforms/NAME.py` of a first version: features by what each column is good for, and the label."""

import dataclasses
from collections.abc import Sequence, Set

from beam_jobs.first_draft.code import sequence, text
from schemas.inference.finding import Finding, Use
from schemas.inference.inferred import Inferred
from schemas.inference.target import Target


@dataclasses.dataclass(frozen=True)
class Group:
    """Columns of which features are made in one way: the constant that names them, and the lines of the loop."""

    constant: str
    uses: tuple[Use, ...]
    body: tuple[str, ...]
    helpers: tuple[str, ...] = ()
    """What the body calls: functions that are written out below, imported ones by the first name, and tft."""


GROUPS = (
    Group(
        "_NUMBERS",
        (Use.NUMBER,),
        ("features[name] = tft.scale_to_z_score(_number(inputs[name]))",),
        ("_number", "tft"),
    ),
    Group(
        "_LONG_TAILS",
        (Use.LONG_TAIL,),
        (
            "# a few values are very far off, so that where a value stands among the others tells more than its size",
            "features[name] = _quantile(_number(inputs[name]))",
        ),
        ("_number", "_quantile", "tft"),
    ),
    Group("_YES_NO", (Use.YES_NO,), ("features[name] = _number(inputs[name])",), ("_number",)),
    Group("_CATEGORIES", (Use.CATEGORY,), ('features[name] = _word_id(fill(inputs[name], ""))',), ("_word_id", "tft")),
    Group(
        "_CODES",
        (Use.CODE,),
        (
            "# names written in digits: their size means nothing",
            'features[name] = _word_id(fill(tf.sparse.map_values(tf.strings.as_string, inputs[name]), ""))',
        ),
        ("_word_id", "tft"),
    ),
    Group("_TEXTS", (Use.TEXT,), ("features[name] = word_ids(words(inputs[name]), name, _WORDS)",), ("words",)),
    Group(
        "_LISTS",
        (Use.LIST, Use.CODES),
        ("features[name] = word_ids(inputs[name], name, _WORDS)",),
        ("word_ids",),
    ),
    Group(
        "_LISTS_OF_NUMBERS",
        (Use.NUMBERS,),
        (
            'features[f"{name}/count"] = count(inputs[name])',
            'features[f"{name}/mean"] = mean(inputs[name], float("nan"))',
            'features[f"{name}/smallest"] = smallest(inputs[name], float("nan"))',
            'features[f"{name}/largest"] = largest(inputs[name], float("nan"))',
        ),
        ("count",),
    ),
    Group("_VECTORS", (Use.VECTOR,), ("features[name] = fill(inputs[name], 0)",)),
)

HELPERS = {
    "_number": """
def _number(column: tf.SparseTensor) -> tf.Tensor:
    return fill(tf.cast(column, tf.float32), float("nan"))
""",
    "_quantile": """
def _quantile(values: tf.Tensor) -> tf.Tensor:
    bucket = tf.cast(tft.bucketize(values, _BUCKETS), tf.float32)
    return tf.where(tf.math.is_nan(values), values, bucket)
""",
    "_word_id": """
def _word_id(words: tf.Tensor) -> tf.Tensor:
    return tft.compute_and_apply_vocabulary(words, top_k=_VOCABULARY_SIZE, num_oov_buckets=1)
""",
}
_CONSTANTS = {
    "_quantile": ("_BUCKETS = 100",),
    "_word_id": ("_VOCABULARY_SIZE = 1000",),
    "words": ("_WORDS = 100",),
    "word_ids": ("_WORDS = 100",),
}
_IMPORTED = {
    "words": ("word_ids", "words"),
    "word_ids": ("word_ids",),
    "count": ("count", "largest", "mean", "smallest"),
}


def transform_file(inferred: Inferred, target: Target, name: str) -> str:
    """Return the text of the file."""
    groups = [(group, found) for group in GROUPS if (found := inferred.of_use(*group.uses))]
    times = list(inferred.of_use(Use.TIME))
    wanted = {helper for group, _ in groups for helper in group.helpers}
    if any(not _is_event(time) for time in times):
        wanted |= {"_number", "tft"}
    helpers = [helper for helper in HELPERS if helper in wanted]
    sizes = dict.fromkeys(line for helper, lines in _CONSTANTS.items() if helper in wanted for line in lines)
    constants = [
        *(line for group, found in groups for line in sequence(group.constant, [one.name for one in found])),
        *_times_constant(times),
        *sizes,
    ]
    finding = next(one for one in inferred.findings if one.use is Use.LABEL)
    title = f'"""{name}: features and label. A first version by `onegraph new`, from here on yours to change."""'
    top = [title, _imports(target, bool(times), wanted), "\n".join(constants), "\n".join(_classes(target))]
    functions = [_preprocessing([group for group, _ in groups], times), _label(target, finding)]
    functions += [HELPERS[helper].strip("\n") for helper in helpers]
    return "\n\n".join(part for part in top if part) + "\n\n\n" + "\n\n\n".join(functions) + "\n"


def _imports(target: Target, times: bool, wanted: Set[str]) -> str:
    arrow = ["import pyarrow as pa"] + ([] if target.as_it_is else ["import pyarrow.compute as pc"])
    tft = ["import tensorflow_transform as tft"] if "tft" in wanted else []
    lines = ["from collections.abc import Mapping", "", *arrow, "import tensorflow as tf", *tft, ""]
    lines += ["from transforms.calendar import calendar"] if times else []
    many = sorted({name for helper, names in _IMPORTED.items() if helper in wanted for name in names})
    lines += [f"from transforms.many_valued import {', '.join(many)}"] if many else []
    return "\n".join([*lines, "from transforms.missing import fill"])


def _is_event(finding: Finding) -> bool:
    return any(tag.startswith("event_time:") for tag in finding.tags)


def _times_constant(times: Sequence[Finding]) -> list[str]:
    if not times:
        return []
    parts = [f"{text(time.name)}: {text(time.unit or 's')}" for time in times]
    line = f"_TIMES = {{{', '.join(parts)}}}"
    return [line] if len(line) <= 120 else ["_TIMES = {", *(f"    {part}," for part in parts), "}"]


def _preprocessing(groups: Sequence[Group], times: Sequence[Finding]) -> str:
    lines = [
        "def preprocessing_fn(inputs: Mapping[str, tf.SparseTensor]) -> dict[str, tf.Tensor]:",
        '    """Return the features. A missing number is NaN, which is a missing value to the model too."""',
        "    features = {}",
    ]
    for group in groups:
        lines.append(f"    for name in {group.constant}:")
        lines += [f"        {line}" for line in group.body]
    if times:
        lines.append("    for name, unit in _TIMES.items():")
        lines.append("        for part, values in calendar(inputs[name], unit).items():")
        lines.append('            features[f"{name}/{part}"] = values')
    for time in times:
        if not _is_event(time):
            lines.append(f"    features[{text(time.name)}] = tft.scale_to_z_score(_number(inputs[{text(time.name)}]))")
    return "\n".join([*lines, "    return features"])


def _classes(target: Target) -> list[str]:
    if target.as_it_is:
        return []
    if all(isinstance(one, str) for one in target.classes):
        return sequence("_CLASSES", map(str, target.classes))
    return [f"_CLASSES = ({', '.join(map(str, target.classes))})"]


def _label(target: Target, finding: Finding) -> str:
    column = f"batch.column({text(target.name)})"
    if target.as_it_is:
        what = "the number to predict" if target.task == "regression" else "what to predict, as the column has it"
        return "\n".join(
            [
                "def label(batch: pa.RecordBatch) -> pa.Array:",
                f'    """Return {what}; null where a row has no label."""',
                f"    return {column}",
            ]
        )
    what = "1 for the second class, 0 for the first" if target.task == "binary" else "the number of the class"
    return "\n".join(
        [
            "def label(batch: pa.RecordBatch) -> pa.Array:",
            f'    """Return {what}; null where a row has none of them, and so no label."""',
            f"    column = {column}",
            "    return pc.index_in(column, pa.array(_CLASSES, column.type))",
        ]
    )
