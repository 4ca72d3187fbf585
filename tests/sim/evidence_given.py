"""Evidence made by hand: a client, a node ``mx`` with a Maildir for example.com, a sink; nothing was run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from momentum_trio.mail.record import Delivered, Received, Record
from sim.evidence import Arrived, Attempt, Evidence, Struck, Told
from sim.letter import content_of
from sim.scenario import Fault, FaultKind, HostPlan, Mail, Program, Scenario
from sim.world import EPOCH, World

CONFIG_PATH, MAIL = "/etc/ecelerity.conf", "/var/mail"
CONFIG = f"""
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Domain "example.com" {{ Delivery_Method = MAILDIR Maildir_Path = "{MAIL}/%d/%l" }}
ESMTP_Listener {{ Listen ":25" {{}} }}
"""
BOB, CAROL = "bob@example.com", "carol@example.com"
MAIL_ONE = Mail("one", 1.0, "client", "mx", 25, (BOB,))
MAIL_TWO = Mail("two", 2.0, "client", "mx", 25, (BOB, CAROL))


def evidence(
    *attempts: Attempt,
    arrived: Sequence[Arrived] = (),
    struck: Sequence[Struck] = (),
    records: Sequence[Record] = (),
    config: str = CONFIG,
    mails: Sequence[Mail] = (),
    **more: Any,
) -> Evidence:
    """Evidence of a run that was drained. mails: all there are; without, those of the attempts."""
    plans = (
        HostPlan("client", ("10.0.0.7",), Program.CLIENT),
        HostPlan("mx", ("10.0.0.25",), config=CONFIG_PATH, files=((CONFIG_PATH, config.encode()),)),
        HostPlan("sink", ("10.0.0.9",), Program.SINK),
    )
    world = World(0)
    for plan in plans:
        world.host(plan.name, *plan.addresses)
    life = world.hosts["mx"]._new_life()  # records have one; nothing runs
    world.records += [(life, record) for record in records]
    all_mails = tuple(mails) or tuple(dict.fromkeys(attempt.mail for attempt in attempts))
    scenario = Scenario(plans, mails=all_mails, faults=tuple(one.fault for one in struck))
    more = {"drained_after_seconds": 3.0, "drain_limit_seconds": 60.0} | more
    return Evidence(scenario, world, list(attempts), list(struck), arrived=list(arrived), **more)


def attempt(
    mail: Mail, told: Told = Told.ACCEPTED, reply: str = "", *, at: float = 10.0, paths: Sequence[str] | None = None
) -> Attempt:
    """One attempt, of half a second. paths: those accepted at RCPT; without, all of the mail."""
    said = {
        Told.ACCEPTED: f"250 2.0.0 OK {batch_of(mail)}",
        Told.REFUSED: "550 5.7.1 no",
        Told.DEFERRED: "451 4.3.0 transaction failed",
        Told.UNKNOWN: "nobody answered",
    }
    accepted = mail.forward_paths if paths is None else tuple(paths)
    return Attempt(mail, at, at + 0.5, told, reply or said[told], "10.0.0.7", "mx", accepted, notify=mail.notify)


def batch_of(mail: Mail, copy: int = 0) -> str:
    """The id of the batch that *copy* of *mail* was accepted as."""
    return f"00/{copy:02d}-{sum(mail.name.encode()):05d}-C6DD1CA4"


def delivered(
    mail: Mail, path: str = BOB, *, copy: int = 0, content: bytes | None = None, host: str = "mx", batch: str = ""
) -> Arrived:
    """A copy of *mail* as a Maildir or a sink keeps it."""
    octets = content_of(mail) if content is None else content
    field = (
        b"Received: from [10.0.0.7] ([10.0.0.7:4000] helo=client.example)\r\n"
        b"\tby mx (envelope-from <sender@client.example>)\r\n\t(momentum-trio 0.1.0) with ESMTP\r\n\tid %s; %s\r\n"
        % ((batch or batch_of(mail, copy)).encode(), b"Thu, 01 Jan 2026 00:00:10 +0000")
    )
    local_part, _, domain = path.partition("@")
    place = f"{MAIL}/{domain}/{local_part}/new/{copy}.{mail.name}"
    return Arrived(
        host, path, (b"Return-Path: <sender@client.example>\n" + field + octets).replace(b"\r\n", b"\n"), place
    )


def fault(
    kind: FaultKind,
    *targets: str,
    at: float = 5.0,
    ended: float | None = 30.0,
    did: bool = True,
    text: str = "",
    **more: Any,
) -> Struck:
    """A fault that struck, ``mx`` unless something else is said."""
    return Struck(Fault(kind, at, targets or ("mx",), text=text), at, ended, did=did, **more)


def at(seconds: float) -> float:
    """The wall clock of a host at that virtual time."""
    return EPOCH + seconds


def received(mail: Mail, path: str = BOB, sender: str = "sender@client.example") -> Received:
    """The record that *mail* was accepted for *path*."""
    return Received(at(10), "m", batch_of(mail), "c", path, sender, "default", "default", "10.0.0.7:1", 400, "esmtp")


def went(mail: Mail, path: str = BOB, age: float = 0.5, message: str = "m", when: float = 11.0) -> Delivered:
    """The record that *mail* was delivered to *path*."""
    return Delivered(
        at(when), message, batch_of(mail), "c", path, "", "default", "default", "example.com", 400, 0, age, ""
    )
