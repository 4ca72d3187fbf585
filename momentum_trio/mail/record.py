"""What happened, as values: the machine's events, from which logs, metrics, traces and checkers are fed.

Times are Unix seconds of the host's wall clock. Paths are ``local-part@domain``; the null reverse-path is empty.
Formats on disk are spec/logs.md's and live in ``log/``.
"""

from __future__ import annotations

from enum import Enum

import msgspec


class Level(Enum):
    """Weight of a paniclog line (the debug levels of spec/logs.md section 7)."""

    DEBUG = "DEBUG"
    INFO = "INFO"
    NOTICE = "NOTICE"
    WARNING = "WARNING"
    ERROR = "ERROR"
    CRITICAL = "CRITICAL"


class Record(msgspec.Struct, frozen=True, gc=False):
    """Base of all records. at: when it happened."""

    at: float


class MessageRecord(Record, frozen=True):
    """A record about one message (one recipient of one accepted transaction)."""

    message_id: str
    batch_id: str
    connection_id: str
    forward_path: str
    reverse_path: str
    binding_group: str
    binding: str


class Received(MessageRecord, frozen=True):
    """``R``: custody was taken. octets: content as stored; protocol: ``esmtp``, ``ecstream``, ``rest``, ..."""

    peer_address: str
    octets: int
    protocol: str


class Delivered(MessageRecord, frozen=True):
    """``D``: handed on. routing_domain; retries so far; seconds since reception; address that accepted it."""

    routing_domain: str
    octets: int
    retries: int
    age_seconds: float
    peer_address: str


class Transferred(Delivered, frozen=True):
    """``X``: handed on to another node of the cluster; the fields are those of ``D``."""


class Failed(MessageRecord, frozen=True):
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


class Rejected(Record, frozen=True):
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


class Imported(Record, frozen=True):
    """importlog ``I``: of a message of the spool at *directory*. new_id: what it is called here, empty if not taken."""

    old_id: str
    new_id: str
    result: ImportResult
    directory: str


class Panic(Record, frozen=True):
    """One line of the paniclog."""

    level: Level
    text: str


class Authenticated(Record, frozen=True):
    """acctlog ``N``: somebody proved (or failed to prove) who he is at *listener*'s endpoint.

    expired: ``T``, he did not do so in time.
    """

    endpoint: str
    peer: str
    user: str
    accepted: bool
    expired: bool = False


class Authorized(Record, frozen=True):
    """acctlog ``Z``: a console command was allowed or refused. role: the one that allowed it, or empty."""

    endpoint: str
    peer: str
    user: str
    accepted: bool
    command: str
    role: str = ""


class Requested(Record, frozen=True):
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


class SessionBegan(Record, frozen=True):
    """A connection was accepted. service: ``SMTP``, ``Control``, ..."""

    service: str
    connection_id: str
    endpoint: str
    peer: str


class SessionEnded(Record, frozen=True):
    """A connection is over; octets each way, and why in a word.

    The words: ``quit``, ``closed``, ``idle``, ``drain``, ``fault``.
    """

    service: str
    connection_id: str
    octets_received: int
    octets_sent: int
    why: str


class ListenOpened(Record, frozen=True):
    """A socket was bound. endpoint: as bound (the port the kernel chose, where the configuration said 0)."""

    listener: str
    endpoint: str


class ListenClosed(Record, frozen=True):
    """A socket was closed; sessions accepted from it may go on."""

    listener: str
    endpoint: str


class Reconfigured(Record, frozen=True):
    """A generation of the configuration took effect. changes: the set/unset lines, secrets masked."""

    generation: int
    changes: tuple[str, ...] = ()
