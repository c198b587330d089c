"""A preprocessing_fn is looked at before any data is read: what is wrong with it is one line."""

import pathlib
import re
import tempfile

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from schemas.errors import InputError
from schemas.schema import Schema
from tests.support.file_limit import no_file_grows_over
from transforms.graph.preprocessing import FeatureOutputs, check_preprocessing
from transforms.missing import fill

SCHEMA = Schema.from_text("""
feature { name: "purpose" type: BYTES }
feature { name: "amount" type: FLOAT presence { min_fraction: 1 } float_domain { min: 0 } }
feature { name: "age" type: INT }
feature { name: "defaulted" type: INT not_in_environment: "SERVING" }
""")
ONE = "wanted one number per row, a vector of a fixed size, or lists of ids"
ALIKE = "for what is over a whole column use tf.Transform's tft.mean, tft.min, tft.max, tft.sum, tft.scale_to_z_score"
COMPUTES = "a graph computes from columns alone: no files, logs, network, Python or chance; take it out and build again"


def amount(inputs):
    return fill(inputs["amount"], 0.0)


def refusal(function) -> str:
    """Return what is said of a function, the numbers of lines as N."""
    with pytest.raises(InputError) as raised:
        check_preprocessing(function, SCHEMA, "transforms/c.py")
    said = str(raised.value)
    assert "\n" not in said
    assert said.startswith("transforms/c.py")
    return re.sub(r"\bline \d+", "line N", said.removeprefix("transforms/c.py"))


def test_a_function_that_is_right():
    def preprocessing_fn(inputs):
        x = amount(inputs)
        return {
            "z": tft.scale_to_z_score(tf.math.log1p(x)),
            "words": tft.compute_and_apply_vocabulary(fill(inputs["purpose"], ""), num_oov_buckets=1),
            "buckets": tf.reshape(tft.bucketize(fill(inputs["age"], 0), 8), [-1, 1]),
            "number": tf.strings.to_number(fill(inputs["purpose"], "0")),
            "per_key": tft.scale_to_0_1_per_key(x, fill(inputs["purpose"], "")),
            "over_mean": x / (1.0 + tft.mean(x)),
            "is_old": fill(inputs["age"], 0) > 60,
        }

    check_preprocessing(preprocessing_fn, SCHEMA, "transforms/c.py")


def test_no_room_for_the_files_of_analyzers_is_not_the_functions_fault():
    def preprocessing_fn(inputs):
        return {"words": tft.compute_and_apply_vocabulary(fill(inputs["purpose"], ""))}

    with no_file_grows_over(0), pytest.raises(OSError, match="File too large") as full:
        check_preprocessing(preprocessing_fn, SCHEMA, "transforms/c.py")
    assert full.value.filename == tempfile.gettempdir()


def test_what_only_data_can_tell_is_left_to_it():
    def preprocessing_fn(inputs):
        text = tf.strings.join([fill(inputs["purpose"], ""), "x"])
        return {"number": tf.strings.to_number(text)}

    check_preprocessing(preprocessing_fn, SCHEMA, "transforms/c.py")


def test_a_column_that_is_not_there():
    has = "which is not in the schema (purpose, amount, age)"
    assert refusal(lambda inputs: {"p": fill(inputs["purpos"], "")}) == (
        f" line N: preprocessing_fn wants column 'purpos', {has}, did you mean purpose?"
    )
    assert refusal(lambda inputs: {"p": inputs.copy()["zzz"]}) == f" line N: preprocessing_fn wants column 'zzz', {has}"
    assert refusal(lambda inputs: {"p": fill(inputs["defaulted"], 0)}) == (
        " line N: preprocessing_fn wants column 'defaulted', which serving does not have, training alone; serving has: "
        "purpose, amount, age"
    )


def test_a_column_may_be_looked_for():
    def preprocessing_fn(inputs):
        try:
            return {"x": fill(inputs["none"], 0.0)}
        except KeyError:
            return {"x": amount(inputs)} if "none" not in inputs else {}

    check_preprocessing(preprocessing_fn, SCHEMA, "transforms/c.py")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda inputs: 1 / 0, " line N: preprocessing_fn ended in ZeroDivisionError: division by zero"),
        (
            lambda inputs: {"x": amount(inputs) + fill(inputs["age"], 0)},
            (
                " line N: preprocessing_fn ended in TypeError: Input 'y' of 'AddV2' Op has type int64 that does not "
                "match type float32 of argument 'x'."
            ),
        ),
        (lambda inputs: None, ": preprocessing_fn gives None, wanted a dict of features by name"),
        (amount, ": preprocessing_fn gives a value of type SymbolicTensor, wanted a dict of features by name"),
        (lambda inputs: {}, ": preprocessing_fn gives no feature, wanted one or more"),
        (
            lambda inputs: {1: amount(inputs)},
            ": output 1: a feature's name is text without control characters; rename it",
        ),
        (lambda inputs: {"x": 1.0}, f": output 'x' is a value of type float, {ONE}"),
        (lambda inputs: {"x": np.zeros(48)}, f": output 'x' is a value of type ndarray, {ONE}"),
        (
            lambda inputs: {"x": inputs["amount"]},
            (
                f": output 'x' is a value of type SparseTensor of float32 whose range is not known, {ONE}, as a "
                "vocabulary, buckets or transforms.many_valued make them; give missing values of a column of one value "
                "a default with transforms.missing.fill"
            ),
        ),
        (
            lambda inputs: {"x": fill(inputs["purpose"], "")},
            ": output 'x' is string, wanted a number; apply a vocabulary to strings",
        ),
        (
            lambda inputs: {"x": tf.sparse.to_dense(inputs["amount"])},
            (
                f": output 'x' has shape (None, None), {ONE}; say how many parts it has, as in "
                "fill(column, 0.0, size=8), or return the ids that it is made of"
            ),
        ),
        (
            lambda inputs: {"x": tf.zeros([tf.shape(amount(inputs))[0], 2, 3])},
            f": output 'x' has shape (None, 2, 3), {ONE}: [rows] or [rows, n]",
        ),
        (
            lambda inputs: {"x": inputs["age"].values},
            (
                f": output 'x' has another number of rows than its batch, {ONE}; take columns through "
                "transforms.missing.fill or transforms.many_valued, not by their .values"
            ),
        ),
    ],
)
def test_what_is_no_feature(function, said):
    assert refusal(function) == said


def test_an_exception_names_the_line_of_the_file():
    def preprocessing_fn(inputs):
        raise ValueError("two\nlines")

    lines = pathlib.Path(__file__).read_text().splitlines()
    number = next(at for at, line in enumerate(lines, 1) if "two\\nlines" in line)
    with pytest.raises(InputError, match=rf"^transforms/c\.py line {number}: .* ended in ValueError: two lines$"):
        check_preprocessing(preprocessing_fn, SCHEMA, "transforms/c.py")


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (
            lambda inputs: {"ratio": amount(inputs) / tf.reduce_mean(amount(inputs)), "x": amount(inputs)},
            "feature 'ratio' of a row depends on the other rows of its batch, by Mean at line N",
        ),
        (
            lambda inputs: {"x": tf.cumsum(amount(inputs)), "y": tf.range(tf.size(amount(inputs)))},
            "features 'x', 'y' of a row depend on the other rows of its batch, by Cumsum at line N or Range at line N",
        ),
        (
            lambda inputs: {"x": tft.scale_to_z_score(amount(inputs) - amount(inputs)[0])},
            "feature 'x' of a row depends on the other rows of its batch",
        ),
    ],
)
def test_a_feature_that_depends_on_its_batch(function, said):
    assert refusal(function) == f": {said}; {ALIKE}"


def test_chance_is_named_with_its_feature_and_line():
    assert refusal(lambda inputs: {"x": amount(inputs), "r": tf.random.uniform(tf.shape(amount(inputs)))}) == (
        f" line N: operation RandomUniform (random_uniform/RandomUniform) of feature 'r'; {COMPUTES}"
    )


def test_a_name_may_have_any_letter_but_no_control_character():
    with pytest.raises(InputError, match=r"output 'two\\nlines': a feature's name is text without control characters"):
        FeatureOutputs(lambda _: {"two\nlines": tf.zeros([4])})({})
    with tf.Graph().as_default():
        assert list(FeatureOutputs(lambda _: {"prix\u00a0moyen": tf.zeros([4])})({})) == ["prix\u00a0moyen"]
