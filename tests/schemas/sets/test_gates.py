"""Gates of a set: what a limit may be, and when they say no."""

import pytest

from schemas.errors import UsageError
from schemas.sets.anomaly import ERROR, WARNING, Anomaly
from schemas.sets.gates import Gates, Most, most


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("0", Most(rows=0)), ("20", Most(rows=20)), ("0%", Most(share=0.0)), ("2.5%", Most(share=0.025)),
     ("0.02", Most(share=0.02)), ("1.0", Most(share=1.0)), ("1e-3", Most(share=0.001))],
)  # fmt: skip
def test_a_limit_of_rejected_rows(text: str, wanted: Most) -> None:
    assert most(text) == wanted


@pytest.mark.parametrize("text", ["", "some", "-1", "101%", "1.5", "nan", "inf", "%", "٣"])
def test_what_is_no_limit(text: str) -> None:
    with pytest.raises(UsageError, match=r"--max-rejected is .*, wanted rows, as in 20, or a share"):
        most(text)


def test_limits_are_inclusive() -> None:
    gates = Gates(max_rejected=Most(share=0.5), min_rows=2)
    assert gates.of_rows(read=4, rejected=2, kept=2) == []
    assert gates.of_rows(read=4, rejected=3, kept=1) == [
        "3 of 4 rows rejected, at most 0.5 of them may be (--max-rejected)",
        "1 rows can be used, wanted 2 or more (--min-rows)",
    ]
    assert Gates().of_rows(read=4, rejected=4, kept=0) == []


def test_which_anomalies_stop_a_set() -> None:
    found = [Anomaly("a", "CUSTOM_VALIDATION", severity, "limit", 1, 2) for severity in (ERROR, WARNING)]
    assert [len(Gates(fail_on=name).of_anomalies(found)) for name in ("none", "error", "warning")] == [0, 1, 2]
    assert Gates().of_anomalies(found[:1] * 7)[-2:] == ["limit of a: 2, wanted 1", "2 more"]
