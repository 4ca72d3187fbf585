"""Prometheus' text format, version 0.0.4: what was measured, as whoever scrapes it reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from momentum_trio.metrics.metric import Distribution, Family, Kind

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


def exposition(families: Iterable[Family]) -> str:
    """*families*, each with what it means. What has no samples is left out."""
    return "".join(line for family in families for line in _lines(family))


def _lines(family: Family) -> Iterator[str]:
    metric = family.metric
    if not family.samples and family.distribution is None:
        return
    yield f"# HELP {metric.name} {_help(metric.meaning)}\n"
    yield f"# TYPE {metric.name} {metric.kind.value}\n"
    assert (metric.kind is Kind.HISTOGRAM) == (family.distribution is not None)
    if family.distribution is not None:
        yield from _buckets(metric.name, family.distribution)
    for value, labels in family.samples:
        yield f"{metric.name}{_labels(metric.labels, labels)} {number(value)}\n"


def _buckets(name: str, held: Distribution) -> Iterator[str]:
    assert len(held.counts) == len(held.bounds) + 1
    totals = list(accumulate(held.counts))
    for bound, total in zip(map(number, held.bounds), totals, strict=False):
        yield f'{name}_bucket{{le="{bound}"}} {total}\n'
    yield f'{name}_bucket{{le="+Inf"}} {totals[-1]}\n'
    yield f"{name}_sum {number(held.sum)}\n"
    yield f"{name}_count {totals[-1]}\n"


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    pairs = ",".join(f'{name}="{_value(value)}"' for name, value in zip(names, values, strict=True))
    return f"{{{pairs}}}" if pairs else ""


def _value(text: str) -> str:
    """*text* as the value of a label: what is no Unicode becomes a question mark, and no other line begins in it."""
    clean = text.encode("utf-8", "replace").decode().replace("\r", " ")
    return clean.translate(_ESCAPED)


def _help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def number(value: float) -> str:
    """*value* as Go reads it."""
    return str(int(value)) if value == int(value) else repr(float(value))
