"""The other parts of the machine as contracts: clock, entropy, work, TLS, nameservers, adopted sockets, processes."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

import trio

from momentum_trio.machine.facts import MemoryFacts, SystemFacts
from momentum_trio.net.capability import Capabilities
from momentum_trio.net.tls_terms import TlsTerms

if TYPE_CHECKING:
    from momentum_trio.machine import Machine

T = TypeVar("T")

TlsContext: TypeAlias = ssl.SSLContext

MESSAGE_OCTETS_MAX = 65_536
MESSAGE_SOCKETS_MAX = 253  # SCM_MAX_FD, unix(7)


class Clock(Protocol):
    """The host's wall clock, which may step. For waiting and for deadlines use trio's own clock."""

    def now(self) -> float:
        """Unix seconds."""
        ...


class Entropy(Protocol):
    """Where randomness comes from: of the operating system here, of the seed in a simulation."""

    def octets(self, count: int) -> bytes:
        """*count* octets nobody can guess."""
        ...

    def fraction(self) -> float:
        """A number from 0 up to but not including 1, for jitter and spreading; not for secrets."""
        ...


class Work(Protocol):
    """Blocking work that is not disk work (password hashing, name service look-ups)."""

    async def run(self, function: Callable[[], T]) -> T:
        """Run *function* in a worker, within the limiter of this part. Cancellation: waits for *function* to end."""
        ...


class DatabaseFault(OSError):
    """A database does not answer: it is missing, damaged, locked, or does not understand the query."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an answer: what its columns are called, and what they hold."""

    names: tuple[str, ...]
    values: tuple[str | bytes | int | float | None, ...]


class Databases(Protocol):
    """SQLite databases of others, which are asked and never written."""

    async def ask(self, path: str, query: str, values: Mapping[str, str], rows_max: int) -> list[Row]:
        """The first *rows_max* rows that *query* has in the database at *path*, which is opened for it alone.

        values: of the parameters in *query*, by name; they are bound, and never a part of its text.
        Raises: DatabaseFault, also for a query that would change something, opens another database, takes too many
        steps, or has too large a value in its answer. Cancellation: waits for the query to end.
        """
        ...


@dataclass(frozen=True, slots=True)
class ClientTlsTerms:
    """What a client's context is made from: paths of PEM files and the words of the TLS_* options.

    verify: whether the server has to show a certificate of one of *authorities*, or, where that is empty, of those that
    this system trusts. Names are not judged here.
    """

    verify: bool = False
    authorities: str = ""
    certificate: str = ""
    key: str = ""
    ciphers: str = "DEFAULT"
    protocols: str = "+ALL"

    @property
    def files(self) -> tuple[str, ...]:
        """The paths that a context of these terms is read from, each once."""
        wanted = (self.authorities if self.verify else "", self.certificate, self.key if self.certificate else "")
        return tuple(dict.fromkeys(path for path in wanted if path))


class Tls(Protocol):
    """Makes TLS contexts; the only importer of ``ssl.SSLContext``."""

    async def server_context(self, terms: TlsTerms) -> ssl.SSLContext:
        """A context for the server's side. Each has session tickets of its own: none is good for another's sessions.

        Raises: OSError or ssl.SSLError when the files do not serve, ValueError for a word TLS_* options do not have.
        """
        ...

    async def client_context(self, terms: ClientTlsTerms) -> TlsContext:
        """A context for the client's side, which judges no names.

        Raises: OSError or ssl.SSLError when the files do not serve, ValueError for a word TLS_* options do not have.
        """
        ...


class Nameservers(Protocol):
    """Which DNS servers this host asks; one resolver per node is made from them."""

    def addresses(self) -> Sequence[str]:
        """IP addresses, the preferred one first."""
        ...


class Adopted(Protocol):
    """Listening sockets somebody opened for us (systemd, a parent that hands over)."""

    def listeners(self) -> Mapping[str, Sequence[trio.socket.SocketType]]:
        """The sockets by the name they were given; each is taken once, a second call finds none."""
        ...


class Wire(Protocol):
    """Octets each way. One task sends, one receives, at a time; ``trio.socket.SocketType`` is one.

    Raises: OSError, when the connection is good for nothing any more; ClosedResourceError, when it is closed meanwhile.
    """

    def send(self, octets: bytes | memoryview, /) -> Awaitable[int]:
        """Send the first of *octets*, at least one; how many. It need not be a checkpoint."""
        ...

    def recv(self, octets_max: int, /) -> Awaitable[bytes]:
        """Octets that came, at most so many; none when there will be no more. A checkpoint."""
        ...

    def recv_into(self, buffer: memoryview, /) -> Awaitable[int]:
        """The same into *buffer*, which is not empty; how many. Cancellation: *buffer* may hold some."""
        ...


def socket_itself(socket: trio.socket.SocketType) -> Wire:
    """The plainest way to make a wire of a connected socket."""
    return socket


class ProcessLink(Protocol):
    """One end of a conversation between two processes of one host. One task sends, one receives, at a time."""

    async def send(self, octets: bytes, sockets: Sequence[trio.socket.SocketType] = ()) -> None:
        """Hand over one message, and sockets with it, each of which listens or is connected.

        The sockets stay open here as well: both processes have them then, and what is accepted by one is not by the
        other. A listening socket listens until neither has it.
        octets: 1 to MESSAGE_OCTETS_MAX; sockets: up to MESSAGE_SOCKETS_MAX; ValueError otherwise. Waits while too much
        is unread. Raises: BrokenResourceError when the other end is gone; ClosedResourceError when ours is.
        Cancellation: then the message was not sent.
        """
        ...

    async def receive(self) -> tuple[bytes, Sequence[trio.socket.SocketType]]:
        """The next message.

        Raises: EndOfChannel when the other end is closed or its process dead, after all that it sent; OSError (EMFILE)
        when this process has no descriptors left for the sockets: the message is lost; ClosedResourceError.
        """
        ...

    def close(self) -> None:
        """Close this end; a second call does nothing."""
        ...


Role: TypeAlias = "Callable[[Machine, ProcessLink], Awaitable[None]]"
Roles: TypeAlias = Mapping[str, Role]


def check_message(octets: bytes, sockets: Sequence[trio.socket.SocketType]) -> None:
    """ValueError for what no link carries."""
    if not 0 < len(octets) <= MESSAGE_OCTETS_MAX or len(sockets) > MESSAGE_SOCKETS_MAX:
        raise ValueError(f"a message of {len(octets)} octets and {len(sockets)} sockets")


class Child(Protocol):
    """A process we started. Whoever starts one waits for its end."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    @property
    def link(self) -> ProcessLink:
        """Our end of the conversation with it."""
        ...

    def signal(self, name: str) -> None:
        """Send it a signal (``SIGTERM``); nothing happens when it has ended."""
        ...

    async def wait(self) -> int:
        """Wait for its end. Returns 0 when its role returned, less the number of the signal it died of, else 1."""
        ...


class Spawn(Protocol):
    """Starts other processes of this program on the same host, in roles the machine was made with.

    A role is a function at the top of a module (the child imports it by that name), called with the child's machine and
    its end of the link. The child ends when it returns; with an exception that leaves it, the child fails. The child's
    machine has no roles of its own. That one side is dead is said to the other by EndOfChannel, and by nothing else.
    """

    async def __call__(self, role: str, sockets: Sequence[trio.socket.SocketType] = ()) -> Child:
        """Start a child in *role*; the first message it receives is the role's name, and *sockets*.

        Raises: LookupError for a role there is not, ValueError as ``send`` does, OSError when no process can be had.
        Cancellation: there is no child then.
        """
        ...


class Gate(Protocol):
    """Closes a listening TCP socket to newcomers while those in its queue are still accepted (DESIGN.md, walk 3)."""

    def shut(self, listening: trio.socket.SocketType) -> bool:
        """Let nothing new reach *listening*; whether this host can. A client held off tries again after a second."""
        ...

    def open(self, listening: trio.socket.SocketType) -> None:
        """Take that back; nothing happens when it was not shut."""
        ...


@dataclass(frozen=True, slots=True)
class Plumbed:
    """An address that is up. prefix: bits of its mask."""

    address: str
    interface: str
    prefix: int


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A host on a link of ours. hardware: ``00:e0:81:63:5c:e8``. seconds: since it was last known to be there."""

    address: str
    hardware: str
    seconds: float


class Addresses(Protocol):
    """Plumbing of addresses on interfaces (DuraVIP).

    prefix: bits of the mask; None: the host alone. Raises: OSError: EPERM without the right to; ENODEV: there is no
    such interface; EEXIST for an address that is up there, EADDRNOTAVAIL for one that is not.
    """

    async def up(self) -> Sequence[Plumbed]:
        """All addresses that are up on this host."""
        ...

    async def add(self, address: str, interface: str, prefix: int | None = None, seconds: float | None = None) -> None:
        """Bring *address* up on *interface*. seconds: it goes down by itself then, unless it is renewed: whatever
        becomes of this process, it is not up for ever.
        """
        ...

    async def renew(self, plumbed: Sequence[Plumbed], seconds: float) -> None:
        """Let these, which ``up`` has just named, be up for *seconds* from now."""
        ...

    async def remove(self, address: str, interface: str, prefix: int | None = None) -> None:
        """Take *address* down."""
        ...

    async def announce(self, address: str, interface: str, *, to_all: bool = True) -> None:
        """Tell the link of *interface* that *address* is here: everybody, or only the neighbours this host knows.

        Gratuitous ARP (RFC 5227), or an unsolicited neighbour advertisement (RFC 4861 section 7.2.6).
        """
        ...

    async def neighbours(self) -> Sequence[Neighbour]:
        """The hosts that this one has lately talked to on its links."""
        ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom a process becomes: numbers, so that nothing has to be looked up any more, and what it may still do."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    capabilities: Capabilities


class Process(Protocol):
    """Facts about the process, and what only a process can do."""

    @property
    def hostname(self) -> str:
        """The host's name, as gethostname() gives it."""
        ...

    @property
    def pid(self) -> int:
        """The process id."""
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables it was started with."""
        ...

    def descriptors_max(self) -> int:
        """How many descriptors it may have open (RLIMIT_NOFILE)."""
        ...

    def raise_descriptors_max(self, wanted: int) -> int:
        """Ask for *wanted* descriptors; returns what was granted."""
        ...

    def user_name(self, uid: int) -> str:
        """The login name of *uid*, or its decimal digits when it has none."""
        ...

    def umask(self, mask: int) -> AbstractContextManager[None]:
        """Hold the file mode creation mask at *mask* for the block."""
        ...

    def signals(self, *names: str) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        """Receive the named signals (``SIGTERM``) as they come, instead of what they would do by themselves."""
        ...

    @property
    def uid(self) -> int:
        """The effective user id; 0 is root."""
        ...

    def identity(self, user: str, group: str, supplemental: Sequence[str], capabilities: Capabilities) -> Identity:
        """Look up whom to become, each by name or number, and check that this process can. Nothing is changed.

        Raises: LookupError for a name nobody has; PermissionError for what this process may not do or hand on.
        """
        ...

    def give(self, socket: trio.socket.SocketType, identity: Identity) -> None:
        """Let *socket* be one of *identity*'s: only sockets of the same user share a port (socket(7), SO_REUSEPORT).

        Where this process may not, the socket stays as it is.
        """
        ...

    async def become(self, identity: Identity) -> None:
        """Be *identity*, and nobody else again. Raises OSError: the process must end then, it may be in between."""
        ...

    def monotonic_microseconds(self) -> int:
        """The system's monotonic clock, as service managers read it; for waiting use trio's."""
        ...

    def system(self) -> SystemFacts:
        """What this host is. It may block a moment: for a worker."""
        ...

    def memory(self) -> MemoryFacts:
        """What this process uses. It may block a moment: for a worker."""
        ...

    def notify(self, state: str) -> None:
        """Tell the service manager a *state* (sd_notify(3): ``READY=1``), where there is one; never blocks or fails."""
        ...
