"""How far two sets of rows are apart in one column, read off their statistics: L-infinity and Jensen-Shannon.

As in TensorFlow Data Validation: L-infinity is the largest difference of one text's share; the Jensen-Shannon
divergence, to base 2 and so from 0 to 1, is over texts, or over the equal-width histograms of numbers, whose buckets
are cut where either has an edge.
"""

from collections.abc import Iterable

import numpy as np
from tensorflow_metadata.proto.v0 import statistics_pb2
from tensorflow_metadata.proto.v0.statistics_pb2 import FeatureNameStatistics as Feature

_REST = None


def infinity_norm(one: Feature, other: Feature) -> float | None:
    """Return the largest difference of one text's share; None if one of them has no texts that are shown."""
    shares = [_text_shares(feature) for feature in (one, other)]
    if not shares[0] or not shares[1]:
        return None
    return max(abs(shares[0].get(text, 0.0) - shares[1].get(text, 0.0)) for text in {*shares[0], *shares[1]} - {_REST})


def jensen_shannon(one: Feature, other: Feature) -> float | None:
    """Return the Jensen-Shannon divergence of texts or numbers; None if one of them has no values that are shown."""
    if one.HasField("string_stats") != other.HasField("string_stats"):
        return None
    if one.HasField("string_stats"):
        shares = [_text_shares(feature) for feature in (one, other)]
        if not shares[0] or not shares[1]:
            return None
        texts = list({*shares[0], *shares[1]})
        return divergence(*(np.array([share.get(text, 0.0) for text in texts]) for share in shares))
    found = [_histogram(feature) for feature in (one, other)]
    if found[0] is None or found[1] is None:
        return None
    edges = np.unique(np.concatenate([found[0][0], found[0][1], found[1][0], found[1][1]]))
    return divergence(*(_over(edges, *histogram) for histogram in found if histogram is not None))


def divergence(one: np.ndarray, other: np.ndarray) -> float:
    """Return the Jensen-Shannon divergence of two distributions, shares [values] each.

    >>> divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0])), divergence(np.array([0.5, 0.5]), np.array([0.5, 0.5]))
    (1.0, 0.0)
    """
    middle = (one + other) / 2
    return float(np.clip((_relative(one, middle) + _relative(other, middle)) / 2, 0.0, 1.0))


def _relative(one: np.ndarray, other: np.ndarray) -> float:
    seen = one > 0
    return float((one[seen] * np.log2(one[seen] / other[seen])).sum())


def _text_shares(feature: Feature) -> dict[str | None, float]:
    """Return the share of every text that the statistics show, and of all others together."""
    present = feature.string_stats.common_stats.num_non_missing
    shown = {bucket.label: bucket.sample_count for bucket in feature.string_stats.rank_histogram.buckets}
    total = max(feature.string_stats.common_stats.tot_num_values or present, sum(shown.values()))
    if not shown or not total:
        return {}
    shares: dict[str | None, float] = {text: count / total for text, count in shown.items()}
    rest = 1.0 - sum(shares.values())
    return {**shares, _REST: rest} if rest > 1e-12 else shares


def _histogram(feature: Feature) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return the lower ends, the upper ends and the shares of the equal-width buckets of numbers."""
    for histogram in feature.num_stats.histograms:
        if histogram.type == statistics_pb2.Histogram.STANDARD and histogram.buckets:
            low, high, count = _columns(histogram.buckets)
            return (low, high, count / count.sum()) if count.sum() > 0 else None
    return None


def _columns(buckets: Iterable[statistics_pb2.Histogram.Bucket]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = [(bucket.low_value, bucket.high_value, bucket.sample_count) for bucket in buckets]
    low, high, count = np.array(rows, np.float64).T
    return low, high, count


def _over(edges: np.ndarray, low: np.ndarray, high: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return the shares of a histogram between edges, and at each of them what lies at that point alone."""
    points, spans = np.zeros(len(edges)), np.zeros(max(len(edges) - 1, 0))
    for start, end, part in zip(low, high, share, strict=True):
        first, last = np.searchsorted(edges, [start, end])
        if first == last:
            points[first] += part
        else:
            spans[first:last] += part * np.diff(edges[first : last + 1]) / (end - start)
    return np.concatenate([points, spans])
