"""A metric, as it is declared; and what was measured of it, when somebody asks."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple


class Kind(Enum):
    """A counter only grows while the node lives; a gauge is as it is; a histogram counts by size."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(NamedTuple):
    """One of ``table.METRICS``. meaning: a sentence. labels: what it is told by, each with what it holds."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()


class Sample(NamedTuple):
    """One number. labels: the values of the metric's labels."""

    value: float
    labels: tuple[str, ...] = ()


class Distribution(NamedTuple):
    """Of a histogram without labels. counts: up to each of *bounds*, not added up, and one more of what is above."""

    bounds: Sequence[float]
    counts: Sequence[int]
    sum: float


class Family(NamedTuple):
    """What was measured of one metric."""

    metric: Metric
    samples: Sequence[Sample] = ()
    distribution: Distribution | None = None


def one(metric: Metric, value: float) -> Family:
    """That of a metric without labels."""
    return Family(metric, (Sample(value),))
