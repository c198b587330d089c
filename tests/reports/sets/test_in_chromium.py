"""Pages in a real browser: they render, fit a telephone, and ask for nothing."""

import pytest

from beam_jobs.reports.sets import set_page
from beam_jobs.reports.sets.opened_set import OpenedSet
from tests.support.chromium import check_page
from tests.support.report_sets import rows_of, write_set


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    found = {"limits": [{"column": "empty", "limit": "presence.min_fraction", "wanted": 0.9, "found": 0.0}]}
    rejected = [{"reason": "TYPE", "field": "/" + "a_long_name_of_a_column" * 4, "count": 30}]
    splits = {"train": rows_of(4000, 1), "eval": rows_of(1000, 2, shift=0.5), "test": rows_of(1000, 3)}
    opened = OpenedSet.open(write_set(folder / ("trips_" * 12), splits, found, rejected))
    other = OpenedSet.open(write_set(folder / "yesterday", {"train": rows_of(2000, 7, shift=0.2)}))
    set_page.write_page(folder / "splits.html", opened)
    set_page.write_page(folder / "against.html", opened, other)
    return folder


@pytest.mark.needs_chromium
@pytest.mark.parametrize("width", [1200, 420])
@pytest.mark.parametrize("name", ["splits.html", "against.html"])
def test_a_page_renders_fits_and_fetches_nothing(chromium, pages, name, width):
    check_page(chromium, pages / name, width, [(11, 110, 153), (194, 87, 26)])
