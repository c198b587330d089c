"""Times in any shape to the integer of their column: seconds, milliseconds or days since 1970.

An instant (a text with `%z`, a timestamp with a zone) has its place in UTC whatever the column's zone is. What says no
zone is a local time of the column's zone. One that the zone's clock skips or shows twice is no one instant: refused.
Parts of a unit are cut off towards the past. A day is that of the column's zone for an instant, for what says no zone
the day as it is written.
"""

import datetime
import functools
import zoneinfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.column import Column
from schemas.reading import TimeText
from schemas.rejection import Reason, pointer
from transforms.decode.refused import Refused

_EPOCH = datetime.datetime(1970, 1, 1)
_EPOCH_UTC = _EPOCH.replace(tzinfo=datetime.UTC)
_EPOCH_DAY = _EPOCH.toordinal()
_STEP = {"s": datetime.timedelta(seconds=1), "ms": datetime.timedelta(milliseconds=1)}
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_DAY_SECONDS = 86_400
_YEARS = (-62_135_596_800, 253_402_300_799)  # the seconds that the years 1 to 9999 have


def time_of_text(text: str, time: TimeText, path: str) -> int:
    """Return the integer of a text of a form; raises `Refused`: TYPE for another form, TIME_RANGE for no one instant.

    >>> time_of_text("2016-03-27 12:00", TimeText("%Y-%m-%d %H:%M", "s", "Europe/Paris"), "/at")
    1459072800
    """
    if not text.isascii():  # strptime takes the digits of every script
        raise Refused(Reason.TYPE, path)
    try:
        found = datetime.datetime.strptime(text, time.form)
    except ValueError:
        raise Refused(Reason.TYPE, path) from None
    try:
        if time.unit == "day":
            found = found if found.tzinfo is None else found.astimezone(_zone(time.zone))
            return found.toordinal() - _EPOCH_DAY
        if found.tzinfo is None:
            if time.zone == "UTC":
                return (found - _EPOCH) // _STEP[time.unit]
            found = found.replace(tzinfo=_zone(time.zone))
            if found.utcoffset() != found.replace(fold=1).utcoffset():
                raise Refused(Reason.TIME_RANGE, path)
        return (found - _EPOCH_UTC) // _STEP[time.unit]
    except OverflowError:  # a zone leads out of the years 1 to 9999
        raise Refused(Reason.TIME_RANGE, path) from None


def time_of_timestamp(column: Column, number: int, unit: str, local: bool) -> int:
    """Return the integer of one timestamp in `unit` (s, ms, us, ns) since 1970; raises `Refused`.

    `local` timestamps say no zone.
    """
    reading, path, per_second = column.reading, pointer(column.name), _PER_SECOND[unit]
    if not _YEARS[0] * per_second <= number <= _YEARS[1] * per_second:
        raise Refused(Reason.TIME_RANGE, path)
    if reading.zone != "UTC" and local != (reading.unit == "day"):
        cells, gone = times_of(column, pa.array([number], pa.timestamp(unit, None if local else "UTC")))
        if gone.any():
            raise Refused(Reason.TIME_RANGE, path)
        return cells[0].as_py()
    if reading.unit == "day":
        return number // (per_second * _DAY_SECONDS)
    return number * _PER_SECOND[reading.unit or "s"] // per_second


def times_of(column: Column, array: pa.Array) -> tuple[pa.Array, np.ndarray]:
    """Return timestamps or dates of Arrow as the column's integers (int64), and which are no one instant (bool [rows]).

    Nor is one outside the years 1 to 9999. Nulls stay null. The column has a unit.
    """
    reading, kind = column.reading, array.type
    if pa.types.is_date(kind):
        kind = pa.timestamp("s")
        array = array.cast(pa.date32()).cast(pa.int32()).cast(pa.int64())
        numbers = np.asarray(array.fill_null(0)) * _DAY_SECONDS
    else:
        numbers = np.asarray(array.view(pa.int64()).fill_null(0))
    per_second, missing = _PER_SECOND[kind.unit], np.asarray(array.is_null())
    gone = (numbers < _YEARS[0] * per_second) | (numbers > _YEARS[1] * per_second)
    numbers = np.where(gone, 0, numbers)
    if reading.zone != "UTC" and (kind.tz is None) != (reading.unit == "day"):
        times = pa.array(numbers, pa.timestamp(kind.unit, kind.tz and reading.zone), mask=missing | gone)
        if kind.tz is not None:
            times = pc.local_timestamp(times)
        else:
            first = pc.assume_timezone(times, reading.zone, ambiguous="earliest", nonexistent="earliest")
            times = pc.assume_timezone(times, reading.zone, ambiguous="latest", nonexistent="latest")
            gone |= np.asarray(pc.not_equal(first, times).fill_null(False))
        numbers = np.asarray(times.view(pa.int64()).fill_null(0))
    wanted = {"s": 1, "ms": 1_000}.get(reading.unit or "", 0)
    if not wanted:
        numbers = numbers // (per_second * _DAY_SECONDS)
    elif wanted >= per_second:
        numbers = numbers * (wanted // per_second)
    else:
        numbers = numbers // (per_second // wanted)
    return pa.array(numbers, pa.int64(), mask=missing | gone), gone


@functools.cache
def _zone(name: str) -> datetime.tzinfo:
    return datetime.UTC if name == "UTC" else zoneinfo.ZoneInfo(name)
