"""The page of a search: the best trial first, whatever became of the trials, and in a real browser."""

import re

import pytest

from beam_jobs.reports.tuning import drawing, tuning_page
from tests.support.chromium import check_page
from tests.support.found_trials import SPACE, found_trials


def rows_of(page: str) -> list[str]:
    return re.findall(r"<tr(?: class=\"best\")?><td>(\d+)</td>", page)


def test_trials_stand_in_the_order_of_the_metric_then_pruned_then_failed():
    found = found_trials(20)
    page = tuning_page.page("Search for taxi", found, repeatable=True)
    numbers = [int(number) for number in rows_of(page)]
    complete = sorted((one for one in found["trials"] if one["value"] is not None), key=lambda one: -one["value"])
    assert numbers[: len(complete)] == [one["number"] for one in complete]
    assert sorted(numbers) == list(range(20))
    assert f'<tr class="best"><td>{complete[0]["number"]}</td>' in page
    assert f"{complete[0]['value']:.4f}" in page
    assert "The same search makes the same trials." in page
    minimized = {**found, "direction": "minimize"}
    assert int(rows_of(tuning_page.page("x", minimized, repeatable=False))[0]) == complete[-1]["number"]


def test_it_loads_nothing_and_text_of_others_is_escaped():
    page = tuning_page.page("Search for <taxi>", found_trials(20), repeatable=False)
    assert "Not repeatable" in page
    assert "<b>lossguide" not in page
    assert "SIGKILL &lt;i&gt;" in page
    assert "Search for &lt;taxi&gt;" in page
    assert "<script" not in page
    assert not re.findall(r"(?:src|href)\s*=", page)


def test_the_line_of_the_best_so_far_never_gets_worse():
    trials = found_trials(30)["trials"]
    for smallest in (True, False):
        chart = drawing.history(trials, "auc", smallest)
        (points,) = re.findall(r'class="best" points="([^"]+)"', chart)
        heights = [float(point.split(",")[1]) for point in points.split()]
        assert heights == sorted(heights, reverse=not smallest)
        assert chart.count("<circle") == sum(one["value"] is not None for one in trials)


def test_a_line_crosses_each_axis_where_its_value_is():
    trial = found_trials(1)["trials"][0]
    trial["parameters"] = {
        "max_depth": 10,
        "eta": 0.001,
        "grow_policy": "<b>lossguide</b>",
        "a_parameter_with_a_name_that_is_very_long": 0.5,
    }
    chart = drawing.parallel_coordinates([trial], SPACE, "auc", smallest_is_best=False)
    (points,) = re.findall(r'class="first" points="([^"]+)"', chart)
    assert [float(point.split(",")[0]) for point in points.split()] == [352, 8, 352, 180, 180]


@pytest.mark.parametrize("count", [1, 7])
def test_few_trials_are_a_page_too(count):
    page = tuning_page.page("Search", found_trials(count), repeatable=True)
    assert len(rows_of(page)) == count


@pytest.mark.needs_chromium
@pytest.mark.parametrize("width", [1200, 420])
def test_it_renders_fits_and_fetches_nothing(chromium, tmp_path, width):
    path = tmp_path / "tuning.html"
    tuning_page.write_page(path, "Search for taxi", found_trials(40), repeatable=False)
    check_page(chromium, path, width, [(194, 87, 26)])
