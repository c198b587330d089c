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
_INT64_MOST = 2**63 - 1


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
    if abs(number) > _INT64_MOST:
        raise Refused(Reason.INT_RANGE, pointer(column.name))
    array = pa.array([number], pa.timestamp(unit, None if local else "UTC"))
    cells, bad = times_of(column, array)
    if bad[0].any():
        raise Refused(Reason.INT_RANGE, pointer(column.name))
    if bad[1].any():
        raise Refused(Reason.TIME_RANGE, pointer(column.name))
    return cells[0].as_py()


def times_of(column: Column, array: pa.Array) -> tuple[pa.Array, tuple[np.ndarray, np.ndarray]]:
    """Return timestamps or dates of Arrow as the column's integers (int64), null where they are null.

    Of every row (bool [rows]) whether it does not fit into 64 bits, and whether it is no one instant. The column has a
    unit.
    """
    reading = column.reading
    kind = array.type
    if pa.types.is_date(kind):
        if reading.unit == "day":
            days = array.cast(pa.date32()).cast(pa.int32()).cast(pa.int64())
            return days, _none_wrong(array)
        kind = pa.timestamp("s")
        array = array.cast(pa.date32()).cast(kind)
    per_second, zone, gone = _PER_SECOND[kind.unit], reading.zone, np.zeros(len(array), bool)
    if kind.tz is None and zone != "UTC" and reading.unit != "day":
        first = pc.assume_timezone(array, zone, ambiguous="earliest", nonexistent="earliest")
        last = pc.assume_timezone(array, zone, ambiguous="latest", nonexistent="latest")
        gone = np.asarray(pc.not_equal(first, last).fill_null(False))
        array = first
    if kind.tz is not None and zone != "UTC" and reading.unit == "day":
        array = pc.local_timestamp(array.cast(pa.timestamp(kind.unit, zone)))
    numbers = np.asarray(array.view(pa.int64()).fill_null(0))
    wanted = 1 if reading.unit == "s" else 1_000
    too_large = np.zeros(len(array), bool)
    if reading.unit == "day":
        numbers = numbers // (per_second * _DAY_SECONDS)
    elif wanted >= per_second:
        by = wanted // per_second
        too_large = np.abs(numbers.astype(np.float64)) * by >= _INT64_MOST
        numbers = np.where(too_large, 0, numbers) * by
    else:
        numbers = numbers // (per_second // wanted)
    missing = np.asarray(array.is_null()) if array.null_count else None
    return pa.array(numbers, pa.int64(), mask=missing), (too_large, gone)


def _none_wrong(array: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros(len(array), bool), np.zeros(len(array), bool)


@functools.cache
def _zone(name: str) -> datetime.tzinfo:
    return datetime.UTC if name == "UTC" else zoneinfo.ZoneInfo(name)
