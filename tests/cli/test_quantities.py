"""Times as people write them: what is none is refused, however long."""

import pytest

from beam_jobs.cli.quantities import milliseconds
from schemas.errors import UsageError


@pytest.mark.parametrize("time", ["noon", "", "2026-13-01", "-5", "1.5", "\u0661\u0662", "9" * 5_000])
def test_a_time_that_is_none(time: str) -> None:
    with pytest.raises(UsageError, match="is no time, wanted 2026-01-31T12:00:00Z or milliseconds since 1970"):
        milliseconds(time)
