"""A client, a node with Maildirs, a sink and a nameserver: what tests of runs begin with."""

from __future__ import annotations

from dataclasses import replace

from sim.scenario import Fault, FaultKind, HostPlan, LinkPlan, Load, Mail, Program, Scenario, Swarm

MX, CLIENT, SINK, NAMES = "10.0.0.25", "10.0.0.7", "10.0.0.99", "10.0.0.53"
CONFIG_PATH, CONTROL = "/etc/ecelerity.conf", "/run/control"
CONFIG = f"""
Hostname = "mx.example"
SpoolBase = "/var/spool/ecelerity"
Large_Message_Threshold = 4000
Retry_Interval = 20
Relay_Domains = ( "example.com" )
Domain "example.com" {{ Delivery_Method = MAILDIR Maildir_Path = "/var/mail/%d/%l" }}
ESMTP_Listener {{ Listen ":25" {{}} }}
Control_Listener {{ Listen "{CONTROL}" {{}} }}
"""
MAILBOXES = tuple(f"{name}@example.com" for name in ("ann", "bob", "carol", "dave"))

SCENARIO = Scenario(
    hosts=(
        HostPlan("mx", (MX,), config=CONFIG_PATH, files=((CONFIG_PATH, CONFIG.encode()),)),
        HostPlan("client", (CLIENT,), Program.CLIENT),
        HostPlan("sink", (SINK,), Program.SINK),
        HostPlan("names", (NAMES,), Program.NAMESERVER),
    ),
    links=(LinkPlan("client", "mx", 0.01, 0.02), LinkPlan("client", "sink", 0.01, 0.02)),
)
LOADS = (
    Load("m", ("client",), "mx", count=70, forward_paths=MAILBOXES),
    Load("s", ("client",), "sink", count=30, forward_paths=MAILBOXES),
)
KINDS = tuple(FaultKind)


def mail(name: str, at_seconds: float = 1.0, target: str = "mx", session: int = 0, octets: int = 400) -> Mail:
    """A mail to bob."""
    return Mail(name, at_seconds, "client", target, 25, MAILBOXES[1:2], octets=octets, session=session)


def mails(count: int, target: str = "mx", every_seconds: float = 1.0, octets: int = 400) -> tuple[Mail, ...]:
    """Mails in sessions of their own, one after the other."""
    return tuple(mail(f"{target}-{n}", 1.0 + n * every_seconds, target, n, octets) for n in range(count))


def with_faults(*faults: Fault, count: int = 20, target: str = "mx", seconds: float = 30.0) -> Scenario:
    """A concrete scenario."""
    return replace(SCENARIO, mails=mails(count, target), faults=faults, duration_seconds=seconds)


def swarm(*kinds: FaultKind, count: tuple[int, int] = (0, 8)) -> Scenario:
    """A hundred mails and what the seed makes of it."""
    return replace(SCENARIO, loads=LOADS, swarm=Swarm(kinds or KINDS, ("mx", "sink"), count))
