"""Where parameters are looked for: ranges that make no sense are one line when they are made."""

from collections.abc import Callable

import pytest

from models.search import Choice, Real, Search, Whole, space_as_json
from models.spec import ModelSpec
from models.spec_json import spec_as_json
from schemas.errors import InputError


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: Whole(6, 2), "Whole.*: wanted a low end that is less than the high one"),
        (lambda: Whole(2, 2), "a low end that is less"),
        (lambda: Whole(1.5, 2), "wanted whole numbers"),  # type: ignore[arg-type]  # people write it
        (lambda: Whole(True, 2), "wanted whole numbers"),
        (lambda: Whole(2, 9, step=2), "wanted a step that leads from low to high"),
        (lambda: Whole(2, 8, log=True, step=2), "and none with log"),
        (lambda: Whole(0, 8, log=True), "by logarithm, wanted ends above 0"),
        (lambda: Real(0.1, float("inf")), "wanted finite numbers"),
        (lambda: Real(0.0, 1.0, log=True), "by logarithm, wanted ends above 0"),
        (lambda: Real("0", 1.0), "wanted finite numbers"),  # type: ignore[arg-type]  # people write it
        (lambda: Choice("a"), "wanted two different options or more"),
        (lambda: Choice("a", "a"), "wanted two different options or more"),
        (lambda: Choice("a", ["b"]), "wanted texts or finite numbers"),  # type: ignore[arg-type]  # people write it
        (lambda: Choice(1.0, float("nan")), "wanted texts or finite numbers"),
        (lambda: Search(space={}, metric="auc"), "wanted a space with a range for a parameter"),
        (
            lambda: Search(space={"eta": (0.1, 0.2)}, metric="auc"),  # type: ignore[dict-item]  # people write it
            "the range of 'eta' is of type tuple, wanted Whole, Real or Choice",
        ),
        (lambda: Search(space={"eta": Real(0, 1)}, metric="auc", trials=0), "trials is 0, wanted a whole number of 1"),
    ],
)
def test_a_range_that_makes_no_sense(wrong: Callable[[], object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        wrong()


def test_what_is_in_a_range() -> None:
    assert [value for value in (1, 2, 3, 4, 5, 2.0, "2") if Whole(2, 4, step=2).has(value)] == [2, 4]
    assert [value for value in (0.05, 0.1, 0.2, 1, "0.1") if Real(0.1, 0.5).has(value)] == [0.1, 0.2]
    assert Choice("a", 2).has("a")
    assert not Choice("a", 2).has("b")


def test_a_search_changes_nothing_of_what_the_model_is() -> None:
    searched = ModelSpec(search=Search(space={"eta": Real(0.01, 1)}, metric="auc"))
    assert spec_as_json(searched) == spec_as_json(ModelSpec())
    assert searched == ModelSpec()


def test_a_space_as_json() -> None:
    assert space_as_json({"a": Choice("x", 2), "b": Real(1, 2)}) == {
        "a": {"is": "choice", "options": ["x", 2]},
        "b": {"is": "real", "low": 1, "high": 2, "log": False},
    }
