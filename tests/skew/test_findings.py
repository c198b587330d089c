"""What is said of a comparison: equal only where every bit is, and the first difference by its record."""

import pytest

from beam_jobs.skew.findings import findings_of, first_difference, table_text
from models.evaluation.skew import ColumnSkew

EQUAL = ColumnSkew("stream", "fare", 1200, 0, 0, 0.0, -1)
BENT = ColumnSkew("examples", "fare", 1200, 2, 1, 0.5, 3)
IDS = [f"t.csv/{row}" for row in range(9)]


@pytest.mark.parametrize(("other", "equal"), [(EQUAL, True), (BENT, False)])
def test_equal_is_said_only_where_every_column_is(other: ColumnSkew, equal: bool) -> None:
    result = findings_of("b", ["fare"], 1200, 4, [EQUAL, other])
    assert result["equal"] is equal
    assert (first_difference([EQUAL, other], IDS) is None) is equal
    assert table_text(result).startswith(" " * 6)
    end = f"{'100 % equal' if equal else 'NOT EQUAL'}: 1,200 records (4 more are rejected), bundle b, every value"
    assert end in table_text(result)


def test_every_path_has_its_column() -> None:
    lines = table_text(findings_of("b", ["fare"], 1200, 0, [EQUAL, BENT])).splitlines()
    assert lines[0].split() == ["stream", "examples"]
    assert lines[1].split() == ["fare", "1,200", "equal", "2", "differ,", "1", "alone"]
    assert "more are rejected" not in lines[2]


def test_the_first_difference_names_its_record() -> None:
    assert first_difference([EQUAL, BENT], IDS) == (
        "1 of 2 comparisons differ, the first in 'fare' on path 'examples': 2 rows differ, 1 stand alone, "
        "beginning with t.csv/3"
    )
