"""What lies in the spools at the end, read off the disks: mail in custody that has not come to its end yet."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..evidence import Evidence
from ..scenario import HostPlan, Program
from .configuration import root_of, words

SPOOL_BASE = "/var/spool/ecelerity"

_MESSAGE_ID = re.compile(rb"^Message-ID: <([^\n>]*)@sim>", re.M)


def names_in_spools(evidence: Evidence) -> frozenset[str]:
    """Names of mails of which some octets lie in a spool's log or content files; those in quarantine do not count.

    A record that was concluded may lie there yet: the answer clears nobody where the spools were drained.
    """
    return frozenset(name for plan in evidence.scenario.hosts for name in _names(evidence, plan))


def _names(evidence: Evidence, plan: HostPlan) -> Iterator[str]:
    if plan.program is not Program.ECELERITY:
        return
    store = evidence.world.hosts[plan.name].store
    base = next(words(root_of(plan), "spoolbase"), SPOOL_BASE)
    for folder in ("log", "content"):
        try:
            paths = list(store.files(f"{base}/{folder}"))
        except OSError:
            continue  # the host never had a spool
        for path in paths:
            for found in _MESSAGE_ID.finditer(store.octets(path)):
                yield found[1].decode("utf-8", "replace")
