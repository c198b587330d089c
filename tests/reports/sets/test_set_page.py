"""The page of a training set: what differs most stands first, personal values stand nowhere, nothing is loaded."""

import dataclasses
import html
import re

import pytest

from beam_jobs.reports.sets import differences, drawing, set_page
from beam_jobs.reports.sets.opened_set import OpenedSet
from beam_jobs.reports.sets.shares import NumberShares
from tests.support.report_sets import rows_of, write_set

REJECTED = [{"reason": "TYPE", "field": "/fare", "count": 30}, {"reason": "CSV_SYNTAX", "field": "", "count": 3}]
FOUND = {
    "limits": [{"column": "empty", "limit": "presence.min_fraction", "wanted": 0.9, "found": 0.0}],
    "unseen": {"train": {"town <b>": {"rows": 7, "distinct": 2, "values": {"<i>": 5}}}},
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    splits = {"train": rows_of(4000, 1), "eval": rows_of(1000, 2, shift=0.5), "test": rows_of(1000, 3)}
    return OpenedSet.open(write_set(tmp_path_factory.mktemp("sets") / "trips", splits, FOUND, REJECTED))


@pytest.fixture(scope="module")
def page(opened):
    return set_page.page(opened)


def _cards(page):
    return re.findall(r'<article class="card" id="[^"]*">.*?</article>', page, re.DOTALL)


def test_what_differs_most_stands_first(page, opened):
    names = [html.unescape(re.findall(r'<h3 title="([^"]*)"', card)[0]) for card in _cards(page)]
    assert names[0] == "fare"
    assert sorted(names) == sorted(opened.columns)
    found = set_page.compared(opened)
    assert found[0]["column"] == "fare"
    assert found[0]["more_than_chance"]
    assert found[0]["difference"] > 0.15
    assert {one["column"] for one in found if one["more_than_chance"]} == {"fare"}


def test_rows_left_out_and_rows_per_class_are_told(opened):
    facts = {
        "rows": {**opened.manifest["rows"], "left_out": 12_000},
        "left_out": {"no split": 2000, "down-sampling": 10_000},
        "class_rows": {"train": {"low": 3000, "<high>": 1000}, "eval": {"low": 900, "<high>": 100}},
    }
    page = set_page.page(dataclasses.replace(opened, manifest={**opened.manifest, **facts}))
    assert "12,000" in page
    assert "no split 2,000, down-sampling 10,000" in page
    assert "&lt;high&gt;" in page
    assert re.search(r"&lt;high&gt;</td>\s*<td class=\"number\">1,000</td>\s*<td class=\"number\">100</td>", page)


def test_personal_values_stand_nowhere_and_counts_do(page):
    assert "Jane" not in page
    assert "9100" not in page
    (driver,) = (card for card in _cards(page) if 'title="driver"' in card)
    (age,) = (card for card in _cards(page) if 'title="age"' in card)
    for card in (driver, age):
        assert "personal: counts only" in card
        assert "<svg" not in card
        assert "missing 0" in card
        assert "mean" not in card


def test_text_of_the_data_is_escaped_and_nothing_is_loaded(page):
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "<i>" not in page
    assert "x" * 60 not in page
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!#)", page)
    assert not re.findall(r"url\((?!#)", page)


def test_a_line_that_is_the_same_in_all_splits_is_in_no_table(page):
    tables = re.findall(r"<table class=\"facts\">.*?</table>", page, re.DOTALL)
    assert tables
    for table in tables:
        for row in re.findall(r"<tr><td>(.*?)</tr>", table):
            assert len(set(re.findall(r'<td class="number">(.*?)</td>', row))) > 1, row
    assert "mean 4.25" in page


def test_counts_splits_rejected_rows_anomalies_and_slices_are_told(page):
    for said in ("6,033", "33 (0.55", "4,000", "0.25", "TYPE <small>/fare</small>", "CSV_SYNTAX <small>whole row"):
        assert said in page, said
    assert page.index("presence.min_fraction of empty: 0.0, wanted 0.9") < page.index("rows with strings outside")
    assert "<b>hour</b> 24 values" in page
    assert "2023-11-14" in page  # the time of events is told as one
    assert "values a row" in page


def test_against_another_set_and_a_column_that_is_there_alone(opened, tmp_path):
    rows = {"train": rows_of(3000, 5, shift=1.0)}
    other = OpenedSet.open(write_set(tmp_path / "yesterday", rows, weighted=True))
    page = set_page.page(opened, other)
    assert "those of yesterday" in page
    assert set_page.compared(opened, other)[0] == {
        "column": "fare",
        "difference": pytest.approx(0.36, abs=0.05),
        "between": ["trips", "yesterday"],
        "more_than_chance": True,
    }
    assert "1500" in page  # the weight of its rows
    assert "Jane" not in page


def test_a_training_set_against_rows_that_were_validated(opened, tmp_path):
    other = OpenedSet.open(write_set(tmp_path / "new_rows", {"data": rows_of(3000, 5, shift=1.0)}))
    found = set_page.compared(opened, other)
    assert [one["column"] for one in found if one["more_than_chance"]] == ["fare"]
    assert "only in" not in set_page.page(opened, other)


def test_a_set_of_one_split_has_no_differences(tmp_path):
    opened = OpenedSet.open(write_set(tmp_path / "one", {"train": rows_of(300, 5)}))
    page = set_page.page(opened)
    assert "What differs most" not in page
    assert len(_cards(page)) == len(opened.columns)
    assert set_page.compared(opened) == []


def test_a_page_of_very_many_columns_is_bounded(opened, monkeypatch):
    monkeypatch.setattr(set_page, "_MOST_COLUMNS", 3)
    page = set_page.page(opened)
    assert len(_cards(page)) == 3
    assert "7 more columns differ less" in page


def test_buckets_whose_edges_differ_are_apart_by_no_more_than_they_prove():
    even = NumberShares([(0.0, 2.0, 0.5), (2.0, 4.0, 0.5)])
    odd = NumberShares([(0.0, 1.0, 0.25), (1.0, 3.0, 0.5), (3.0, 4.0, 0.25)])
    moved = NumberShares([(3.0, 3.5, 0.5), (3.5, 4.0, 0.5)])
    assert differences._numbers_apart(even, odd) == 0.0
    assert differences._numbers_apart(even, moved) == 0.5
    point = NumberShares([(0.0, 0.0, 0.7), (1.0, 1.0, 0.3)])
    other = NumberShares([(0.0, 0.0, 0.6), (1.0, 1.0, 0.4)])
    assert differences._numbers_apart(point, other) == pytest.approx(0.1)


def test_a_chart_has_a_place_for_every_series_and_escapes_its_label():
    shares = NumberShares([(0.0, 0.0, 0.5), (1.0, 1.0, 0.5)])
    chart = drawing.distribution([shares, None, shares], "a < b", str)
    assert 'aria-label="a &lt; b"' in chart
    assert chart.count('class="b s0"') == chart.count('class="b s2"') == 2
    assert 's1"' not in chart
