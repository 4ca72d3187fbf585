"""Listening sockets: the one place that makes them, tunes them, accepts from them and closes them.

TCP sockets have SO_REUSEPORT, so that ``*:25`` and ``127.0.0.1:25`` can stand beside each other and a successor can be
bound before its predecessor closes. That also lets a stranger of the same user share the port unseen; hence ``probe``.
"""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass, replace
from ipaddress import ip_address

import trio

from momentum_trio.listener.listen_options import ACCEPT_TASKS_MAX, ListenOptions
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import ChangeMode, FileFacts, FileKind, Link, Rename, Stat, Unlink
from momentum_trio.mail.record import Level, Panic
from momentum_trio.net.endpoint import Endpoint, Family, endpoint_text
from momentum_trio.net.netblock import LOOPBACK, Address, parse_address

PRIVATE_UMASK = 0o177
REST_SECONDS = 0.05  # how long a closing socket waits for one more connection of its queue
HANDSHAKE_SECONDS = 0.25  # ... where another takes its place: a handshake with somebody far away ends meanwhile
STRANGER_SECONDS = 2.0  # how long an old Unix socket may take to show that it is alive

# accept(2): the connection is gone, or the network was; the socket is good (the manual page lists them for Linux).
PASSING = frozenset(
    (
        errno.ECONNABORTED, errno.EPERM, errno.EPROTO, errno.ENETDOWN, errno.ENOPROTOOPT, errno.EHOSTDOWN, errno.ENONET,
        errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH, errno.ETIMEDOUT,
    )
)  # fmt: skip
EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

_PEER_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid


@dataclass(frozen=True, slots=True)
class SocketTerms:
    """What a listening socket is tuned with; a change of it does not need a new socket."""

    backlog: int
    file_mode: int
    send_buffer_octets: int
    receive_buffer_octets: int
    no_delay: bool
    accept_tasks: int

    @classmethod
    def of(cls, options: ListenOptions) -> SocketTerms:
        """The terms that *options* ask for."""
        return cls(
            options.backlog,
            options.file_mode,
            options.send_buffer_octets,
            options.receive_buffer_octets,
            options.disable_nagle,
            max(1, min(options.concurrency, ACCEPT_TASKS_MAX)),
        )


@dataclass(slots=True)
class Listening:
    """A socket that listens. endpoint: as configured. bound: as bound, the port the kernel chose included.

    is_adopted: it was open before us (handed over, or bound by root, who we are no more) and could not be opened again:
    it rests when it is not wanted, and a Unix path stays.
    predecessor: another name of the socket of ours that had the Unix path, until it is certain that this one stays.
    is_shared: somebody else holds it open: what waits in its queue is for our successor.
    """

    endpoint: Endpoint
    socket: trio.socket.SocketType
    bound: Endpoint
    is_adopted: bool = False
    predecessor: str = ""
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """Who connected. address: unmapped, 127.0.0.1 for a Unix peer. peer, local: as ``kind.Connection`` has them."""

    address: Address
    peer: str
    local: str
    uid: int | None


async def probe(endpoint: Endpoint, *, beside: bool = False) -> None:
    """Raise OSError if a TCP *endpoint* cannot be had: somebody listens there (EADDRINUSE), or the address is not ours.

    beside: a socket of ours overlaps it, so that a stranger of the same user cannot be told from that.
    """
    if endpoint.family is Family.UNIX or endpoint.port == 0:
        return
    socket = trio.socket.socket(_family(endpoint), trio.socket.SOCK_STREAM)
    try:
        socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
        socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEPORT, int(beside))
        _set_v6_only(socket, endpoint)
        await socket.bind(_address(endpoint))
    finally:
        socket.close()


async def open_listening(machine: Machine, endpoint: Endpoint, terms: SocketTerms, *, ours: bool = False) -> Listening:
    """Bind *endpoint* and listen. ours: a Unix socket of ours stands there and is to be replaced.

    Raises: OSError: EADDRINUSE, EACCES, EADDRNOTAVAIL; EEXIST when a Unix path is taken by something else than a dead
        socket of ours. Nothing is left behind then.
    """
    family = trio.socket.AF_UNIX if endpoint.family is Family.UNIX else _family(endpoint)
    socket = trio.socket.socket(family, trio.socket.SOCK_STREAM)
    try:
        if endpoint.family is Family.UNIX:
            predecessor = await _bind_unix(machine, socket, endpoint.path, terms, ours=ours)
            return Listening(endpoint, socket, endpoint, predecessor=predecessor)
        return await _bind_tcp(socket, endpoint, terms)
    except BaseException:
        socket.close()
        raise


def adopt_listening(socket: trio.socket.SocketType, endpoint: Endpoint, terms: SocketTerms) -> Listening:
    """Take over a *socket* that listens at *endpoint* (systemd, a parent that hands over), or is only bound there.

    Raises: OSError (EADDRINUSE), when somebody else listens there by now; the socket is as it was.
    """
    is_shared = bool(socket.getsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_ACCEPTCONN))
    socket.listen(terms.backlog)
    _tune(socket, endpoint, terms)
    return Listening(endpoint, socket, endpoint, is_adopted=True, is_shared=is_shared)


def rest_listening(machine: Machine, listening: Listening) -> None:
    """Stop listening, but stay bound: clients are refused, and ``adopt_listening`` needs no right to bind.

    Linux keeps the port of a socket that was bound to it and is shut for reading. A shared one goes on listening.
    """
    assert listening.is_adopted
    socket = listening.socket
    if not listening.is_shared and socket.getsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_ACCEPTCONN):
        socket.shutdown(trio.socket.SHUT_RD)
    if machine.gate is not None and not listening.is_shared:
        machine.gate.open(socket)


async def listen_again(machine: Machine, listening: Listening, terms: SocketTerms) -> Listening:
    """The socket again if it rests, else another in its place. Raises: OSError, as ``open_listening``."""
    if listening.is_adopted:
        return adopt_listening(listening.socket, listening.endpoint, terms)
    return await open_listening(machine, listening.endpoint, terms)


def endpoint_of(socket: trio.socket.SocketType) -> Endpoint | None:
    """Where a socket handed over listens; None when that is nothing a Listen can name."""
    name = socket.getsockname()
    if socket.family == trio.socket.AF_UNIX:
        return Endpoint.parse(name) if isinstance(name, str) and name.startswith("/") else None
    if socket.family not in (trio.socket.AF_INET, trio.socket.AF_INET6):
        return None
    return Endpoint.parse(endpoint_text(ip_address(name[0].partition("%")[0]), name[1]))


async def bind_ahead(endpoint: Endpoint, terms: SocketTerms) -> trio.socket.SocketType:
    """A socket bound to a TCP *endpoint* that does not listen yet: for ``adopt_listening``. Raises: OSError."""
    socket = trio.socket.socket(_family(endpoint), trio.socket.SOCK_STREAM)
    try:
        await _bind(socket, endpoint, terms)
    except BaseException:
        socket.close()
        raise
    return socket


async def _bind_tcp(socket: trio.socket.SocketType, endpoint: Endpoint, terms: SocketTerms) -> Listening:
    await _bind(socket, endpoint, terms)
    socket.listen(terms.backlog)
    return Listening(endpoint, socket, replace(endpoint, port=socket.getsockname()[1]))


async def _bind(socket: trio.socket.SocketType, endpoint: Endpoint, terms: SocketTerms) -> None:
    socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
    socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEPORT, 1)
    _set_v6_only(socket, endpoint)
    _tune(socket, endpoint, terms)
    await socket.bind(_address(endpoint))


async def _bind_unix(
    machine: Machine, socket: trio.socket.SocketType, path: str, terms: SocketTerms, *, ours: bool
) -> str:
    """Bound where nobody looks, given its mode, listening, and only then moved to its name (SECURITY.md).

    Returns another name for the socket that was there, if it was *ours*.
    """
    directory = path.rpartition("/")[0]
    private = f"{directory}/.{machine.entropy.octets(4).hex()}"
    _set_buffers(socket, terms)
    with machine.process.umask(PRIVATE_UMASK):
        await socket.bind(private)
    try:
        facts: FileFacts = (
            await machine.disk.perform([ChangeMode(private, terms.file_mode), Stat(private, follow=False)])
        )[1]
        if not ours:
            await _require_free(machine, path, facts.owner)
        socket.listen(terms.backlog)
        predecessor = await _second_name(machine, path, f"{private}-old") if ours else ""
        await machine.disk.perform([Rename(private, path)])
    except BaseException:
        with trio.CancelScope(shield=True):
            await machine.disk.perform([Unlink(name, missing_ok=True) for name in (private, f"{private}-old")])
        raise
    return predecessor


async def _second_name(machine: Machine, path: str, name: str) -> str:
    """Give what is at *path* the *name* too, and return it; nothing when nothing is there any more."""
    try:
        await machine.disk.perform([Link(path, name)])
    except FileNotFoundError:
        return ""
    return name


async def _require_free(machine: Machine, path: str, owner: int) -> None:
    """Return if nothing is at *path*, or a dead socket of *owner*, which may be replaced; raise OSError otherwise."""
    try:
        facts: FileFacts = (await machine.disk.perform([Stat(path, follow=False)]))[0]
    except FileNotFoundError:
        return
    if facts.kind is not FileKind.SOCKET:
        raise FileExistsError(errno.EEXIST, "something that is no socket is there", path)
    if facts.owner != owner:
        raise PermissionError(errno.EACCES, "the socket there belongs to another user", path)
    stranger = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    try:
        with trio.move_on_after(STRANGER_SECONDS):
            await stranger.connect(path)
    except (ConnectionRefusedError, FileNotFoundError):
        return
    finally:
        stranger.close()
    raise OSError(errno.EADDRINUSE, "somebody listens there", path)


async def retune(machine: Machine, listening: Listening, terms: SocketTerms) -> None:
    """Apply *terms* to a socket that listens already; new connections get them."""
    listening.socket.listen(terms.backlog)
    _tune(listening.socket, listening.endpoint, terms)
    if listening.endpoint.family is Family.UNIX and not listening.is_adopted:
        await machine.disk.perform([ChangeMode(listening.endpoint.path, terms.file_mode)])


async def close_listening(machine: Machine, listening: Listening, *, replaced: bool = False) -> None:
    """Close the socket and remove its path, unless it was *replaced* there.

    A path that cannot be removed is said and left: nobody is lost by a dead socket, and the next start replaces it.
    """
    listening.socket.close()
    if listening.endpoint.family is Family.UNIX and not (listening.is_adopted or replaced):
        await _change_path(machine, listening, Unlink(listening.endpoint.path, missing_ok=True))


async def _change_path(machine: Machine, listening: Listening, step: Unlink | Rename) -> None:
    try:
        await machine.disk.perform([step])
    except OSError as fault:
        text = f"{listening.endpoint}: a path of a closed socket stays: {fault.strerror or fault}"
        machine.events.publish(Panic(machine.clock.now(), Level.WARNING, text))


async def keep_listening(machine: Machine, listening: Listening) -> None:
    """It is certain that *listening* stays: its predecessor's second name goes. Never raises OSError."""
    if name := listening.predecessor:
        listening.predecessor = ""
        await _change_path(machine, listening, Unlink(name, missing_ok=True))


async def give_up_listening(machine: Machine, listening: Listening) -> None:
    """Close a socket that was opened in vain, and give its path back to whom it had. Never raises OSError."""
    if listening.predecessor:
        listening.socket.close()
        await _change_path(machine, listening, Rename(listening.predecessor, listening.endpoint.path))
    else:
        await close_listening(machine, listening)


def hold_off(machine: Machine, listening: Listening) -> bool:
    """Let no newcomer reach a socket about to be closed, so that ``next_in_queue`` finds an end; whether that is so.

    A queued connection on a closed TCP listener would get a reset. Without a gate in the machine the queue would have
    no end, and the resets are the lesser evil. Measured: DESIGN.md, walk 3. A shared socket would stay shut.
    """
    if machine.gate is None or listening.is_shared or listening.endpoint.family is Family.UNIX:
        return False
    return machine.gate.shut(listening.socket)


async def next_in_queue(listening: Listening, seconds: float) -> tuple[trio.socket.SocketType, object] | None:
    """A connection in the queue of a socket that is held off, now or within *seconds*; None when there is none."""
    with trio.move_on_after(seconds):
        try:
            return await listening.socket.accept()
        except OSError:
            return None
    return None


def caller(socket: trio.socket.SocketType, address: object, listening: Listening) -> Caller:
    """Who is at the other end of a *socket* just accepted, *address* being what accept() said."""
    if listening.endpoint.family is Family.UNIX:
        return Caller(LOOPBACK, "", listening.endpoint.path, _peer_uid(socket))
    assert isinstance(address, tuple)
    peer = parse_address(address[0].partition("%")[0])
    ours = socket.getsockname()
    local = parse_address(ours[0].partition("%")[0])
    return Caller(peer, endpoint_text(peer, address[1]), endpoint_text(local, ours[1]), None)


def _peer_uid(socket: trio.socket.SocketType) -> int | None:
    """The user at the other end of a Unix socket when it connected (unix(7), SO_PEERCRED)."""
    try:
        credentials = socket.getsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_PEERCRED, _PEER_CREDENTIALS.size)
    except OSError:
        return None
    uid: int = _PEER_CREDENTIALS.unpack(credentials)[1]
    return uid


def _family(endpoint: Endpoint) -> int:
    return trio.socket.AF_INET6 if endpoint.family is Family.INET6 else trio.socket.AF_INET


def _address(endpoint: Endpoint) -> tuple[str, int]:
    return ("0.0.0.0" if endpoint.address == "*" else endpoint.address, endpoint.port)


def _set_v6_only(socket: trio.socket.SocketType, endpoint: Endpoint) -> None:
    if endpoint.family is Family.INET6:
        socket.setsockopt(trio.socket.IPPROTO_IPV6, trio.socket.IPV6_V6ONLY, 1)


def _tune(socket: trio.socket.SocketType, endpoint: Endpoint, terms: SocketTerms) -> None:
    """Accepted sockets inherit what the listening one has (Linux), so that none of it costs a call per connection."""
    _set_buffers(socket, terms)
    if endpoint.family is not Family.UNIX:
        socket.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, int(terms.no_delay))


def _set_buffers(socket: trio.socket.SocketType, terms: SocketTerms) -> None:
    """Only when somebody set them: kernels tune by themselves otherwise."""
    if terms.send_buffer_octets:
        socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_SNDBUF, terms.send_buffer_octets)
    if terms.receive_buffer_octets:
        socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, terms.receive_buffer_octets)
