"""Parts of times inside the graph: the hour, the day of the week, the month of times as whole numbers since 1970."""

import tensorflow as tf

from transforms.missing import fill

PER_DAY = {"day": 1, "s": 86_400, "ms": 86_400_000}
"""How many of a unit a day has."""
_THURSDAY = 3  # 1970-01-01
_DAYS_BEFORE_1970 = 719_468  # since 0000-03-01, when a year of 365.2425 days begins that ends with its leap day
_DAYS_OF_400_YEARS = 146_097


def calendar(column: tf.SparseTensor, unit: str) -> dict[str, tf.Tensor]:
    """Return the calendar parts (float32 [rows]) of a column of times in a unit, UTC; NaN where it is missing.

    `hour` is 0 to 23 and left out of days; `weekday` 0 (Monday) to 6, `day` of the month 1 to 31, `month` 1 to 12.

    >>> times = tf.SparseTensor([[0, 0]], tf.constant([1709251199], tf.int64), [2, 1])  # 2024-02-29 23:59:59
    >>> {name: part.numpy().tolist() for name, part in calendar(times, "s").items()}
    {'hour': [23.0, nan], 'weekday': [3.0, nan], 'day': [29.0, nan], 'month': [2.0, nan]}
    """
    time, per_day = fill(column, 0), PER_DAY[unit]
    days = time // per_day
    day_of_era = (days + _DAYS_BEFORE_1970) % _DAYS_OF_400_YEARS
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * day_of_year + 2) // 153  # 0 is March
    parts = {
        "hour": time % per_day * 24 // per_day,
        "weekday": (days + _THURSDAY) % 7,
        "day": day_of_year - (153 * month + 2) // 5 + 1,
        "month": (month + 2) % 12 + 1,
    }
    missing = tf.math.is_nan(fill(tf.cast(column, tf.float32), float("nan")))
    return {
        name: tf.where(missing, float("nan"), tf.cast(part, tf.float32))
        for name, part in parts.items()
        if name != "hour" or unit != "day"
    }
