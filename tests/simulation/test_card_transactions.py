"""Simulated card transactions: distributed as the handbook publishes, the same for a seed; features as it computes."""

import numpy as np
import pyarrow.parquet
import pytest

from beam_jobs.simulation.card_transactions import CardTransactions, Transactions
from beam_jobs.simulation.near_terminals import RADIUS, NearTerminals
from beam_jobs.simulation.window_features import KEPT_DAYS, WindowFeatures
from schemas.errors import UsageError

DAY_S = 86_400


@pytest.fixture(scope="module")
def world():
    return CardTransactions(seed=3)


@pytest.fixture(scope="module")
def made(world):
    """Sixty days of the book's size."""
    return Transactions.joined(list(world.days(60)))


def test_it_is_like_what_the_handbook_publishes(made):
    """Rows a day and amounts of `transactions_raw`; shares of the scenarios as they are once all have begun."""
    rows = len(made.cents)
    assert rows / 60 == pytest.approx(9_586, rel=0.04)
    assert made.cents.mean() / 100 == pytest.approx(53.6, rel=0.04)
    assert made.cents.std() / 100 == pytest.approx(42.3, rel=0.05)
    assert (made.seconds % DAY_S).std() == pytest.approx(18_188, rel=0.01)
    assert (np.diff(made.seconds) >= 0).all()
    late = made.scenario[made.seconds >= 28 * DAY_S]
    shares = np.bincount(late, minlength=4) / len(late)
    assert shares[1] == pytest.approx(973 / 1_754_155, rel=0.25)
    assert shares[2] == pytest.approx(56 / 10_000, rel=0.1)  # of 10,000 terminals 56 at a time
    assert shares[3] == pytest.approx(42 / 5_000 / 3, rel=0.15)  # of 5,000 customers 42, a third of what they pay
    assert (made.cents[made.scenario == 1] > 22_000).all()
    assert (made.scenario[made.cents > 22_000] > 0).all()


def test_a_taken_over_terminal_is_so_for_28_days(made, world):
    day = made.seconds // DAY_S
    (first, second) = world._taken_over(7)
    here = np.isin(made.terminal, [first, second]) & (day >= 7) & (day < 7 + 28)
    assert here.sum() > 20
    assert (made.scenario[here] >= 2).all()


def test_a_day_is_the_same_alone_and_another_seed_is_another(made, world):
    again = CardTransactions(seed=3).day(17)
    of_day = made.seconds // DAY_S == 17
    for field, name in zip(again, Transactions._fields, strict=True):
        assert np.array_equal(field, getattr(made, name)[of_day]), name
    other = CardTransactions(seed=4).day(17)
    assert not np.array_equal(other.cents[:100], again.cents[:100])


def test_terminals_near_are_drawn_alike():
    random = np.random.default_rng(0)
    customers, terminals = random.uniform(0, 100, (40, 2)), random.uniform(0, 100, (900, 2))
    customers[:4] = [[0, 0], [100, 100], [0, 100], [50, 50]]
    near = NearTerminals(customers, terminals)
    apart = np.sqrt(((customers[:, None] - terminals[None]) ** 2).sum(axis=2))
    assert np.array_equal(near.has_one, (apart < RADIUS).any(axis=1))
    who = np.repeat(np.flatnonzero(near.has_one), 2_000)
    drawn = near.drawn(who, random)
    assert (apart[who, drawn] < RADIUS).all()
    for customer in np.flatnonzero(near.has_one):
        wanted = np.flatnonzero(apart[customer] < RADIUS)
        counts = np.bincount(drawn[who == customer], minlength=900)
        assert set(np.flatnonzero(counts)) == set(wanted)
        assert counts[wanted] == pytest.approx(2_000 / len(wanted), abs=6 * np.sqrt(2_000 / len(wanted)))


def test_a_world_without_a_terminal_near_is_refused():
    with pytest.raises(UsageError, match="of 1 customers none has one of 1 terminals near; give more terminals"):
        CardTransactions(customers=1, terminals=1)


def test_features_in_parts_are_those_of_the_whole():
    days = list(CardTransactions(60, 120, seed=1).days(50))
    whole = WindowFeatures(6).of(Transactions.joined(days))
    windows = WindowFeatures(6)
    parts = [windows.of(day) for day in days]
    for name, values in whole.items():
        assert np.array_equal(np.concatenate([part[name] for part in parts]), values), name
    kept = windows._kept[0].seconds
    assert kept[-1] - kept[0] <= (KEPT_DAYS + 1) * DAY_S


def test_features_are_what_their_definition_says():
    rows = Transactions.joined(list(CardTransactions(30, 40, seed=1).days(45)))
    features = WindowFeatures(6).of(rows)
    for at in range(0, len(rows.cents), 37):
        now = rows.seconds[at]
        mine, there = rows.customer == rows.customer[at], rows.terminal == rows.terminal[at]
        for days in (1, 7, 30):
            window = mine & (rows.seconds > now - days * DAY_S) & (rows.seconds <= now)
            assert features[f"CUSTOMER_ID_NB_TX_{days}DAY_WINDOW"][at] == window.sum()
            mean = features[f"CUSTOMER_ID_AVG_AMOUNT_{days}DAY_WINDOW"][at]
            assert mean == pytest.approx(rows.cents[window].mean() / 100, rel=1e-12)
            until = now - 7 * DAY_S
            window = there & (rows.seconds > until - days * DAY_S) & (rows.seconds <= until)
            assert features[f"TERMINAL_ID_NB_TX_{days}DAY_WINDOW"][at] == window.sum()
            risk = (rows.scenario[window] > 0).mean() if window.any() else 0
            assert features[f"TERMINAL_ID_RISK_{days}DAY_WINDOW"][at] == pytest.approx(risk, rel=1e-12)


@pytest.mark.needs_data
def test_features_are_those_of_the_handbook(data_folder):
    """All 14 of the book's first 14 days, from its own transactions; order within a second is arbitrary there."""
    folder = data_folder / "fraud_handbook"
    raw = pyarrow.parquet.read_table(folder / "transactions_raw.parquet", filters=[("TX_TIME_DAYS", "<", 14)])
    columns = {name: raw.column(name).to_numpy() for name in raw.column_names}
    order = np.argsort(columns["TX_TIME_SECONDS"], kind="stable")
    columns = {name: values[order] for name, values in columns.items()}
    cents = np.rint(columns["TX_AMOUNT"] * 100).astype(np.int64)
    given = columns["CUSTOMER_ID"], columns["TERMINAL_ID"], columns["TX_TIME_SECONDS"], cents
    rows = Transactions(*given, columns["TX_FRAUD_SCENARIO"])
    sunday = 6  # 2018-04-01
    windows, ends = WindowFeatures(sunday), np.searchsorted(rows.seconds, np.arange(1, 15) * DAY_S)
    parts = [windows.of(rows.rows(start, end)) for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    wanted = pyarrow.parquet.read_table(folder / "features_2018-04-01_2018-04-14.parquet").sort_by("TRANSACTION_ID")
    by_id = np.argsort(columns["TRANSACTION_ID"])
    assert np.array_equal(wanted.column("TRANSACTION_ID").to_numpy(), columns["TRANSACTION_ID"][by_id])
    assert len(wanted) == 134_288
    together = set()
    for name in wanted.column_names[1:]:
        values = np.concatenate([part[name] for part in parts])[by_id]
        off = np.abs(values - wanted.column(name).to_numpy()) > (1e-6 if "AVG" in name else 0)
        if "TERMINAL" in name:
            off &= ~np.isclose(values, wanted.column(name).to_numpy(), rtol=1e-12)
        together |= set(np.flatnonzero(off).tolist())
    assert len(together) <= 4, len(together)  # two transactions of a customer in one second
    pairs = rows.customer[by_id] * 10**7 + rows.seconds[by_id]
    seen, counts = np.unique(pairs, return_counts=True)
    assert all(pairs[row] in seen[counts > 1] for row in together)
