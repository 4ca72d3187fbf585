"""Hosts and links that do not differ: no cut reads and writes, no jitter, no latency, no bounds, clocks that agree."""

from __future__ import annotations

from dataclasses import replace

from ..scenario import Expect, LinkPlan, Scenario
from .search import Search

LATENCY_SECONDS = 0.001  # what a quiet link has


def quiet(search: Search) -> None:
    """No cut reads and writes, no jitter, no latency, no bounds, no clocks that differ: all at once, else singly."""
    best = search.best
    if search.try_(_with_quiet_hosts(replace(best, short_share=0.0, links=_quiet_links(best.links))), "all is quiet"):
        return
    search.try_(replace(best, short_share=0.0), "nothing cut short")
    for index, link in enumerate(search.best.links):
        links = search.best.links
        quiet = _quiet_links((link,))
        search.try_(
            replace(search.best, links=links[:index] + quiet + links[index + 1 :]), f"quiet {link.one}-{link.other}"
        )
    search.try_(_with_quiet_hosts(search.best), "clocks agree")


def _quiet_links(links: tuple[LinkPlan, ...]) -> tuple[LinkPlan, ...]:
    return tuple(
        [
            replace(link, latency_seconds=LATENCY_SECONDS, jitter_seconds=0.0, octets_per_second=0.0, loss=0.0)
            for link in links
        ]
    )


def _with_quiet_hosts(scenario: Scenario) -> Scenario:
    return replace(
        scenario, hosts=tuple([replace(host, clock_skew_seconds=0.0, clock_rate=1.0) for host in scenario.hosts])
    )


def plain_expectation(search: Search) -> None:
    """What the run was not about need not be written down."""
    search.try_(replace(search.best, expect=Expect(without=search.best.expect.without)), "heal everything")
