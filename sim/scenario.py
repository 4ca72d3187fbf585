"""A scenario as plain data: what there is, who sends what and when, what breaks and when, what must hold.

``Load``, ``Operator``, ``Members`` and ``Swarm`` describe many messages, acts and faults; ``draw`` (draw.py) turns
them, with a seed, into a plain list of ``Mail`` and ``Fault``, and a scenario with none of them is *concrete*: a run of
it draws no fault and no message any more, so that one of them can be taken away without changing the others. All times
are virtual seconds from the start of the load, which begins when every host is started.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

MAILS_MAX, FAULTS_MAX, HOSTS_MAX = 100_000, 10_000, 200


class Program(Enum):
    """What runs on a host."""

    ECELERITY = "ecelerity"  # the product, from a real configuration
    ECCMGR = "eccmgr"  # a cluster's manager, from a real configuration
    CLIENT = "client"  # where mail comes from
    SINK = "sink"  # an SMTP server of the simulator's own that keeps what it gets
    NAMESERVER = "nameserver"  # DNS for all the names of the world


CONFIGURED = frozenset({Program.ECELERITY, Program.ECCMGR})
"""What reads a configuration."""


class Carried(Enum):
    """What a client speaks."""

    SMTP = "smtp"
    ECSTREAM = "ecstream"
    HTTP = "http"


class Leaving(Enum):
    """Where a client breaks its first attempt to send a mail off, by itself. Later ones it sees through."""

    NEVER = "never"
    CONTENT = "content"  # in the middle of the content: the connection ends, as when a process dies
    SILENCE = "silence"  # before the end of the content: the connection stays, and nothing is said any more
    ANSWER = "answer"  # after the content, before the answer: the connection is reset


class Turn(Enum):
    """Where in a session a sink behaves as a ``Behaviour`` says."""

    CONNECT = "connect"  # instead of its greeting
    EHLO = "ehlo"  # HELO and LHLO too
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"  # not met where the content comes with BDAT
    CONTENT = "content"  # all of it is there, nothing is kept yet
    STORED = "stored"  # it is kept, durably, and nothing is said of it yet


class Way(Enum):
    """What a sink does there."""

    ANSWER = "answer"
    CLOSE = "close"  # ends the connection without a word
    RESET = "reset"  # the same with a reset
    SILENCE = "silence"  # says nothing any more, and stays


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a sink does instead of accepting. The first of its host's that applies counts.

    reply: of ANSWER; empty: as ever, only later. after_seconds: before it. recipients: patterns (``*@slow.example``);
    at RCPT the recipient's, at DATA and after it that of any recipient, before RCPT of none; empty: whoever it is.
    share: of the occasions, drawn. times: for one sender and recipient only the first so often (1 is greylisting);
    0: always. mails: only in a session that has brought so many messages.
    """

    name: str
    turn: Turn
    way: Way = Way.ANSWER
    reply: str = ""
    after_seconds: float = 0.0
    recipients: tuple[str, ...] = ()
    share: float = 1.0
    times: int = 0
    mails: int = 0


@dataclass(frozen=True, slots=True)
class SinkPlan:
    """How a sink is. offers: the extensions it knows, others are errors there. lmtp: speaks LMTP (RFC 2033).

    backlog: connections that come about or wait to be accepted; a SYN beyond is lost, and sent again a second later.
    """

    ports: tuple[int, ...] = (25,)
    offers: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SIZE")
    lmtp: bool = False
    behaviours: tuple[Behaviour, ...] = ()
    backlog: int = 100


class DnsAnswer(Enum):
    """How questions about a name are answered."""

    TRUE = "true"
    SERVFAIL = "servfail"
    REFUSED = "refused"
    NXDOMAIN = "nxdomain"


class FaultKind(Enum):
    """Everything that can break; the value is its name in a scenario file.

    What a fault's *targets* are: hosts, or for the last group two hosts. *amount*: as said; otherwise it has none.
    """

    STOP = "stop"  # SIGTERM; started again when the time is over
    KILL = "kill"  # SIGKILL; started again when the time is over
    POWER = "power"  # power loss; unsynced writes are dropped, torn or kept; started again when the time is over
    POWER_AT_STEP = "power_at_step"  # power loss when *amount* more steps of the disk have been made
    PAUSE = "pause"  # SIGSTOP, then SIGCONT
    FREEZE = "freeze"  # the whole machine stands still
    SLOW_CPU = "slow_cpu"  # each wake of a task takes up to *amount* seconds
    CLOCK_STEP = "clock_step"  # the wall clock jumps by *amount* seconds; no duration
    DISK_FULL = "disk_full"  # ENOSPC after *amount* more octets
    DISK_ERROR = "disk_error"  # EIO on every write and read with probability *amount*
    SYNC_ERROR = "sync_error"  # every fsync fails with probability *amount* and drops the dirty pages
    DISK_SLOW = "disk_slow"  # every job takes *amount* seconds more
    READ_ONLY = "read_only"  # EROFS on everything that writes
    BIT_ROT = (
        "bit_rot"  # one bit flips inside the content of one message kept in the spool (Fault.mail says which was hit)
    )
    DESCRIPTORS = "descriptors"  # the process may have only *amount* descriptors more than it has now
    RESET = "reset"  # every connection between the two is reset; no duration
    PARTITION = "partition"  # nothing passes, both ways
    ONE_WAY = "one_way"  # nothing passes from the first to the second
    HOLD = "hold"  # what is sent waits, in order, until the end
    SLOW_LINK = "slow_link"  # *amount* seconds more of latency, as much again of jitter
    DNS_SERVFAIL = "dns_servfail"  # a nameserver answers everything with SERVFAIL
    DNS_SLOW = "dns_slow"  # each of its answers comes *amount* seconds late
    DNS_LOST = "dns_lost"  # that share of the questions it gets is lost
    DNS_TRUNCATED = "dns_truncated"  # over UDP it answers nothing but that the answer is too long
    SPLIT = "split"  # nothing passes between *targets* and the other nodes, both ways
    SPLIT_ONE_WAY = "split_one_way"  # nothing passes from *targets* to the other nodes
    CONSOLE = "console"  # not a fault: *text* is said to the admin console of the host
    MEMBER = "member"  # not a fault: the bus member beside the node does *text* (acts.py)


PAIRS = frozenset({FaultKind.RESET, FaultKind.PARTITION, FaultKind.ONE_WAY, FaultKind.HOLD, FaultKind.SLOW_LINK})
"""The kinds that lie between two hosts."""

SPLITS = frozenset({FaultKind.SPLIT, FaultKind.SPLIT_ONE_WAY})
"""The kinds that lie between some nodes and all the others. A node is a host that runs the product."""

SAID = frozenset({FaultKind.CONSOLE, FaultKind.MEMBER})
"""What is no fault: somebody has a node, or a member of its bus, do something."""

NAME_FAULTS = frozenset({FaultKind.DNS_SERVFAIL, FaultKind.DNS_SLOW, FaultKind.DNS_LOST, FaultKind.DNS_TRUNCATED})
"""The kinds that strike a nameserver."""

INSTANT = frozenset({FaultKind.CLOCK_STEP, FaultKind.RESET, FaultKind.BIT_ROT, FaultKind.POWER_AT_STEP, *SAID})
"""The kinds without a duration."""


@dataclass(frozen=True, slots=True)
class HostPlan:
    """A host. config: path on the host of what ``ecelerity`` reads; files: what its disk holds before it boots.

    folders: those its disk has besides, because the configuration puts a socket there.

    file_sources: for a file of *files* that did not stand in the scenario file: where it was read from, as the scenario
    file wrote it; empty when the configuration named it. root: the folder that stood for the host's ``/``.
    """

    name: str
    addresses: tuple[str, ...]
    program: Program = Program.ECELERITY
    config: str = ""
    config_source: str = ""  # the path as the scenario file wrote it
    root: str = ""
    files: tuple[tuple[str, bytes], ...] = ()
    folders: tuple[str, ...] = ()
    file_sources: tuple[tuple[str, str], ...] = ()
    users: tuple[tuple[str, int], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    clock_skew_seconds: float = 0.0
    clock_rate: float = 1.0
    sink: SinkPlan = SinkPlan()


@dataclass(frozen=True, slots=True)
class NamePlan:
    """A name of the world beside those of its hosts; ``*.example`` is every name below that has no Name of its own.

    hosts: those whose addresses it has; none, and nothing else: it is known to nobody. mx: ``10 mx.example``, each.
    records: other ones, as in a master file without name and class (``TXT "v=spf1 -all"``). answer, after_seconds,
    lost, truncated: how questions about it are treated; lost: the share of them that is never answered.
    """

    name: str
    hosts: tuple[str, ...] = ()
    mx: tuple[str, ...] = ()
    records: tuple[str, ...] = ()
    answer: DnsAnswer = DnsAnswer.TRUE
    after_seconds: float = 0.0
    lost: float = 0.0
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class LinkPlan:
    """Both directions between two hosts. octets_per_second: 0 is without bound. loss: share of datagrams lost."""

    one: str
    other: str
    latency_seconds: float = 0.001
    jitter_seconds: float = 0.0
    octets_per_second: float = 0.0
    loss: float = 0.0


@dataclass(frozen=True, slots=True)
class Mail:
    """One message a client will send until it is answered for good (2xx or 5xx) or the run ends.

    name: unique, in the content too. source: host; target: host or address, and port. session: mails of one client to
    one target with the same number go over one connection, one after the other, by their times. source_address: the
    one of *source* that the connection comes from; empty: its first. leaves: where the first attempt ends. notify: the
    NOTIFY parameter of each RCPT (RFC 3461), where the server offers DSN; empty: none. chunks: octets of each chunk
    of its content before the last one, where the server offers CHUNKING (RFC 3030); none: it is sent by DATA.
    carried: by what; chunks are those of its protocol. key: of idempotency, but not by SMTP; empty: none.
    """

    name: str
    at_seconds: float
    source: str
    target: str
    port: int
    forward_paths: tuple[str, ...]
    reverse_path: str = "sender@client.example"
    octets: int = 400
    session: int = 0
    source_address: str = ""
    leaves: Leaving = Leaving.NEVER
    notify: str = ""
    chunks: tuple[int, ...] = ()
    carried: Carried = Carried.SMTP
    key: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """Many messages: *count* of them between *at_seconds* and *seconds* later, drawn from the ranges.

    forward_paths: in each, ``{1..1000}`` stands for one number of these, drawn.

    source_addresses: a session comes from one of these; empty: from its host's first. leaves: share of the messages
    whose first attempt the client breaks off. chunks: between how many octets a chunk of their content has; 0: DATA.
    carried: by what protocol. keys: each has an idempotency key; a client numbers his, as others number theirs.
    """

    name: str
    source: tuple[str, ...]
    target: str
    port: int = 25
    count: int = 20
    at_seconds: float = 0.0
    seconds: float = 30.0
    octets: tuple[int, int] = (100, 20_000)
    recipients: tuple[int, int] = (1, 2)
    forward_paths: tuple[str, ...] = ()  # drawn from these
    reverse_path: str = "sender@client.example"
    session_mails: tuple[int, int] = (1, 5)
    source_addresses: tuple[str, ...] = ()
    leaves: float = 0.0
    notify: str = ""
    chunks: tuple[int, int] = (0, 0)
    carried: Carried = Carried.SMTP
    keys: bool = False


class Act(Enum):
    """Something an operator does at a console; the value is its name in a scenario file."""

    SET = "set"  # one option, to a good value
    WRONG = "wrong"  # what has to be refused: no such option or value, an address or a file that is not there
    LISTEN = "listen"  # a Listen is disabled, and enabled again
    SWITCH = "switch"  # from the Listen of any address to that of the host's own, and back
    RACE = "race"  # two sessions at once, each with a transaction
    CONFIRMED = "confirmed"  # commit confirmed: with and without the word that keeps it, or the session is lost
    RELOAD = "reload"  # of changed files: good, wrong, and cut short
    WRITEBACK = "writeback"  # what holds goes into the files
    EXPLAIN = "explain"  # why is what this client sends taken, or not?
    BROADCAST = "broadcast"  # at a manager's: commands to all nodes, and their answers
    SOME = "some"  # at a manager's: the same for one node, or those of a subcluster
    RETRIEVE = "retrieve"  # at a manager's: answers to what may have been asked before
    FLUSH = "flush"  # at a manager's: all that is forgotten
    MEMBERSHIP = "membership"  # at a manager's: who is there
    ANEW = "anew"  # at a manager's: it leaves the cluster and comes again


AT_A_MANAGER = frozenset({Act.BROADCAST, Act.SOME, Act.RETRIEVE, Act.FLUSH, Act.MEMBERSHIP, Act.ANEW})
"""What is done at the console of a manager; the other acts are done at that of a node."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who works at the console of *host*: *count* conversations between *at_seconds* and *seconds* later.

    acts: of those, what can be done at the console of such a host.
    """

    name: str
    host: str
    count: int = 10
    at_seconds: float = 0.0
    seconds: float = 30.0
    acts: tuple[Act, ...] = tuple(Act)


@dataclass(frozen=True, slots=True)
class Members:
    """A member of the bus beside each of *hosts*; *count* acts of theirs between *at_seconds* and *seconds* later."""

    name: str
    hosts: tuple[str, ...]
    groups: tuple[str, ...]
    count: int = 40
    at_seconds: float = 0.0
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that breaks at *at_seconds* and is mended *seconds* later (0 for a kind without duration).

    one_in: for kinds that strike by probability see *amount*. text: what is said or done, of ``SAID``.
    """

    kind: FaultKind
    at_seconds: float
    targets: tuple[str, ...]
    seconds: float = 0.0
    amount: float = 0.0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Swarm:
    """What ``draw`` draws faults from.

    kinds: with swarm testing each seed takes a drawn subset of them and drawn rates. hosts: those that may break.
    count: the range of the number of faults. Nothing begins before *at_seconds* or after the scenario's duration.
    """

    kinds: tuple[FaultKind, ...]
    hosts: tuple[str, ...] = ()
    count: tuple[int, int] = (0, 8)
    seconds: tuple[float, float] = (0.1, 10.0)
    at_seconds: float = 0.0


class Heal(Enum):
    """What is mended before liveness is judged."""

    ALL = "all"
    SUFFICIENT = "sufficient"  # only the hosts of ``Expect.sufficient`` and the links among them; the rest stays broken


@dataclass(frozen=True, slots=True)
class Expect:
    """What must hold. invariants: names of checks that are switched off. drained_within_seconds: 0 means computed."""

    without: tuple[str, ...] = ()
    drained_within_seconds: float = 0.0
    heal: Heal = Heal.ALL
    sufficient: tuple[str, ...] = ()
    reported: tuple[str, ...] = ()  # domains of reverse-paths: whoever sent from there must hear of failed mail
    duplicates: float = 1.0  # the share of second copies that a campaign may find
    marks: tuple[str, ...] = ()  # sometimes-assertions: a campaign over many seeds must have seen each


@dataclass(frozen=True, slots=True)
class Scenario:
    """All of it. source: the path of the file it came from, for messages and for writing relative paths.

    seed: what a run takes when none is named. unreachable: addresses and blocks at which nobody is, on purpose.
    """

    hosts: tuple[HostPlan, ...]
    links: tuple[LinkPlan, ...] = ()
    names: tuple[NamePlan, ...] = ()
    mails: tuple[Mail, ...] = ()
    loads: tuple[Load, ...] = ()
    operators: tuple[Operator, ...] = ()
    members: tuple[Members, ...] = ()
    faults: tuple[Fault, ...] = ()
    swarm: Swarm | None = None
    expect: Expect = field(default_factory=Expect)
    duration_seconds: float = 60.0
    short_share: float = 0.0  # of reads and writes cut short
    seed: int = 1
    unreachable: tuple[str, ...] = ()
    source: str = ""

    @property
    def concrete(self) -> bool:
        """Whether nothing is left to draw."""
        return not (self.loads or self.operators or self.members) and self.swarm is None

    @property
    def acts(self) -> tuple[Fault, ...]:
        """What members of the bus do. The other *faults* break something, or are said."""
        return tuple([fault for fault in self.faults if fault.kind is FaultKind.MEMBER])

    def host(self, name: str) -> HostPlan:
        """The host of that name. KeyError."""
        for plan in self.hosts:
            if plan.name == name:
                return plan
        raise KeyError(name)
