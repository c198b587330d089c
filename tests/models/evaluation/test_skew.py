"""The comparison finds a flipped bit, a lost row, a repeated row and nothing else."""

import numpy as np
import pytest

from models.evaluation.skew import PathValues, compare

COLUMNS = ["fare", "score"]


def values(rows, matrix):
    return PathValues(np.asarray(rows), np.asarray(matrix, np.float32))


@pytest.fixture
def reference():
    return values([0, 1, 2], [[1.0, 0.25], [np.nan, 0.5], [3.0, 0.75]])


def test_equal_paths_in_another_order_are_equal(reference):
    stream = values([2, 0, 1], [[3.0, 0.75], [1.0, 0.25], [np.nan, 0.5]])
    assert all(skew.equal for skew in compare(COLUMNS, reference, {"stream": stream}))


def test_one_unit_in_the_last_place_is_a_difference(reference):
    changed = reference.values.copy()
    changed[2, 1] = np.nextafter(changed[2, 1], np.float32(1))
    fare, score = compare(COLUMNS, reference, {"stream": PathValues(reference.rows, changed)})
    assert fare.equal
    assert (score.different, score.first_row, score.equal) == (1, 2, False)
    assert 0 < score.largest < 1e-6


def test_minus_zero_is_not_zero():
    zero, minus_zero = values([0], [[0.0, 0.0]]), values([0], [[-0.0, 0.0]])
    fare, score = compare(COLUMNS, zero, {"stream": minus_zero})
    assert (fare.different, score.different) == (1, 0)


def test_nan_against_a_number_is_a_difference(reference):
    changed = reference.values.copy()
    changed[1, 0] = 0
    fare, _ = compare(COLUMNS, reference, {"stream": PathValues(reference.rows, changed)})
    assert (fare.different, fare.first_row) == (1, 1)


@pytest.mark.parametrize(("rows", "unpaired"), [([0, 1], 1), ([0, 1, 2, 2], 1), ([0, 1, 3], 2)])
def test_lost_repeated_and_unknown_rows_are_differences(reference, rows, unpaired):
    matrix = [reference.values[min(row, 2)] for row in rows]
    for skew in compare(COLUMNS, reference, {"stream": values(rows, matrix)}):
        assert (skew.unpaired, skew.equal) == (unpaired, False)


def test_wrong_width_is_refused(reference):
    with pytest.raises(ValueError, match="wanted float32"):
        compare(COLUMNS, reference, {"stream": values([0], [[1.0]])})
