"""Statistics as `inspect` shows them: lists, weights, slices, and those that TFX wrote."""

import pytest

from beam_jobs.inspection import statistics
from tests.support.report_sets import rows_of, write_set


@pytest.fixture(scope="module")
def look(tmp_path_factory):
    path = write_set(tmp_path_factory.mktemp("sets") / "trips", {"train": rows_of(2400, 1)}, weighted=True)
    return statistics.look(path / "statistics")["splits"]


def test_lists_weights_and_slices(look):
    train = look["train"]
    assert (train["rows"], train["weight"]) == (2400, 1200.0)
    features = {one["name"]: one for one in train["features"]}
    lists = features["tags"]["lists"]
    assert (lists["min"], lists["max"]) == (1, 3)
    assert lists["average"] == pytest.approx(lists["values"] / 2400, rel=1e-6)
    assert sum(one["count"] for one in lists["lengths"]) == 2400
    assert features["fare"]["weighted"]["count"] == 1200.0
    assert features["fare"]["weighted"]["mean"] == pytest.approx(features["fare"]["mean"], rel=1e-12)
    assert sum(one["count"] for one in features["town <b>"]["weighted"]["top_values"]) == 1200.0
    assert len(train["slices"]) == 24
    assert sum(one["rows"] for one in train["slices"]) == 2400
    assert [one["from"] for one in features["hour"]["values"]] == list(range(24))
    assert sum(one["count"] for one in features["fare"]["values"]) == pytest.approx(2400)
    for name in ("driver", "age"):
        assert features[name]["personal"]
        assert not {"top_values", "mean", "values"} & {*features[name], *features[name]["weighted"]}


def test_for_people(look):
    lines = statistics.text(look)
    values = f"{look['train']['features'][5]['lists']['values']:,}"
    assert ["tags", values, "1", "3"] in [[*line.split()[:2], *line.split()[3:]] for line in lines]
    assert "  weight of all rows: 1200" in lines
    (slices,) = (line for line in lines if line.startswith("  slices: 24, the largest hour_"))
    assert "Jane" not in "\n".join(lines)
    assert slices.count("hour_") == 5


@pytest.mark.needs_data
def test_a_column_without_any_value_is_not_taken_for_personal(data_folder):
    path = data_folder / "chicago_taxi" / "tfx_testdata" / "statistics_gen" / "Split-train" / "FeatureStats.pb"
    features = {one["name"]: one for one in statistics.look(path)["splits"]["FeatureStats"]["features"]}
    assert not features["pickup_census_tract"]["personal"]
    assert features["company"]["distinct"] == 45
    assert features["fare"]["median"] == pytest.approx(7.85)
