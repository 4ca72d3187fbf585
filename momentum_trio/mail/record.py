"""What happened, as values: the machine's events, from which logs, metrics, traces and checkers are fed.

Times are Unix seconds of the host's wall clock. Paths are ``local-part@domain``; the null reverse-path is empty.
Formats on disk are spec/logs.md's and live in ``log/``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Level(Enum):
    """Weight of a paniclog line (the debug levels of spec/logs.md section 7)."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    NOTICE = "NOTICE"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


@dataclass(frozen=True, slots=True)
class Record:
    """Base of all records. at: when it happened."""

    at: float


@dataclass(frozen=True, slots=True)
class MessageRecord(Record):
    """A record about one message (one recipient of one accepted transaction)."""

    message_id: str
    batch_id: str
    connection_id: str
    forward_path: str
    reverse_path: str
    binding_group: str
    binding: str


@dataclass(frozen=True, slots=True)
class Received(MessageRecord):
    """``R``: custody was taken. octets: content as stored; protocol: ``esmtp``, ``ecstream``, ``rest``, ..."""

    peer_address: str
    octets: int
    protocol: str


@dataclass(frozen=True, slots=True)
class Delivered(MessageRecord):
    """``D``: handed on. routing_domain; retries so far; seconds since reception; address that accepted it."""

    routing_domain: str
    octets: int
    retries: int
    age_seconds: float
    peer_address: str


@dataclass(frozen=True, slots=True)
class Transferred(Delivered):
    """``X``: handed on to another node of the cluster; the fields are those of ``D``."""


@dataclass(frozen=True, slots=True)
class Failed(MessageRecord):
    """``T`` (transient) or ``P`` (permanent): an attempt failed. stage: spec/logs.md section 9.

    octets: sent in this attempt; message_octets: of the content. received_at: when custody of the message was taken.
    """

    permanent: bool
    routing_domain: str
    octets: int
    stage: int
    retries: int
    age_seconds: float
    peer_address: str
    reason: str
    message_octets: int = 0
    received_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Rejected(Record):
    """A refusal or deferral said to a client: one line of the rejectlog (spec/logs.md section 5).

    remote, local: ``address:port``, or the path of a Unix socket. phase: console.md section 7's words.
    module: the check or part that decided. connection_context, message_context: the dictionaries.
    protocol: as Received's; of its listener, where none was spoken yet.
    """

    remote: str
    local: str
    connection_id: str
    pathway: str
    pathway_group: str
    phase: str
    code: int
    module: str
    text: str
    connection_context: tuple[tuple[str, str], ...] = ()
    message_context: tuple[tuple[str, str], ...] = ()
    protocol: str = ""


class ImportResult(Enum):
    """How the take-over of one message from another spool ended (spec/logs.md section 10)."""

    TAKEN = 1
    ENVELOPE_UNREADABLE = 2
    CONTENT_UNREADABLE = 3
    NOT_WRITTEN = 4


@dataclass(frozen=True, slots=True)
class Imported(Record):
    """importlog ``I``: of a message of the spool at *directory*. new_id: what it is called here, empty if not taken."""

    old_id: str
    new_id: str
    result: ImportResult
    directory: str


@dataclass(frozen=True, slots=True)
class Panic(Record):
    """One line of the paniclog."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class Authenticated(Record):
    """acctlog ``N``: somebody proved (or failed to prove) who he is at *listener*'s endpoint.

    expired: ``T``, he did not do so in time.
    """

    endpoint: str
    peer: str
    user: str
    accepted: bool
    expired: bool = False


@dataclass(frozen=True, slots=True)
class Authorized(Record):
    """acctlog ``Z``: a console command was allowed or refused. role: the one that allowed it, or empty."""

    endpoint: str
    peer: str
    user: str
    accepted: bool
    command: str
    role: str = ""


@dataclass(frozen=True, slots=True)
class Requested(Record):
    """A request over HTTP was answered: one line of the httplog (spec/logs.md section 8).

    method, target, version: as sent; empty where what came was no request. status: of the answer. octets: of the
    answer, its head included. seconds: from the head of the request to the end of the answer. user: who asked, empty
    for nobody in particular. is_for_paniclog: the paniclog has a line of it as well.
    """

    connection_id: str
    endpoint: str
    peer: str
    method: str
    target: str
    version: str
    status: int
    octets: int
    seconds: float
    user: str = ""
    is_for_paniclog: bool = False


@dataclass(frozen=True, slots=True)
class SessionBegan(Record):
    """A connection was accepted. service: ``SMTP``, ``Control``, ..."""

    service: str
    connection_id: str
    endpoint: str
    peer: str


@dataclass(frozen=True, slots=True)
class SessionEnded(Record):
    """A connection is over; octets each way, and why in a word.

    The words: ``quit``, ``closed``, ``idle``, ``drain``, ``fault``.
    """

    service: str
    connection_id: str
    octets_received: int
    octets_sent: int
    why: str


@dataclass(frozen=True, slots=True)
class ListenOpened(Record):
    """A socket was bound. endpoint: as bound (the port the kernel chose, where the configuration said 0)."""

    listener: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class ListenClosed(Record):
    """A socket was closed; sessions accepted from it may go on."""

    listener: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class Reconfigured(Record):
    """A generation of the configuration took effect. changes: the set/unset lines, secrets masked."""

    generation: int
    changes: tuple[str, ...] = field(default=())
