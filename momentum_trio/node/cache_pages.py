"""Caches as ``cache list``, ``cache stat`` and ``cache stats`` show them (spec/console.md section 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from momentum_trio.console.command import Data
from momentum_trio.delivery.cache_counts import CacheReport


def _part(some: float, whole: float) -> float:
    return 100 * some / whole if whole else 0.0


def _loads(report: CacheReport) -> int:
    return report.counts.hits + report.counts.misses


def _utilization(report: CacheReport) -> float:
    return _part(report.entries, report.capacity)


def _hit_rate(report: CacheReport) -> float:
    return _part(report.counts.hits, _loads(report))


def _workload(report: CacheReport) -> float:
    """Reads, of all that is done with it."""
    return _part(_loads(report), _loads(report) + report.counts.stores)


COUNTS: Mapping[str, Callable[[CacheReport], int]] = {
    "capacity": lambda report: report.capacity,
    "entries": lambda report: report.entries,
    "loads": _loads,
    "stores": lambda report: report.counts.stores,
    "hits": lambda report: report.counts.hits,
    "misses": lambda report: report.counts.misses,
    "forced": lambda report: report.counts.forced,
    "expired": lambda report: report.counts.expired,
    "lru": lambda report: report.counts.displaced,
}
PERCENTAGES: Mapping[str, Callable[[CacheReport], float]] = {
    "utilization": _utilization,
    "hit-rate": _hit_rate,
    "workload": _workload,
}
QUERY_RATE, SUMMARY, ALL = "query-rate", "summary", "all"
ATTRIBUTES = (
    "capacity", "entries", "utilization", "loads", "stores", "hits", "misses",
    "forced", "expired", "lru", "hit-rate", "workload", QUERY_RATE,
)  # fmt: skip
VALID = f"Valid attributes are [{','.join(ATTRIBUTES[:7])},\n {','.join(ATTRIBUTES[7:])}]"
HEADINGS = """\
cache name                      lookups %                  deletions %
                       elts  hit miss pend  total  inserts man ttl lru  total
---------------------- ----- -------------------- -------- ------------------
"""


def listed(reports: Sequence[CacheReport], attributes: Sequence[str], seconds: float) -> str:
    """Names, *attributes* before them. seconds: since when there are counts."""
    if SUMMARY in attributes:
        rows = ["CAPACITY    ENTRIES     USED    HT/TL   RD/WR CACHE", *map(_summary, reports)]
    else:
        wanted = ATTRIBUTES if ALL in attributes else attributes
        rows = ["".join(_cell(report, each, seconds) for each in wanted) + f" {report.name}" for report in reports]
    return "\n".join([*rows, "", f" {len(reports)} caches listed."])


def _cell(report: CacheReport, attribute: str, seconds: float) -> str:
    if attribute in PERCENTAGES:
        return f"{PERCENTAGES[attribute](report):7.2f}%"
    count = _rate(report, seconds) if attribute == QUERY_RATE else COUNTS[attribute](report)
    return f"{count:10d}"


def _rate(report: CacheReport, seconds: float) -> int:
    return int(_loads(report) / max(seconds, 1.0))


def _summary(report: CacheReport) -> str:
    used, hits, reads = _utilization(report), _hit_rate(report), _workload(report)
    return f"{report.capacity:<14d}{report.entries:<7d}{used:6.2f}% {hits:7.2f}% {reads:6.2f}% {report.name}"


def stat(report: CacheReport, seconds: float) -> str:
    """All about one."""
    counts = report.counts
    gone = counts.forced + counts.expired + counts.displaced
    return "\n".join(
        (
            f"Name          : {report.name}",
            f"Capacity      : {report.capacity}",
            f"Entries       : {report.entries}",
            f"Utilization   : {_utilization(report):6.2f}%",
            f"Query Rate    : {_rate(report, seconds)} q/s",
            f"Loads         : {_loads(report)}",
            f"  Hits        : {counts.hits}",
            f"  Misses      : {counts.misses}",
            f"  Pending     : {report.pending}",
            f"Stores        : {counts.stores}",
            f"Invalidations : {gone}",
            f"  Forced      : {counts.forced}",
            f"  Expired     : {counts.expired}",
            f"  Capacity    : {counts.displaced}",
            f"Hit Rate      : {_hit_rate(report):6.2f}%",
            f"Workload (R/W): {_workload(report):6.2f}%",
            f"  Reads       : {_loads(report)}",
            f"  Writes      : {counts.stores}",
        )
    )


def stats(reports: Sequence[CacheReport]) -> str:
    """A row for each."""
    return HEADINGS + "\n".join(map(_row, reports))


def _row(report: CacheReport) -> str:
    counts = report.counts
    asked = _loads(report) + report.pending
    gone = counts.forced + counts.expired + counts.displaced
    looked = [round(_part(each, asked)) for each in (counts.hits, counts.misses, report.pending)]
    deleted = [round(_part(each, gone)) for each in (counts.forced, counts.expired, counts.displaced)]
    return (
        f"{report.name:<22}{report.entries:5d}"
        + "".join(f" {each:3d}" for each in looked)
        + f" {asked:8d} {counts.stores:8d}"
        + "".join(f" {each:3d}" for each in deleted)
        + f" {gone:8d}"
    )


def fields(report: CacheReport) -> Data:
    """The same as values."""
    return {
        "name": report.name,
        "pending": report.pending,
        **{name: count(report) for name, count in COUNTS.items()},
        **{name.replace("-", "_"): round(part(report), 2) for name, part in PERCENTAGES.items()},
    }
