"""Which partition a record goes to, and when a topic is asked whether it has grown."""

import pytest

from beam_jobs.kafka.partitions import (
    GrowthWatch,
    PartitionCounts,
    partition_of_answer,
    partition_of_event,
    partition_of_key,
)
from schemas.errors import ServiceError


def test_an_event_goes_to_its_key_s_partition_and_without_a_key_round_about() -> None:
    assert {partition_of_event(b"taxi", number, 5) for number in range(9)} == {partition_of_key(b"taxi", 5)}
    assert [partition_of_event(None, number, 3) for number in range(5)] == [0, 1, 2, 0, 1]


def test_an_answer_keeps_its_source_s_number_where_the_topic_has_it() -> None:
    assert [partition_of_answer(source, b"taxi", 3) for source in range(3)] == [0, 1, 2]
    assert [partition_of_answer(source, b"taxi", 3) for source in (3, 4)] == [partition_of_key(b"taxi", 3)] * 2
    assert [partition_of_answer(source, None, 3) for source in (3, 4)] == [0, 1]


def test_a_topic_is_asked_for_at_once_and_then_now_and_then() -> None:
    watch = GrowthWatch(period_s=3600)
    assert [watch.due("a"), watch.due("a"), watch.due("b")] == [True, False, True]
    assert [GrowthWatch(period_s=0).due("a") for _ in range(2)] == [True, True]


def test_a_count_is_asked_for_once_and_again_only_where_it_is_too_small() -> None:
    asked: list[str] = []

    def again(topic: str) -> int:
        asked.append(topic)
        return 4

    counts = PartitionCounts(lambda topic: 2, again)
    assert [counts.of("t", 0), counts.of("t", 2)] == [2, 2]
    assert asked == []
    assert [counts.of("t", 3), counts.of("t", 9)] == [4, 4]
    assert asked == ["t"], "the second time not before the period is over"


def test_a_broker_that_is_away_when_it_is_asked_again_holds_nothing_up() -> None:
    def away(topic: str) -> int:
        raise ServiceError("away")

    assert PartitionCounts(lambda topic: 2, away).of("t", 3) == 2
    with pytest.raises(ServiceError, match="away"):
        PartitionCounts(away, away).of("t", 3)
