"""Durations in buckets, so that percentiles of any span are sums of a few rows. Pure."""

from bisect import bisect_left
from collections.abc import Sequence

# Upper bounds in milliseconds; the last bucket is open.
BOUNDS_MS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000,
             1500, 2000, 3000, 4000, 5000, 7500, 10000, 15000)  # fmt: skip
SIZE = len(BOUNDS_MS) + 1


def bucket_of(duration_ms: float) -> int:
    return bisect_left(BOUNDS_MS, duration_ms)


def percentile(histogram: Sequence[int], share: float) -> float | None:
    """The duration in milliseconds below which ``share`` (0 to 1) of the requests stay; None if there are none.

    Straight lines within a bucket: off by less than the bucket's width.
    """
    total = sum(histogram)
    if not total:
        return None
    wanted = share * total
    seen = 0.0
    for index, count in enumerate(histogram):
        if count and seen + count >= wanted:
            low = BOUNDS_MS[index - 1] if index else 0
            high = BOUNDS_MS[index] if index < len(BOUNDS_MS) else BOUNDS_MS[-1]
            return low + (high - low) * max(wanted - seen, 0.0) / count
        seen += count
    return float(BOUNDS_MS[-1])
