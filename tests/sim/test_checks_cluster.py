"""What nodes of a cluster hold of a limit together, and what their manager has of their logs: made evidence, judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from evidence_given import MAIL_ONE, MAIL_TWO, evidence, fault, received

from momentum_trio.log import mainlog
from sim.checks.gathered_once import gathered, gathered_once, missing
from sim.checks.logs_agree import Line, line_of
from sim.checks.seats_once import seats_once
from sim.evidence import Evidence, Struck
from sim.scenario import FaultKind, HostPlan, Program
from sim.seats import Look
from sim.world import World

KEY, OTHER_KEY = ("listener_sessions", "esmtp_listener"), ("service_sessions", "esmtp")


def look(at: float, key: tuple[str, ...] = KEY, limit: int = 4, **held: int) -> Look:
    return Look(at, key, limit, held)


@pytest.mark.parametrize(
    ("looks", "times"),
    [
        ([], []),
        ([look(1, ec1=2, ec2=2)], []),
        ([look(1, ec1=2, ec2=2), look(2, ec1=2, ec2=3)], [2]),
        ([look(1, ec1=5), look(2, ec1=2, ec2=3), look(3, OTHER_KEY, ec1=4, ec2=1)], [1, 3]),
        ([look(1, ec1=2), look(1, OTHER_KEY, ec1=2, ec2=2)], []),
        ([look(1, limit=9, ec1=5)], []),
    ],
)
def test_no_more_is_held_than_there_is(looks: Sequence[Look], times: Sequence[float]) -> None:
    assert [violation.seconds for violation in seats_once(evidence(seats=list(looks)))] == times


# -- lines

RECORDS = [received(MAIL_ONE), received(MAIL_TWO)]
ONE, TWO, INVENTED = (
    line for record in (*RECORDS, received(MAIL_TWO, "nobody@example.com")) if isinstance(line := line_of(record), Line)
)


def managed(found: Sequence[Line], *faults: Struck) -> Evidence:
    return evidence(records=RECORDS, struck=faults, gathered={"mgr": Counter(found)})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([ONE, TWO], []),
        ([TWO, ONE], []),
        ([ONE], ["has not gathered"]),
        ([], ["has not gathered", "has not gathered"]),
        ([ONE, TWO, TWO], ["or more often"]),
        ([ONE, TWO, TWO, INVENTED], ["or more often", "or more often"]),
    ],
)
def test_each_line_is_there_once(found: Sequence[Line], said: Sequence[str]) -> None:
    violations = list(gathered_once(managed(found)))
    assert len(violations) == len(said)
    assert all(words in violation.text for words, violation in zip(said, violations, strict=True))


@pytest.mark.parametrize(
    ("kind", "host", "counts"), [(FaultKind.POWER, "mx", 0), (FaultKind.RESET, "mx", 1), (FaultKind.POWER, "mgr", 1)]
)
def test_a_line_may_be_missing_whose_node_ended(kind: FaultKind, host: str, counts: int) -> None:
    given = managed([ONE], fault(kind, host))
    assert sum(1 for _ in missing(given, given.gathered["mgr"])) == counts


def test_what_is_not_durable_is_not_gathered() -> None:
    conf = b'cluster {} Logs { Logfile = "/var/log/eccluster/%{l}/%{n}" }'
    plan = HostPlan("mgr", ("10.0.0.1",), Program.ECCMGR, config="/etc/mgr.conf", files=(("/etc/mgr.conf", conf),))
    store = World(0).host("mgr", "10.0.0.1").store
    lines = [mainlog.received(record).encode() + b"\n" for record in RECORDS]
    store.put("/var/log/eccluster/mainlog/ec1", lines[0])
    store.find("/var/log/eccluster/mainlog/ec1").memory += lines[1]
    store.put("/var/log/eccluster/.places/0.place", lines[1])
    assert gathered(plan, store) == Counter([ONE])
