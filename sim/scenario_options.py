"""Every scope and option of a scenario file, declared once: for reading, writing and docs/scenario.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from momentum_trio.config.kind import BOOLEAN, INTEGER_MAX, PATH, STRING, integer_between, one_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.schema import Schema
from momentum_trio.config.scope import scopes

from .measure import (
    ADDRESSES,
    BLOCKS,
    COUNT,
    COUNTS,
    DURATION,
    DURATIONS,
    FACTOR,
    IDS,
    LISTED_SIZES,
    OFFSET,
    PAIRS,
    PLACE,
    PORTS,
    RATE,
    SHARE,
    SIZE,
    SIZES,
    one,
    words,
)
from .scenario import INSTANT, SPLITS, Act, Carried, DnsAnswer, FaultKind, Heal, Leaving, Program, SinkPlan, Turn, Way
from .scenario import PAIRS as PAIR_KINDS

CONFIG_AT = "/opt/msys/ecelerity/etc/ecelerity.conf"  # where the original has it

EXTENSIONS = ("PIPELINING", "8BITMIME", "SIZE", "CHUNKING", "DSN", "SMTPUTF8", "STARTTLS", "ENHANCEDSTATUSCODES")
BACKLOG_MAX = 4096  # more a host does not permit (net.core.somaxconn)
HOSTS, PATHS, MARKS = words("hosts"), words("forward-paths"), words("names")


@dataclass(frozen=True, slots=True)
class ScopeForm:
    """A scope. inside: lower-case name of the one it stands in. instance: what its instance is; empty: it has none."""

    name: str
    inside: str
    instance: str
    meaning: str


SCOPES = (
    ScopeForm("Simulation", "global", "", "The whole scenario. All other scopes stand in it."),
    ScopeForm("Host", "simulation", "its name", 'A machine of the world: `Host "mx" { ... }`.'),
    ScopeForm("File", "host", "its path on the host", "What the host's disk holds before it boots."),
    ScopeForm(
        "Behaviour",
        "host",
        "its name",
        "What a sink does instead of accepting mail; of several that apply the first in the file counts.",
    ),
    ScopeForm(
        "Name",
        "simulation",
        "the name",
        "A name of the world beside those of its hosts, for DNS and for getaddrinfo; `*.example` is all names below"
        " that have none of their own. With nothing in it, it is a name that nobody has, on purpose.",
    ),
    ScopeForm("Link", "simulation", "two hosts", 'What lies between two hosts, both ways: `Link "client mx" { ... }`.'),
    ScopeForm("Load", "simulation", "its name", "Many messages, drawn with the seed."),
    ScopeForm("Mail", "simulation", "its name", "One message, sent until it is answered for good."),
    ScopeForm("Operator", "simulation", "its name", "Somebody at an admin console, whose work is drawn with the seed."),
    ScopeForm(
        "Members",
        "simulation",
        "its name",
        "A member of the message bus beside each of some nodes: it joins groups, leaves them and publishes.",
    ),
    ScopeForm("At", "simulation", "a time", 'One thing that breaks: `At "12.5s" { pause = "mx" for = "4s" }`.'),
    ScopeForm("Swarm", "simulation", "", "Faults drawn with the seed: each takes some of the kinds, at drawn times."),
    ScopeForm("Expect", "simulation", "", "What must hold."),
)


class SimulationOptions(Options):
    """Of the whole."""

    duration = Option("duration", DURATION, 60.0, scopes("simulation"), "How long load and faults last.")
    short = Option("short", SHARE, 0.0, scopes("simulation"), "Share of reads and writes cut short at a drawn place.")
    seed = Option("seed", integer_between(0, INTEGER_MAX), 1, scopes("simulation"), "Seed when none is named.")
    unreachable = Option(
        "unreachable", BLOCKS, (), scopes("simulation"), "Addresses that are nobody's, on purpose: nothing answers."
    )


class HostOptions(Options):
    """Of one host."""

    addresses = Option("addresses", ADDRESSES, (), scopes("host"), "Its addresses; it has the loopback too. Required.")
    program = Option(
        "program",
        one_of(*(program.value for program in Program)),
        Program.ECELERITY.value,
        scopes("host"),
        "What runs: the product; eccmgr, a cluster's manager; a client, where mail comes from; a sink, an SMTP server"
        " that keeps what it gets; a"
        " nameserver, which knows all the names of the world (where no host is one, there is one that never fails).",
    )
    config = Option(
        "config", PATH, "", scopes("host"), "The product's configuration: a real file, beside the scenario file or not."
    )
    config_at = Option("config_at", PATH, CONFIG_AT, scopes("host"), "Where on the host that file lies.")
    root = Option(
        "root", PATH, "", scopes("host"), "A real folder that is read as the host's / ; without it, the real / is."
    )
    users = Option(
        "users", IDS, (), scopes("host"), "Its users beside root, each with a group of that name: name = uid."
    )
    environment = Option("environment", PAIRS, (), scopes("host"), "Environment of its program.")
    clock_skew = Option("clock_skew", OFFSET, 0.0, scopes("host"), "How far its wall clock is ahead.")
    clock_rate = Option("clock_rate", FACTOR, 1.0, scopes("host"), "Seconds its wall clock makes of a second.")

    ports = Option("ports", PORTS, SinkPlan().ports, scopes("host"), "Of a sink: where it listens.")
    offers = Option(
        "offers",
        words("extensions"),
        SinkPlan().offers,
        scopes("host"),
        "Of a sink: the extensions it offers, of " + ", ".join(EXTENSIONS) + ".",
    )
    lmtp = Option("lmtp", BOOLEAN, False, scopes("host"), "Of a sink: it speaks LMTP, with a reply for each recipient.")
    backlog = Option(
        "backlog",
        integer_between(1, BACKLOG_MAX),
        SinkPlan().backlog,
        scopes("host"),
        "Of a sink: how many connections may wait to be accepted.",
    )


class BehaviourOptions(Options):
    """Of what a sink does."""

    turn = Option(
        "at",
        one_of(*(turn.value for turn in Turn)),
        Turn.RCPT.value,
        scopes("behaviour"),
        "Where in the session; content: nothing is kept yet; stored: it is kept, durably, and not answered yet.",
    )
    way = Option(
        "does",
        one_of(*(way.value for way in Way)),
        Way.ANSWER.value,
        scopes("behaviour"),
        "Answer, close the connection, reset it, or say nothing any more.",
    )
    reply = Option(
        "reply",
        STRING,
        "",
        scopes("behaviour"),
        'What it answers, as "550 5.1.1 no such user"; without it, what it says ever.',
    )
    after = Option("after", DURATION, 0.0, scopes("behaviour"), "How long it waits before that.")
    recipients = Option(
        "recipients", PATHS, (), scopes("behaviour"), 'To whom, as patterns: "*@slow.example"; without it, to anybody.'
    )
    share = Option("share", SHARE, 1.0, scopes("behaviour"), "In how many of these cases, drawn.")
    times = Option(
        "times",
        COUNT,
        0,
        scopes("behaviour"),
        "For one sender and recipient only the first so many times (1 is greylisting); 0 is always.",
    )
    mails = Option(
        "mails", COUNT, 0, scopes("behaviour"), "Only in a session that has brought so many messages before."
    )


class FileOptions(Options):
    """Of one file; exactly one of them is set."""

    source = Option("from", PATH, "", scopes("file"), "The real file to copy, beside the scenario file or not.")
    text = Option("text", STRING, "", scopes("file"), "Its text.")
    base64 = Option("base64", STRING, "", scopes("file"), "Its octets in base64.")


_NAMES = scopes("name")


class NameOptions(Options):
    """Of a name."""

    hosts = Option("is", HOSTS, (), _NAMES, "The hosts whose addresses it has; an empty list: none.")
    mx = Option("mx", words("MX records"), (), _NAMES, 'Its MX records: "10 mx1.example"; "0 ." takes no mail.')
    records = Option(
        "records",
        words("DNS records"),
        (),
        _NAMES,
        'Other ones: "TXT \'v=spf1 -all\'", "CNAME mx.example", "TLSA 3 1 1 ...".',
    )
    answer = Option(
        "answer", one_of(*(answer.value for answer in DnsAnswer)), DnsAnswer.TRUE.value, _NAMES, "What is answered."
    )
    after = Option("after", DURATION, 0.0, _NAMES, "How late it is answered.")
    lost = Option("lost", SHARE, 0.0, _NAMES, "Share of questions that are not answered.")
    truncated = Option("truncated", BOOLEAN, False, _NAMES, "Over UDP nothing is answered but that it is too long.")


class LinkOptions(Options):
    """Of what lies between two hosts."""

    latency = Option("latency", DURATION, 0.001, scopes("link"), "One way.")
    jitter = Option("jitter", DURATION, 0.0, scopes("link"), "Up to so much more, drawn anew each time.")
    bandwidth = Option("bandwidth", RATE, 0.0, scopes("link"), "Octets a second; 0 is without bound.")
    loss = Option("loss", SHARE, 0.0, scopes("link"), "Share of datagrams lost.")


CARRIED = one_of(*(carried.value for carried in Carried))
_LOADS, _MAILS = scopes("load"), scopes("mail")
NO_PLACE = ("", 0)


class LoadOptions(Options):
    """Of many messages."""

    source = Option("from", HOSTS, (), _LOADS, "The clients they come from. Required.")
    addresses = Option("addresses", ADDRESSES, (), _LOADS, "Those of its client it comes from; without it, the first.")
    target = Option("to", PLACE, NO_PLACE, _LOADS, "Where they are sent: a host or an address, and a port. Required.")
    recipients = Option(
        "recipients", PATHS, (), _LOADS, "The forward-paths drawn from; {1..99} in one is a number, drawn. Required."
    )
    sender = Option("sender", STRING, "sender@client.example", _LOADS, "Reverse-path; empty is the null one.")
    count = Option("count", COUNT, 20, _LOADS, "How many messages.")
    at = Option("at", DURATION, 0.0, _LOADS, "When the first may be sent.")
    seconds = Option("for", DURATION, 30.0, _LOADS, "For how long after that; without it, to the end at most.")
    octets = Option("octets", SIZES, (100, 20_000), _LOADS, "Size of each.")
    recipient_count = Option("recipient_count", COUNTS, (1, 2), _LOADS, "Recipients of each.")
    session_mails = Option("session_mails", COUNTS, (1, 5), _LOADS, "Messages over one connection.")
    leaves = Option("leaves", SHARE, 0.0, _LOADS, "Share of messages whose first attempt their client breaks off.")
    notify = Option("notify", STRING, "", _LOADS, "NOTIFY of each recipient, where the server offers DSN.")
    chunks = Option(
        "chunks", SIZES, (0, 0), _LOADS, "Size of each chunk (BDAT), where the server offers CHUNKING; 0 is DATA."
    )
    carried = Option("protocol", CARRIED, Carried.SMTP.value, _LOADS, "What it is sent by.")
    keys = Option("keys", BOOLEAN, False, _LOADS, "Each has an idempotency key, where its protocol is not smtp.")


class MailOptions(Options):
    """Of one message."""

    source = Option("from", one("host", HOSTS), (), _MAILS, "The client it comes from. Required.")
    address = Option(
        "address", one("address", ADDRESSES), (), _MAILS, "The one of its client it comes from; without it, the first."
    )
    target = Option("to", PLACE, NO_PLACE, _MAILS, "Where it is sent: a host or an address, and a port. Required.")
    recipients = Option("recipients", PATHS, (), _MAILS, "Its forward-paths. Required.")
    sender = Option("sender", STRING, "sender@client.example", _MAILS, "Reverse-path; empty is the null one.")
    at = Option("at", DURATION, 0.0, _MAILS, "When it is sent first.")
    octets = Option("octets", SIZE, 400, _MAILS, "Its size.")
    session = Option("session", COUNT, 0, _MAILS, "Mails of one client with the same number share a connection.")
    leaves = Option(
        "leaves",
        one_of(*(leaving.value for leaving in Leaving)),
        Leaving.NEVER.value,
        _MAILS,
        "Where its client breaks the first attempt off: in the content, by silence in it, or before the answer to it.",
    )
    notify = Option("notify", STRING, "", _MAILS, "NOTIFY of each recipient (RFC 3461), where the server offers DSN.")
    chunks = Option(
        "chunks",
        LISTED_SIZES,
        (),
        _MAILS,
        "Sizes of its chunks before the last one (BDAT, RFC 3030), where the server offers CHUNKING; none is DATA.",
    )
    carried = Option("protocol", CARRIED, Carried.SMTP.value, _MAILS, "What it is sent by.")
    key = Option("key", STRING, "", _MAILS, "Its idempotency key, where its protocol is not smtp.")


_OPERATORS = scopes("operator")


class OperatorOptions(Options):
    """Of somebody at a console."""

    host = Option("console", one("host", HOSTS), (), _OPERATORS, "The host at whose console. Required.")
    count = Option("count", COUNT, 10, _OPERATORS, "How many conversations.")
    at = Option("at", DURATION, 0.0, _OPERATORS, "When the first may begin.")
    seconds = Option("for", DURATION, 30.0, _OPERATORS, "For how long after that; without it, to the end at most.")
    acts = Option(
        "does",
        words("acts"),
        tuple(act.value for act in Act),
        _OPERATORS,
        "What a conversation may be about, each seed a part of it: set an option; try something wrong; disable and"
        " enable a listen; switch it to another address; race for a commit; have a commit confirmed, or not; reload"
        " files; writeback; explain what a client gets. At a manager's console: broadcast; ask some nodes; retrieve;"
        " flush; membership; have the manager come anew.",
    )


_MEMBERS = scopes("members")


class MembersOptions(Options):
    """Of members of the bus."""

    hosts = Option("beside", HOSTS, (), _MEMBERS, "The hosts, which run the product. Required.")
    groups = Option("groups", words("groups"), (), _MEMBERS, "The groups they know. Required.")
    count = Option("count", COUNT, 40, _MEMBERS, "How many acts, of all of them, beside the first joins.")
    at = Option("at", DURATION, 0.0, _MEMBERS, "When they join first.")
    seconds = Option(
        "for", DURATION, 30.0, _MEMBERS, "For how long after that they act; without it, to the end at most."
    )


class AtOptions(Options):
    """Of one fault, beside its kind."""

    seconds = Option("for", DURATION, 0.0, scopes("at"), "How long it lasts; required where the list below says so.")
    amount = Option("amount", STRING, "", scopes("at"), "How much, for the kinds that say so below.")
    text = Option(
        "text",
        STRING,
        "",
        scopes("at"),
        "Of `console`: what is said, a line each (simulate.md has the kinds). Of `member`: what it does (cluster.md).",
    )


class SwarmOptions(Options):
    """Of faults to draw."""

    kinds = Option(
        "faults", words("kinds of fault"), (), scopes("swarm"), "The kinds drawn from, as At names them. Required."
    )
    hosts = Option("hosts", HOSTS, (), scopes("swarm"), "The hosts that may break; without it, all.")
    count = Option("count", COUNTS, (0, 8), scopes("swarm"), "How many faults.")
    seconds = Option("for", DURATIONS, (0.1, 10.0), scopes("swarm"), "How long each lasts.")
    at = Option("at", DURATION, 0.0, scopes("swarm"), "Nothing breaks before.")


class ExpectOptions(Options):
    """Of what must hold."""

    without = Option("without", MARKS, (), scopes("expect"), "Invariants that are not checked.")
    drained_within = Option(
        "drained_within", DURATION, 0.0, scopes("expect"), "From healing until spools are empty; 0 is worked out."
    )
    heal = Option(
        "heal",
        one_of(*(heal.value for heal in Heal)),
        Heal.ALL.value,
        scopes("expect"),
        "What is mended before liveness is judged: all, or the sufficient hosts and the links among them.",
    )
    sufficient = Option(
        "sufficient", HOSTS, (), scopes("expect"), "Hosts that must suffice when they alone are mended."
    )
    reported = Option(
        "reported", words("domains"), (), scopes("expect"), "Whoever sends from these domains must hear of failed mail."
    )
    duplicates = Option(
        "duplicates", SHARE, 1.0, scopes("expect"), "Share of second copies that a campaign may find at most."
    )
    marks = Option("marks", MARKS, (), scopes("expect"), "What a campaign over many seeds must have reached.")


@dataclass(frozen=True, slots=True)
class FaultForm:
    """How a kind of fault is written.

    amount: the kind of its amount, None when it has none; unit: what that is, in words. has_text: it has a text.
    """

    meaning: str
    amount: Kind[Any] | None = None
    unit: str = ""
    has_text: bool = False


FAULTS: Mapping[FaultKind, FaultForm] = {
    FaultKind.STOP: FaultForm("SIGTERM; started again when the time is over."),
    FaultKind.KILL: FaultForm("SIGKILL; started again when the time is over."),
    FaultKind.POWER: FaultForm("Power loss: unsynced writes are dropped, torn or kept; started again afterwards."),
    FaultKind.POWER_AT_STEP: FaultForm("Power loss in the middle of the disk's work.", COUNT, "more steps of the disk"),
    FaultKind.PAUSE: FaultForm("SIGSTOP, then SIGCONT: the kernel still acknowledges."),
    FaultKind.FREEZE: FaultForm("The whole machine stands still; its peers see timeouts."),
    FaultKind.SLOW_CPU: FaultForm("Each wake of a task takes longer.", DURATION, "at most so much"),
    FaultKind.CLOCK_STEP: FaultForm("The wall clock jumps.", OFFSET, "so much; back when negative"),
    FaultKind.DISK_FULL: FaultForm("No space is left.", SIZE, "octets that still fit"),
    FaultKind.DISK_ERROR: FaultForm("EIO on reads and writes.", SHARE, "share of them"),
    FaultKind.SYNC_ERROR: FaultForm("fsync fails and drops the dirty pages.", SHARE, "share of them"),
    FaultKind.DISK_SLOW: FaultForm("Every job of the disk takes longer.", DURATION, "so much"),
    FaultKind.READ_ONLY: FaultForm("EROFS on everything that writes."),
    FaultKind.BIT_ROT: FaultForm("One bit flips in the content of one message of the spool."),
    FaultKind.DESCRIPTORS: FaultForm("The process may open few more.", COUNT, "descriptors more than it has"),
    FaultKind.RESET: FaultForm("Every connection between the two is reset."),
    FaultKind.PARTITION: FaultForm("Nothing passes, both ways."),
    FaultKind.ONE_WAY: FaultForm("Nothing passes from the first to the second."),
    FaultKind.HOLD: FaultForm("What is sent waits, in order, until the end."),
    FaultKind.SLOW_LINK: FaultForm("More latency, and as much again of jitter.", DURATION, "so much"),
    FaultKind.DNS_SERVFAIL: FaultForm("A nameserver answers SERVFAIL, whatever it is asked."),
    FaultKind.DNS_SLOW: FaultForm("The answers of a nameserver come late.", DURATION, "so much"),
    FaultKind.DNS_LOST: FaultForm("A nameserver leaves questions unanswered.", SHARE, "share of them"),
    FaultKind.DNS_TRUNCATED: FaultForm("A nameserver answers over TCP alone: over UDP it says that it is too long."),
    FaultKind.SPLIT: FaultForm("Nothing passes between these and all other nodes, both ways."),
    FaultKind.SPLIT_ONE_WAY: FaultForm("Nothing passes from these to all other nodes."),
    FaultKind.CONSOLE: FaultForm("Not a fault: a command is said to the admin console.", has_text=True),
    FaultKind.MEMBER: FaultForm("Not a fault: the member of the bus beside the node does something.", has_text=True),
}

FAULT_OPTIONS: Mapping[FaultKind, Option[tuple[str, ...]]] = {
    kind: Option(kind.value, HOSTS, (), scopes("at"), form.meaning) for kind, form in FAULTS.items()
}

GROUPS: Mapping[str, type[Options]] = {
    "simulation": SimulationOptions,
    "host": HostOptions,
    "file": FileOptions,
    "behaviour": BehaviourOptions,
    "name": NameOptions,
    "link": LinkOptions,
    "load": LoadOptions,
    "mail": MailOptions,
    "operator": OperatorOptions,
    "members": MembersOptions,
    "at": AtOptions,
    "swarm": SwarmOptions,
    "expect": ExpectOptions,
}


def schema() -> Schema:
    """All names of a scenario file."""
    rows = [
        {
            "kind": "scope",
            "name": form.name,
            "scopes": [form.inside],
            "type": "scope(named)" if form.instance else "scope",
            "role": "simulation",
            "description": form.meaning,
        }
        for form in SCOPES
    ]
    declared = [option for group in GROUPS.values() for option in group.declared]
    return Schema.of(rows, [*declared, *FAULT_OPTIONS.values()])


def lasts(kind: FaultKind) -> bool:
    """Whether faults of *kind* must have a duration."""
    return kind not in INSTANT


def may_last(kind: FaultKind) -> bool:
    """Whether they may have one: the outage behind ``power_at_step`` has one of its own."""
    return lasts(kind) or kind is FaultKind.POWER_AT_STEP


def is_between(kind: FaultKind) -> bool:
    """Whether faults of *kind* lie between two hosts."""
    return kind in PAIR_KINDS


def is_one(kind: FaultKind) -> bool:
    """Whether all the hosts of a fault of *kind* make one fault, and not one each."""
    return kind in PAIR_KINDS | SPLITS
