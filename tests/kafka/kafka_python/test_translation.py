"""What kafka-python raises comes out as one line of ours, and says whether trying again may help."""

from collections.abc import Callable

import pytest
from kafka import errors

from beam_jobs.kafka.errors import Unavailable
from beam_jobs.kafka.kafka_python.translation import admin_client, one_line, why_unusable
from schemas.errors import ServiceError


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (errors.KafkaTimeoutError("late"), Unavailable, "k:1: no answer while reading (KafkaTimeoutError: late); is"),
        (errors.NotLeaderForPartitionError(), Unavailable, "k:1: NotLeaderForPartitionError while reading: "),
        (errors.InvalidTopicError(), ServiceError, "k:1: InvalidTopicError while reading: "),
        (
            errors.GroupAuthorizationFailedError(),
            ServiceError,
            "k:1: GroupAuthorizationFailedError while reading: ",
        ),
        (errors.SaslAuthenticationFailedError("bad"), ServiceError, "k:1: the broker refused the None login ("),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_every_error_has_its_line(error: errors.KafkaError, kind: type[ServiceError], says: str) -> None:
    with pytest.raises(ServiceError) as raised, one_line("k:1", "reading"):
        raise error
    assert type(raised.value) is kind
    assert str(raised.value).startswith(says)
    assert "\n" not in str(raised.value)


def test_what_is_none_of_the_library_s_passes() -> None:
    with pytest.raises(ZeroDivisionError), one_line("k:1", "reading"):
        raise ZeroDivisionError


def test_a_topic_that_is_not_there_is_named(broker: str) -> None:
    assert str(why_unusable(broker, "nowhere")).startswith(f"{broker}: no topic 'nowhere'; create it")


def test_an_admin_client_is_closed_and_its_errors_translated(broker: str, topics: Callable[..., str]) -> None:
    topic = topics("there")
    says = "TopicAlreadyExistsError while making it again"
    with pytest.raises(ServiceError, match=says), admin_client(broker, "making it again") as admin:
        admin.create_topics({topic: {"num_partitions": 1}})
    assert admin._closed
