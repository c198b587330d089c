"""What rejections count as: only fields that the schema or the graph names are told apart."""

from beam_jobs.stream.faults import counted, fault_of, fields
from schemas.rejection import Reason, Rejection, Stage

KNOWN = fields(["age", "a/b"], ["age_z"])


def rejection(path: str, reason: Reason = Reason.TYPE) -> Rejection:
    return Rejection(0, Stage.DECODE, reason, path)


def test_columns_and_features_are_told_apart() -> None:
    paths = ["/age", "/age", "/a~1b", "/features/age_z", ""]
    assert counted([rejection(path) for path in paths], KNOWN) == {
        ("TYPE", "/age"): 2,
        ("TYPE", "/a~1b"): 1,
        ("TYPE", "/features/age_z"): 1,
        ("TYPE", ""): 1,
    }


def test_names_that_senders_make_up_count_as_none() -> None:
    made_up = [rejection(f"/{name}@example.org", Reason.NUM_NONFINITE) for name in range(1_000)]
    assert counted([*made_up, rejection("/age/deeper")], KNOWN) == {("NUM_NONFINITE", ""): 1_000, ("TYPE", ""): 1}
    assert fault_of(rejection("/a~1b/17"), KNOWN) == ("TYPE", "/a~1b")
    assert fault_of(rejection("/features"), KNOWN) == ("TYPE", "")
