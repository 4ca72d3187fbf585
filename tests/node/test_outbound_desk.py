"""TLS contexts and caches as the console shows them: real contexts, exact layouts (spec/console.md section 5)."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from momentum_trio.config.load import load_text
from momentum_trio.delivery.cache_counts import CacheCounts, CacheReport
from momentum_trio.delivery.hosts import Hosts
from momentum_trio.delivery.outbound import OutboundConnections
from momentum_trio.delivery.signing import Signer
from momentum_trio.listener.kind import Generation, Generations
from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.node import cache_pages
from momentum_trio.node.link import Ask
from momentum_trio.node.outbound_desk import OutboundDesk
from momentum_trio.node.schema import DECLARED

CONTEXTS = """\
   1) client context
              age: 30 seconds old
        in use by: 0 sessions
      certificate: none
          ca list: none
          ciphers: default
   2) client context
              age: 0 seconds old
        in use by: 0 sessions
      certificate: none
          ca list: of the system
          ciphers: HIGH
Temp RSA key is uncached."""
CLASSIFY = CacheReport("core:bounce_classify", 16384, 10238, CacheCounts(1527, 18949, 18949, 0, 0, 8711))
STAT = """\
Name          : core:bounce_classify
Capacity      : 16384
Entries       : 10238
Utilization   :  62.49%
Query Rate    : 1279 q/s
Loads         : 20476
  Hits        : 1527
  Misses      : 18949
  Pending     : 0
Stores        : 18949
Invalidations : 8711
  Forced      : 0
  Expired     : 0
  Capacity    : 8711
Hit Rate      :   7.46%
Workload (R/W):  51.94%
  Reads       : 20476
  Writes      : 18949"""
ECDB = CacheReport("ds_core:ecdb", 1024, 2, CacheCounts(43, 40, 2))


def test_contexts_are_shown_and_flushed() -> None:
    async def story() -> None:
        machine, configured = os_machine(), Generations(Generation(1, load_text("", declared=DECLARED)))
        hosts = Hosts(machine)
        desk = OutboundDesk(OutboundConnections(), hosts, Signer(machine, configured))
        await hosts.contexts.context(ClientTlsTerms())
        await trio.sleep(30)
        await hosts.contexts.context(ClientTlsTerms(verify=True, ciphers="HIGH"))
        await hosts.contexts.context(ClientTlsTerms(verify=True, ciphers="HIGH"))
        assert desk.answer(Ask("tls show cache")).text == CONTEXTS
        assert desk.answer(Ask("cache list", ("entries", "hits"))).text.splitlines()[2] == "         2         1 tls"
        assert desk.answer(Ask("tls flush cache")).data == {"flushed": 2}
        assert desk.answer(Ask("tls show cache")).text == "Temp RSA key is uncached."

    trio.run(story, clock=MockClock(autojump_threshold=0.1))


def test_the_layouts_of_the_manual() -> None:
    assert cache_pages.stat(CLASSIFY, 16) == STAT
    assert cache_pages.listed([CLASSIFY], ["entries", "workload"], 1).splitlines() == [
        "     10238  51.94% core:bounce_classify",
        "",
        " 1 caches listed.",
    ]
    assert cache_pages.listed([ECDB, CLASSIFY], ["summary"], 1).splitlines()[:3] == [
        "CAPACITY    ENTRIES     USED    HT/TL   RD/WR CACHE",
        "1024          2        0.20%   51.81%  97.65% ds_core:ecdb",
        "16384         10238   62.49%    7.46%  51.94% core:bounce_classify",
    ]
    assert cache_pages.stats([ECDB]).splitlines() == [
        "cache name                      lookups %                  deletions %",
        "                       elts  hit miss pend  total  inserts man ttl lru  total",
        "---------------------- ----- -------------------- -------- ------------------",
        "ds_core:ecdb              2  52  48   0       83        2   0   0   0        0",
    ]
