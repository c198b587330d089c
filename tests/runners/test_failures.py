"""What runners and workers raise, in one line."""

import re

import pytest

from beam_jobs.runners import failures
from schemas.errors import InputError, OnegraphError, ServiceError

FLINKS_WORDS = """org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy
\tat org.apache.flink.runtime.executiongraph.failover.Handler.handleFailure(Handler.java:180)
Caused by: java.lang.RuntimeException: Error from SDK harness for instruction 7: Traceback (most recent call last):
  File "beam_jobs/stream/read/reader.py", line 1, in process
    raise ServiceError(message)
{error}

\tat java.base/java.util.concurrent.CompletableFuture.reportGet(CompletableFuture.java:396)
\t... 1 more
"""


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            "schemas.errors.ServiceError: offsets 3 to 9 are lost [while running 'Poll']",
            ServiceError,
            "^offsets 3 to 9 are lost$",
        ),
        ("KeyError: 7", OnegraphError, "^the pipeline failed: KeyError: 7; see"),
    ],
)
def test_what_flink_says_becomes_one_line(error, kind, message):
    found = failures.as_ours(FLINKS_WORDS.format(error=error))
    assert type(found) is kind
    assert re.search(message, str(found))


def test_a_failure_of_no_reason():
    assert str(failures.as_ours("")) == "the pipeline failed: no reason given; see the log with -v -v"


@pytest.mark.parametrize(
    ("raised", "kind", "message"),
    [
        (InputError("no such file [while running 'Read\nIt']"), InputError, "no such file"),
        (ValueError("KeyError: 7"), OnegraphError, "the pipeline failed: KeyError: 7; see the log with -v -v"),
    ],
)
def test_what_is_raised_within_the_block(raised, kind, message):
    with pytest.raises(OnegraphError) as error, failures.in_one_line():
        raise raised
    assert (type(error.value), str(error.value)) == (kind, message)
