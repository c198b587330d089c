"""The rows of the published protocols are as many as their authors tell, and no test row trains."""

import gzip

import numpy as np
import pyarrow.parquet
import pytest

from benchmarks.published import census, credit_scoring, fraud, house_prices
from benchmarks.published.rows import write_lines


def lines_of(files):
    return [line for file in files for line in file.read_text().splitlines()]


@pytest.mark.needs_data
def test_the_handbooks_baseline_has_its_rows_and_frauds(data_folder, tmp_path):
    (protocol,) = fraud.protocols(data_folder, tmp_path, (fraud.BASELINE,))
    parts = {name: pyarrow.parquet.read_table(*getattr(protocol, name)) for name in ("train", "eval", "test")}
    frauds = {name: sum(part.column("TX_FRAUD").to_pylist()) for name, part in parts.items()}
    assert parts["train"].num_rows + parts["eval"].num_rows == 67_240
    assert frauds["train"] + frauds["eval"] == 598
    assert (parts["test"].num_rows, frauds["test"]) == (58_264, 385)
    assert max(parts["train"].column("TX_DATETIME").to_pylist()) < min(parts["eval"].column("TX_DATETIME").to_pylist())


def test_no_fold_that_parameters_are_chosen_by_has_a_day_that_is_tested():
    tested = {fraud.day_of(first) + 14 + day for first in fraud.TEST_FOLDS for day in range(7)}
    looked_at = {fraud.day_of(first) + day for first in fraud.VALIDATION_FOLDS for day in range(21)}
    assert not tested & looked_at


def test_a_customer_known_to_be_defrauded_is_left_out_a_week_later():
    days = np.array([0, 7, 14, 15, 16])
    customers, frauds = np.array([1, 2, 2, 2, 1]), np.array([True, True, False, False, False])
    train, test = fraud.fold(0, days, customers, frauds)
    assert train.tolist() == [0]
    assert test.tolist() == [2]  # customer 2, whose fraud of day 7 is known on day 15; customer 1 never


@pytest.mark.needs_data
def test_census_is_three_quarters_of_adult_data_and_its_validation_is_none_of_it(data_folder, tmp_path):
    splits = census.protocols(data_folder, tmp_path)
    assert [len(lines_of(one.test)) for one in splits] == [8_141] * 3
    for one in splits:
        whole = lines_of(one.train) + lines_of(one.eval) + lines_of(one.test)
        text = gzip.decompress((data_folder / "census_income" / "adult.data.gz").read_bytes()).decode()
        assert sorted(whole) == sorted(line.replace(", ", ",") for line in text.splitlines() if line)
    folds = census.validation(data_folder, tmp_path)
    assert sum(len(lines_of(one.test)) for one in folds) == 16_281
    assert all(line.endswith("K.") for line in lines_of(folds[0].test))  # adult.test's labels end with a full stop


@pytest.mark.needs_data
def test_loans_are_split_as_the_book_does(data_folder, tmp_path):
    validation, test = credit_scoring.protocols(data_folder, tmp_path)
    rows = {name: len(lines_of(getattr(validation, name))) - 1 for name in ("train", "eval", "test")}
    assert (rows["train"] + rows["eval"], rows["test"]) == (2_672, 891)
    trained = lines_of(test.train)[1:] + lines_of(test.eval)[1:]
    assert len(trained) == 2_672 + 891
    assert set(lines_of(validation.test)[1:]) <= set(trained)
    assert len(lines_of(test.test)[1:]) == 891


@pytest.mark.needs_data
def test_houses_are_split_by_seed(data_folder, tmp_path):
    splits = house_prices.protocols(data_folder, tmp_path, "house_prices", None)
    assert [len(lines_of(getattr(splits[0], name))) - 1 for name in ("train", "eval", "test")] == [876, 292, 292]
    assert len({tuple(lines_of(one.test)) for one in splits}) == len(house_prices.SEEDS)
    for one in splits:
        ids = [line.split(",")[0] for name in ("train", "eval", "test") for line in lines_of(getattr(one, name))[1:]]
        assert sorted(map(int, ids)) == list(range(1, 1_461))


def test_lines_are_written_with_their_header(tmp_path):
    files = write_lines(tmp_path, "name", {"train": ["1", "2"], "test": ["3"]}, "column")
    assert files["train"][0].read_text() == "column\n1\n2\n"
    assert files["test"][0].read_text() == "column\n3\n"
