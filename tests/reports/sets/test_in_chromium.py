"""Pages in a real browser: they render, fit a telephone, and ask for nothing."""

import io

import matplotlib.image
import numpy as np
import pytest

from beam_jobs.reports.sets import set_page
from beam_jobs.reports.sets.opened_set import OpenedSet
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
    shown = chromium.show(pages / name, width)
    assert shown.asked == [(pages / name).resolve().as_uri()]
    assert shown.errors == []
    assert shown.content_width == width
    picture = matplotlib.image.imread(io.BytesIO(shown.picture), format="png")[:, :, :3]
    assert picture.shape[:2] == (shown.height, width)
    inked = (np.abs(picture - 1.0).max(axis=2) > 0.2).mean(axis=1)
    for band in np.array_split(inked, 8):  # something is drawn from its top to its end
        assert band.max() > 0.02
    colours = {tuple(one) for one in (picture.reshape(-1, 3)[::7] * 255).astype(int).tolist()}
    for series in ((11, 110, 153), (194, 87, 26)):
        assert series in colours
