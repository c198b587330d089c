"""Pages of models in a real browser: they render, fit a telephone, ask for nothing, and the threshold can be moved."""

import pathlib

import pytest

from beam_jobs.reports.candidates import model_page
from beam_jobs.reports.candidates.opened_model import OpenedModel
from tests.support.chromium import Chromium, check_page
from tests.support.evaluated_models import everything, explanation, write_model

SLIDE = """
(() => {
  const slider = document.getElementById("threshold"), cells = () =>
    [...document.querySelectorAll("#confusion td")].map(one => one.textContent.trim());
  const before = cells();
  slider.value = 0;
  slider.dispatchEvent(new Event("input"));
  return [document.getElementById("slide").hidden, before, cells()];
})()
"""
LONG = "a_long_name_of_a_model_" * 6


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("pages")
    full = everything()
    full["explanation"]["fields"][0]["field"] = "+".join(f"a_long_name_of_a_field_{at}" for at in range(9))
    full["slices"] = {LONG: [{**full["metrics"], "value": LONG, "auc": 0.8}]}
    opened = {"binary": OpenedModel.open(write_model(folder / LONG, more=full))}
    for task in ("multiclass", "regression"):
        more = {"explanation": explanation()}
        opened[task] = OpenedModel.open(write_model(folder / task, task, more=more))
    for name, one in opened.items():
        model_page.write_page(folder / f"{name}.html", one)
    other = OpenedModel.open(write_model(folder / "yesterday", seed=4))
    model_page.write_page(folder / "against.html", opened["binary"], other)
    return folder


@pytest.mark.needs_chromium
@pytest.mark.parametrize("width", [1200, 420])
@pytest.mark.parametrize("name", ["binary", "multiclass", "regression", "against"])
def test_a_page_renders_fits_and_fetches_nothing(
    chromium: Chromium, pages: pathlib.Path, name: str, width: int
) -> None:
    check_page(chromium, pages / f"{name}.html", width, [(11, 110, 153)])


@pytest.mark.needs_chromium
def test_the_threshold_moves_the_confusion_matrix(chromium: Chromium, pages: pathlib.Path) -> None:
    shown = chromium.show(pages / "binary.html", 1200, script=SLIDE)
    assert shown.errors == []  # the page's policy lets its script run
    hidden, before, after = shown.told
    first = everything()["thresholds"]
    assert not hidden
    assert before != after
    assert after == [f"{first[name][0]:,.10g}" for name in _CELLS]


_CELLS = ("true_positive", "false_negative", "false_positive", "true_negative")
