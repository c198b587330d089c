"""Variants: a key stays with its variant, and what makes no sense is refused."""

import pytest

from models.variants.shares import MILLION
from models.variants.variants import Challenger, Variants
from schemas.errors import InputError

KEYS = [b"key-%d" % number for number in range(20_000)]


def deciders(variants):
    bundles = (variants.champion, *(one.bundle for one in variants.challengers))
    return [bundles[owner] for owner in variants.deciders().owners(KEYS)]


def moved(before, after):
    """Return from whom to whom keys went."""
    return {pair for pair in zip(deciders(before), deciders(after), strict=True) if pair[0] != pair[1]}


def test_keys_move_only_between_the_changed_challenger_and_the_champion():
    both = Variants("a").with_challenger("b", 0.2).with_challenger("c", 0.3)
    assert moved(Variants("a"), both) == {("a", "b"), ("a", "c")}
    for weight, way in ((0.6, ("a", "b")), (0.05, ("b", "a"))):
        assert moved(both, both.with_weight("b", weight)) == {way}
    assert moved(both, both.without("b")) == {("b", "a")}
    assert moved(both, both.promoted("b")) == {("a", "b")}
    assert moved(both, both.with_champion("d")) == {("a", "d")}
    assert not moved(both, both.with_shadow("d"))
    gone = both.without("b")
    assert moved(gone, gone.with_weight("c", 0.4)) == {("a", "c")}
    there_and_back = both.with_weight("b", 0.7).with_weight("b", 0.2)
    assert not moved(both, there_and_back)


def test_weights_that_fill_the_line():
    full = Variants("a").with_challenger("b", 0.7).with_challenger("c", 0.1).with_challenger("d", 0.2)
    assert set(deciders(full)) == {"b", "c", "d"}
    assert sum(one.weight for one in full.challengers) == pytest.approx(1)
    with pytest.raises(InputError, match="the other challengers leave 0; lower theirs first"):
        full.with_challenger("e", 0.000001)


STANDS = Variants("a", shadows=("s", "t")).with_challenger("c", 0.1).with_challenger("d", 0.3)


@pytest.mark.parametrize(
    ("bundle", "role", "challengers", "shadows"),
    [
        ("n", "champion", {"c": 0.1, "d": 0.3}, ("s", "t")),
        ("n", "challenger", {"c": 0.1, "d": 0.3, "n": 0.2}, ("s", "t")),
        ("n", "shadow", {"c": 0.1, "d": 0.3}, ("s", "t", "n")),
        ("a", "champion", {"c": 0.1, "d": 0.3}, ("s", "t")),
        ("c", "champion", {"d": 0.3}, ("s", "t")),
        ("c", "challenger", {"d": 0.3, "c": 0.2}, ("s", "t")),
        ("c", "shadow", {"d": 0.3}, ("s", "t", "c")),
        ("s", "champion", {"c": 0.1, "d": 0.3}, ("t",)),
        ("s", "challenger", {"c": 0.1, "d": 0.3, "s": 0.2}, ("t",)),
        ("s", "shadow", {"c": 0.1, "d": 0.3}, ("t", "s")),
    ],
)
def test_a_bundle_takes_a_role_whatever_it_was(bundle, role, challengers, shadows):
    after = STANDS.joined_by(bundle, role, 0.2)
    assert after.role(bundle) == role
    assert after.newest(role) == bundle
    assert after.champion == (bundle if role == "champion" else "a")
    assert {one.bundle: one.weight for one in after.challengers} == challengers
    assert after.shadows == shadows
    others = {pair for pair in moved(STANDS, after) if bundle not in pair and pair != ("a", bundle)}
    assert not others, "keys move between this bundle and the champion only"


@pytest.mark.parametrize("role", ["challenger", "shadow"])
def test_the_champion_takes_no_other_role(role):
    with pytest.raises(InputError, match=f"bundle a is the champion, which cannot be {role} too; release or promote"):
        STANDS.joined_by("a", role, 0.2)


def test_a_challenger_that_is_one_again_counts_its_own_keys_as_free():
    assert STANDS.joined_by("c", "challenger", 0.7).challengers[-1].weight == pytest.approx(0.7)
    with pytest.raises(InputError, match=r"the other challengers leave 0\.7; lower theirs first"):
        STANDS.joined_by("c", "challenger", 0.71)


@pytest.mark.parametrize("weight", [0, -0.1, 1.01, 1e-7, float("nan"), float("inf")])
def test_weights_that_are_none(weight):
    with pytest.raises(InputError, match="wanted a share of keys"):
        Variants("a").with_challenger("b", weight)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Variants("a").with_challenger("a", 0.1), "bundle a serves already"),
        (lambda: Variants("a").with_shadow("a"), "bundle a serves already"),
        (lambda: Variants("a").with_shadow("b").with_shadow("b"), "bundle b serves already"),
        (lambda: Variants("a").with_challenger("b", 0.1).with_shadow("b"), "bundle b serves already"),
        (lambda: Variants("a").with_shadow("b").with_weight("b", 0.1), "bundle b is shadow; only a challenger"),
        (lambda: Variants("a").without("a"), "is the champion; promote"),
        (lambda: Variants("a").promoted("b"), "bundle b does not serve here"),
        (lambda: Variants("a", experiment="x" * 65), "at most 64"),
        (lambda: Variants("a", (Challenger("b", ((0, 2),)), Challenger("c", ((1, 3),)))), "part 1 to 3"),
        (lambda: Variants("a", (Challenger("b", ((0, MILLION + 1),)),)), "part 0 to 1000001"),
    ],
)
def test_what_makes_no_sense(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_shadow_may_become_challenger_and_champion():
    shadow = Variants("a").with_shadow("b").with_shadow("c")
    assert shadow.with_challenger("b", 0.1).bundles == ("a", "b", "c")
    assert shadow.promoted("b") == Variants("b", shadows=("c",))
    assert shadow.without("c") == Variants("a", shadows=("b",))


def test_json_keeps_everything():
    variants = Variants("a", experiment="autumn").with_challenger("c", 0.3).with_challenger("b", 0.2).with_shadow("d")
    variants = variants.with_weight("c", 0.6)
    assert variants.challengers[0].parts == ((0, 300_000), (500_000, 800_000))
    assert Variants.from_json(variants.to_json()) == variants


def test_challengers_written_by_hand_have_no_parts():
    written = {"champion": "a", "challengers": [{"bundle": "b", "weight": 0.1}, {"bundle": "c", "weight": 0.2}]}
    wanted = Variants("a").with_challenger("b", 0.1).with_challenger("c", 0.2)
    assert Variants.from_json(written) == wanted
