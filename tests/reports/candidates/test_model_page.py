"""The page of a model: its numbers are those of the evaluation, what is of the data is escaped, its size is bounded."""

import html
import json
import pathlib
import re
from typing import Any

import pytest

from beam_jobs.reports.candidates import model_page
from beam_jobs.reports.candidates.metric_names import name_of
from beam_jobs.reports.candidates.opened_model import OpenedModel
from beam_jobs.reports.metrics_text import short
from models.evaluation.evaluation import evaluation_path
from schemas.artifacts import artifact
from schemas.errors import ArtifactError, InputError
from tests.support.evaluated_models import NAMES, everything, explanation, parts_of, write_model
from tests.support.present import present

TASKS = ("binary", "multiclass", "regression")
OURS = re.compile(r"<script>\(function \(\) \{.*?</script>", re.DOTALL)


def table(page: str, name: str) -> list[list[str]]:
    """The cells of a table's rows by the table's id, as a reader sees them."""
    body = present(re.search(rf'<table[^>]* id="{name}">.*?</table>', page, re.DOTALL))[0].partition("<tbody>")[2]
    rows = re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL) for row in rows]
    return [[html.unescape(" ".join(re.sub(r"<[^>]+>", " ", cell).split())) for cell in row] for row in cells]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> OpenedModel:
    return OpenedModel.open(write_model(tmp_path_factory.mktemp("full") / "candidate", more=everything()))


@pytest.fixture(scope="module")
def page(full: OpenedModel) -> str:
    return model_page.page(full)


@pytest.mark.parametrize("task", TASKS)
def test_the_metrics_on_the_page_are_those_in_json(task: str, tmp_path: pathlib.Path) -> None:
    opened = OpenedModel.open(write_model(tmp_path / "candidate", task))
    page, found = model_page.page(opened), model_page.as_json(opened)
    assert found["metrics"] == json.loads((evaluation_path(opened.path) / "metrics.json").read_text())
    shown = {row[0]: row[1] for row in table(page, "metrics")}
    numbers = {name: value for name, value in found["metrics"].items() if isinstance(value, int | float)}
    assert shown == {name_of(name): str(value) if name == "rows" else short(value) for name, value in numbers.items()}
    figures = dict(re.findall(r"<div><b>(.*?)</b><span>(.*?)</span>", page))
    assert figures
    assert {name: value for value, name in figures.items()}.items() <= shown.items()
    assert "passed its gates" in page
    assert len(re.findall(r"<svg", page)) >= 4


def test_curves_gates_and_history_are_told(page: str) -> None:
    for said in ("ROC", "Precision over recall", "Calibration", "Scores", "Gain", "Lift", "Cost over", "Training: auc"):
        assert said in page, said
    assert "did not pass its gates" in page
    gates = present(re.search(r'id="gates">(.*?)</ul>', page, re.DOTALL))[1]
    said = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", gates))).strip()
    assert said.startswith(
        "not met log loss town Bern (250 rows) is 0.7000, wanted no worse than the champion by 0.0100"
    )
    assert "the champion has 0.6000" in said
    assert "(no champion)" in said
    assert "0.3500 at round 3" in page


def test_intervals_thresholds_fairness_and_comparison_are_the_same_numbers(full: OpenedModel, page: str) -> None:
    found = model_page.as_json(full)
    assert "<small>0.8100 to 0.8700</small>" in page
    assert "95% intervals: bootstrap, 200 draws, seed 7." in page
    rows, columns = table(page, "thresholds"), found["thresholds"]
    assert [row[0] for row in rows] == list(map(short, columns["threshold"]))
    names = ("true_positive", "false_positive", "false_negative", "true_negative")
    for at, name in enumerate(names, start=2):
        assert [row[at] for row in rows] == [f"{value:,.10g}" for value in columns[name]]
    chosen = int(present(re.search(r'id="threshold"[^>]* value="(\d+)"', page))[1])
    assert columns["threshold"][chosen] == found["metrics"]["threshold"] == 0.4
    confusion = found["metrics"]["confusion"]
    said = [f"{confusion[name]:,}" for name in ("true_positive", "false_negative", "false_positive", "true_negative")]
    assert [row[1:] for row in table(page, "confusion")] == [said[:2], said[2:]]
    assert "selection rate: 25.0\u202f% apart, ratio 0.5000 (Rome 25.0\u202f% to Bern 50.0\u202f%)" in page
    assert "Too few rows to say: (missing)." in page
    auc = found["comparison"]["metrics"]["auc"]
    told = table(page, "comparison")[0]
    assert told[:3] == ["AUC", short(auc["candidate"]), short(auc["champion"])]
    assert float(told[3].split()[0]) == pytest.approx(auc["difference"], abs=5e-5)
    assert told[3].endswith(" -0.0100 to 0.0500")
    assert "better" in page
    assert "card precision 100" in page  # a metric of the use case's own is among the first


def test_what_it_looks_at_is_told(full: OpenedModel, page: str) -> None:
    found = model_page.as_json(full)["explanation"]
    names = re.findall(r'title="([^"]*)">[^<]*</span><span class="tracks">', page.partition('id="fields"')[2])
    assert names[: len(found["fields"])] == [one["field"] for one in found["fields"]]
    assert [float(row[3]) for row in table(page, "features")] == pytest.approx(
        [one["mean_abs"] for one in found["features"]], rel=1e-4
    )
    assert (
        "from 0.1000 to 0.4000; left as they are: feature 3 &lt;i&gt;, made of other fields too; missing: 0.1500"
        in page
    )
    assert "a feature of field 0, field 1, by the values that the model sees" in page


def test_text_of_the_data_is_escaped_and_only_our_script_runs(full: OpenedModel, page: str) -> None:
    assert "&lt;script&gt;alert(1)" in page
    assert "&lt;script&gt;alert(2)" in page
    assert len(OURS.findall(page)) == 1
    assert "<script" not in OURS.sub("", page)
    assert "<i>" not in re.sub(r'<i class="(?:dot )?f\d"', "", page)
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!#)", page)
    assert not re.findall(r"url\((?!#)", page)
    assert "script-src 'sha256-" in page
    assert "<script" not in model_page.page(OpenedModel.open(_without_thresholds(full)))


def _without_thresholds(full: OpenedModel) -> pathlib.Path:
    return write_model(full.path.with_name("plain"), seed=3)


def test_classes_have_their_table_and_matrix(tmp_path: pathlib.Path) -> None:
    opened = OpenedModel.open(write_model(tmp_path / "candidate", "multiclass"))
    page = model_page.page(opened)
    found = {one["class"]: one for one in model_page.as_json(opened)["metrics"]["classes"]}
    rows = table(page, "classes")
    assert {row[0] for row in rows} == set(NAMES)
    assert [row[2:6] for row in rows] == [
        [short(found[row[0]][name]) for name in ("recall", "precision", "f1", "auc")] for row in rows
    ]
    heat = present(re.search(r'<table class="heat">.*?</table>', page, re.DOTALL))[0]
    shown = sum(int(number.replace(",", "")) for number in re.findall(r"\)\">([\d,]+)</td>", heat))
    assert shown == opened.found["metrics"]["rows"]


def test_two_models_side_by_side(full: OpenedModel, tmp_path: pathlib.Path) -> None:
    other = OpenedModel.open(write_model(tmp_path / "yesterday", seed=5))
    page, found = model_page.page(full, other), model_page.as_json(full, other)["against"]
    assert found["name"] == "yesterday"
    assert found["same_rows"]
    rows = {row[0]: row for row in table(page, "against")}
    for name, one in found["metrics"].items():
        if name != "rows":
            assert rows[name_of(name)][1:3] == [short(one["this"]), short(one["other"])]
            assert float(rows[name_of(name)][3]) == pytest.approx(one["difference"], abs=5e-5)
    assert page.count('<polyline class="l s1"') >= 3
    model_page.check_against(full, other)
    numbers = OpenedModel.open(write_model(tmp_path / "numbers", "regression"))
    with pytest.raises(InputError, match="of task regression"):
        model_page.check_against(full, numbers)
    with pytest.raises(InputError, match="of use case homes"):
        model_page.check_against(full, OpenedModel.open(write_model(tmp_path / "homes", use_case="homes")))


def test_very_many_values_features_and_classes_leave_the_page_small(tmp_path: pathlib.Path) -> None:
    parts = parts_of("binary")
    one = parts["slices"]["town"][0]
    many = {"town": [{**one, "value": f'"><script>{at}</script>'} for at in range(10_000)]}
    many |= {f"slice {at}": [{**one, "value": f"{at} of a long name " * 9}] * 50 for at in range(300)}
    gates = [{"metric": "auc", "at_least": 0.5, "value": 0.4, "passed": False, "slice": "town", "slice_value": str(at)}
             for at in range(5_000)]  # fmt: skip
    more = {
        "slices": many,
        "verdict": {"passed": False, "gates": gates},
        "explanation": explanation(features=1_000),
        "metrics": parts["metrics"] | {f"own {at}": 0.5 for at in range(1_000)},
    }
    page = model_page.page(OpenedModel.open(write_model(tmp_path / "candidate", more=more)))
    assert len(page) < 1_000_000
    assert "And 281 more slices." in page
    assert "And 9,980 more values, of fewer rows." in page
    assert "And 4,940 more gates." in page
    assert "And 980 more fields." in page
    assert "<script>" not in page


def test_an_evaluation_alone_and_one_of_before(full: OpenedModel, tmp_path: pathlib.Path) -> None:
    beside = OpenedModel.open(evaluation_path(full.path))
    assert beside.training == full.training
    assert beside.name == "candidate.evaluation"
    alone = tmp_path / "elsewhere"
    evaluation_path(write_model(tmp_path / "candidate", seed=1)).rename(alone)
    opened = OpenedModel.open(alone)
    page = model_page.page(opened)
    assert opened.task == "binary"
    assert "Training" not in page
    assert "What it looks at" not in page
    with pytest.raises(ArtifactError, match="not evaluated"):
        OpenedModel.open(tmp_path / "candidate")


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("curves", {"roc": {"true_positive_rate": [0, 1]}}),
        ("slices", {"town": [3]}),
        ("metrics", {"auc": 0.5, "confusion": {"true_positive": "x"}}),
        ("explanation", {"fields": "none"}),
        ("comparison", {"metrics": {"auc": 1}}),
        ("thresholds", {"threshold": [0.1], "f1": []}),
        ("intervals", {"slices": {"town": [{}]}}),
    ],
)
def test_what_is_no_evaluation_of_ours_is_one_line(part: str, value: Any, tmp_path: pathlib.Path) -> None:
    opened = OpenedModel.open(write_model(tmp_path / "candidate", more={part: value}))
    with pytest.raises(ArtifactError, match="its evaluation is not as onegraph writes it") as told:
        model_page.page(opened)
    assert "\n" not in str(told.value)


def test_what_is_no_model_is_one_line(full: OpenedModel, tmp_path: pathlib.Path) -> None:
    with pytest.raises(InputError, match="no such directory"):
        OpenedModel.open(tmp_path / "none")
    with pytest.raises(ArtifactError, match="missing"):
        OpenedModel.open(tmp_path)
    artifact.complete(artifact.create(tmp_path / "set", "training_set"), "training_set", {})
    with pytest.raises(ArtifactError, match="a training_set, wanted a candidate"):
        OpenedModel.open(tmp_path / "set")
    other = evaluation_path(write_model(tmp_path / "other", seed=2, use_case="others"))
    mine = write_model(tmp_path / "mine", seed=2)
    evaluation_path(mine).rename(tmp_path / "kept")
    other.rename(evaluation_path(mine))
    with pytest.raises(ArtifactError, match="evaluates another candidate"):
        OpenedModel.open(mine)
