"""Records by column: as rows, cut at ends, and named by their events."""

from beam_jobs.kafka.records import Outgoing, Polled, Record


def polled(*rows: tuple[int, int]) -> Polled:
    return Polled(
        [partition for partition, _ in rows],
        [offset for _, offset in rows],
        [offset * 10 for _, offset in rows],
        [b"k" for _ in rows],
        [b"%d/%d" % row for row in rows],
        [[("h", None)] for _ in rows],
    )


def test_rows_are_the_columns_again() -> None:
    found = polled((1, 7), (0, 3)).rows("trips")
    assert found == [
        Record("trips", 1, 7, 70, b"k", b"1/7", [("h", None)]),
        Record("trips", 0, 3, 30, b"k", b"0/3", [("h", None)]),
    ]
    assert Polled().rows("trips") == []


def test_nothing_from_an_end_on_and_the_order_stays() -> None:
    came = polled((0, 5), (0, 6), (0, 7), (1, 9), (1, 10))
    assert came.before({0: 6}) == polled((0, 5), (1, 9), (1, 10))
    assert came.before({0: 6, 1: 0}) == polled((0, 5))
    assert came.before({}) == came
    assert len(came.before({0: 0, 1: 0})) == 0


def test_a_record_is_named_by_its_event_and_by_its_number_where_that_is_not_known() -> None:
    known = Outgoing([0, 3], [0, 0], [None, None], [b"", b""], None, "trips", [7, 8])
    assert [known.source(row) for row in (0, 1)] == ["trips/0/7", "trips/3/8"]
    assert Outgoing([0], [0], [None], [b""]).source(0) == "number 0"
