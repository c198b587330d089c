"""The dashboard, the alert rules and the table in the documents use the measures that there are, and all of them."""

import json
import pathlib
import re

import yaml

from beam_jobs.monitoring import measures

ROOT = pathlib.Path(__file__).parents[2]
NAMES = {name: measure for measure in measures.TABLE for name in measure.exposed}
FROM_THE_LIBRARY = {"process_resident_memory_bytes", "process_cpu_seconds_total"}


def used(expression):
    return set(re.findall(r"\b(?:onegraph|process)_[a-z_]+", expression))


def expressions():
    dashboard = json.loads((ROOT / "deploy/grafana/onegraph.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    found += [one["expr"] for one in dashboard["annotations"]["list"]]
    return found + [variable["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]


def rules():
    (group,) = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text())["groups"]
    return group["rules"]


def check(expression):
    assert used(expression)
    assert used(expression) <= NAMES.keys() | FROM_THE_LIBRARY, expression
    for name, selector in re.findall(r"(onegraph_[a-z_]+)\{([^}]*)\}", expression):
        for label, value in re.findall(r'(\w+)="([^"]*)"', selector):
            allowed = NAMES[name].labels[label]
            assert allowed is None or value in allowed, f"{name}: {label}={value}"
    for labels, rest in re.findall(r"by \(([^)]*)\) \((.*)", expression):
        there = {"job", "le"} | {label for name in used(rest) for label in NAMES[name].labels}
        assert set(labels.split(", ")) <= there, expression


def test_the_dashboard_uses_measures_and_labels_that_there_are():
    for expression in expressions():
        check(expression)


def test_every_measure_is_on_the_dashboard():
    shown = set().union(*map(used, expressions()))
    assert [measure.name for measure in measures.TABLE if not shown & set(measure.exposed)] == []


def test_rejected_fields_are_counted_too_since_one_that_is_new_has_no_rate():
    shown = [one for one in expressions() if "onegraph_rejected_fields_total" in one]
    assert [one for one in shown if "rate(" not in one and "increase(" not in one]


def test_the_alerts_use_measures_and_labels_that_there_are():
    assert len(rules()) == 6
    for rule in rules():
        check(rule["expr"])
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["action"]


def test_the_documents_list_the_measures_of_the_table():
    text = (ROOT / "docs/operations.md").read_text()
    rows = re.findall(r"^\| `onegraph_(\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    wanted = [
        (measure.name, measure.kind.value, ", ".join(measure.labels) or "-", measure.help) for measure in measures.TABLE
    ]
    assert rows == wanted
