"""Validation of columns of several values: how many there are, and each of them."""

import numpy as np
import pyarrow as pa
import pytest

from schemas import roles
from schemas.errors import InputError
from schemas.probe_rows import probe_rows
from schemas.rejection import Reason
from schemas.schema import Schema
from schemas.statistics.columns import ColumnStatistics
from schemas.validation import unseen_values, validate
from transforms.intake.split import id_hashes

SCHEMA = Schema.from_text(
    """
    feature { name: "genres" type: BYTES value_count { min: 2 max: 3 } presence { min_fraction: 1 }
              string_domain { value: "Drama" value: "Comedy" } }
    feature { name: "size" type: FLOAT shape { dim { size: 2 } } float_domain { min: 0 } }
    feature { name: "flags" type: FLOAT value_count { } bool_domain { } }
    feature { name: "hour" type: INT value_count { min: 1 } int_domain { min: 0 max: 23 } }
    """
)
GOOD = (["Drama", "Comedy"], [1.0, 2.0], [0.0, 1.0], [5])


def batch_of(*rows) -> pa.RecordBatch:
    cells = [dict(zip(SCHEMA.names, row, strict=True)) for row in rows]
    return pa.RecordBatch.from_pylist(cells, schema=SCHEMA.arrow_schema)


BAD = [
    ((None, *GOOD[1:]), Reason.REQUIRED, "/genres"),
    (([], *GOOD[1:]), Reason.REQUIRED, "/genres"),
    ((["a"], *GOOD[1:]), Reason.VALUE_COUNT, "/genres"),
    ((["a"] * 4, *GOOD[1:]), Reason.VALUE_COUNT, "/genres"),
    ((["a", None], *GOOD[1:]), Reason.TYPE, "/genres/1"),
    ((GOOD[0], [1.0], *GOOD[2:]), Reason.VALUE_COUNT, "/size"),
    ((GOOD[0], [1.0, -2.0], *GOOD[2:]), Reason.RANGE, "/size/1"),
    ((GOOD[0], [-1.0, np.nan], *GOOD[2:]), Reason.NUM_NONFINITE, "/size/1"),
    ((*GOOD[:2], [1.0, 0.5], GOOD[3]), Reason.RANGE, "/flags/1"),
    ((*GOOD[:3], [23, 24]), Reason.RANGE, "/hour/1"),
    ((*GOOD[:3], [-1]), Reason.RANGE, "/hour/0"),
]


def test_each_bad_list_is_rejected_alone_with_its_reason_and_path():
    batch = batch_of(*(row for bad, _, _ in BAD for row in (GOOD, bad)))
    validated = validate(batch, SCHEMA)
    found = [(one.row, one.reason, one.path) for one in validated.rejections]
    assert found == [(2 * number + 1, reason, path) for number, (_, reason, path) in enumerate(BAD)]
    assert validated.rows.tolist() == list(range(0, 2 * len(BAD), 2))
    assert validated.batch.to_pylist() == batch_of(*[GOOD] * len(BAD)).to_pylist()
    part = validate(batch.slice(5, 3), SCHEMA)  # a slice of lists
    assert [(one.row, one.path) for one in part.rejections] == [(0, "/genres"), (2, "/genres")]


def test_good_lists_and_missing_ones_come_back_as_they_are():
    batch = batch_of(GOOD, (["Drama", "unheard of", "x"], None, [], None))
    assert validate(batch, SCHEMA).batch is batch
    assert unseen_values(batch, SCHEMA) == {"genres": 2}


def test_made_up_rows_have_lists_of_every_length():
    rows = probe_rows(SCHEMA, 48)
    assert rows.num_rows == 48
    assert validate(rows, SCHEMA).rejections == []
    assert {len(cell) for cell in rows.to_pydict()["genres"]} == {2, 3}
    assert {len(cell) for cell in rows.to_pydict()["size"] if cell} == {2}
    assert len({len(cell) for cell in rows.to_pydict()["hour"] if cell}) > 2


@pytest.mark.parametrize("tag", ["id", "key", "event_time:s"])
def test_an_id_or_time_is_no_list(tag):
    text = f'feature {{ name: "x" type: INT value_count {{ }} annotation {{ tag: "{tag}" }} }}'
    with pytest.raises(InputError, match=f"c.pbtxt: x: tag {tag} of a column of several values, wanted a column of"):
        roles.check(Schema.from_text(text).columns, "c.pbtxt")


def test_rows_without_an_id_are_told_apart_by_their_lists():
    rows = [GOOD, GOOD, (["Comedy", "Drama"], *GOOD[1:]), (None, *GOOD[1:]), ([], *GOOD[1:]), (*GOOD[:3], [5, 5])]
    hashes = id_hashes(batch_of(*rows), SCHEMA)
    assert hashes[0] == hashes[1]
    assert hashes[3] == hashes[4]  # an empty list is a missing value
    assert len(set(hashes.tolist())) == 4
    assert id_hashes(batch_of(*rows).slice(2, 2), SCHEMA).tolist() == hashes[2:4].tolist()


def test_statistics_count_rows_and_values():
    statistics = ColumnStatistics(SCHEMA)
    statistics.add(batch_of(GOOD, (*GOOD[:2], [], [1, 2, 3])))
    other = ColumnStatistics(SCHEMA)
    other.add(batch_of((*GOOD[:2], None, [8])))
    statistics.merge(other)
    features = {one.path.step[0]: one for one in statistics.to_proto("train").datasets[0].features}
    assert features["hour"].num_stats.mean == np.mean([5, 1, 2, 3, 8])
    common = features["hour"].num_stats.common_stats
    assert (common.num_non_missing, common.num_missing, common.tot_num_values) == (3, 0, 5)
    common = features["flags"].num_stats.common_stats
    assert (common.num_non_missing, common.num_missing, common.tot_num_values) == (1, 2, 2)
