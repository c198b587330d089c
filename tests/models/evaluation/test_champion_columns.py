"""Which columns of a champion rows have as it would get them."""

import pytest

from models.evaluation.champion_columns import unlike
from schemas.personal.keys import PersonalKey
from schemas.personal.treatments import Treatments
from schemas.schema import Schema

ONE, OTHER = (PersonalKey.of(letter.encode() * 32, "test") for letter in "ab")


def of(text: str, key: PersonalKey | None = None) -> Treatments:
    return Treatments.of(Schema.from_text(text), key)


def tagged(kind: str, *tags: str, more: str = "") -> str:
    said = " ".join(f'annotation {{ tag: "{tag}" }}' for tag in tags)
    return f'feature {{ name: "x" type: {kind} {said} {more} }} feature {{ name: "y" type: INT }}'


@pytest.mark.parametrize(
    ("then", "now", "why"),
    [
        (tagged("INT"), 'feature { name: "y" type: INT }', "which serving no longer has"),
        (tagged("INT"), tagged("INT", "personal:drop"), "which is dropped by its tag personal:drop"),
        (tagged("INT"), tagged("FLOAT"), "which was INT and is FLOAT"),
        (tagged("INT"), tagged("INT", more="value_count { min: 0 }"), "which was INT and is a list of INT"),
        (tagged("INT", "event_time:ms"), tagged("INT", "event_time:s"), "which is read in another way: "),
        (tagged("BYTES"), tagged("BYTES", "missing:NA"), "which is read in another way: "),
        (tagged("BYTES", "personal:hash"), tagged("BYTES"), "which had personal:hash and has no treatment"),
        (tagged("INT"), tagged("INT", "personal:bucket:10"), "which had no treatment and has personal:bucket:10"),
        (
            tagged("INT", "personal:bucket:5"),
            tagged("INT", "personal:bucket:10"),
            "which had personal:bucket:5 and has personal:bucket:10",
        ),
    ],
)
def test_what_no_longer_is_as_it_was(then: str, now: str, why: str) -> None:
    found = unlike(of(then, ONE), of(now, ONE))
    assert set(found) == {"x"}
    assert found["x"].startswith(why)


def test_hashes_are_those_of_one_key() -> None:
    hashed = tagged("BYTES", "personal:hash")
    assert unlike(of(hashed, ONE), of(hashed, ONE)) == {}
    assert unlike(of(hashed, ONE), of(hashed, OTHER)) == {
        "x": f"which was hashed with key {ONE.id} and is with key {OTHER.id}"
    }


@pytest.mark.parametrize(
    ("then", "now"),
    [
        (tagged("INT", more="int_domain { max: 7 }"), tagged("INT", more="presence { min_fraction: 1 }")),
        (tagged("INT", "personal:hidden"), tagged("INT")),
        (tagged("INT"), tagged("INT", "accepts:whole_float")),
        (tagged("INT", "personal:drop"), tagged("INT")),  # the champion never sees it
        ('feature { name: "y" type: INT }', tagged("FLOAT")),
    ],
)
def test_what_may_be_another(then: str, now: str) -> None:
    assert unlike(of(then), of(now)) == {}
