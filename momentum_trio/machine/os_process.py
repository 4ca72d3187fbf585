"""The process: its names, limits, signals and privileges."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import resource
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

import trio

from momentum_trio.machine import os_facts
from momentum_trio.machine.contract import Identity
from momentum_trio.machine.facts import MemoryFacts, SystemFacts
from momentum_trio.machine.os_capability import held, hold, kept_over_change_of_user
from momentum_trio.net.capability import Capabilities, names


class ByName:
    """Signals by name. No generator: one that is cancelled while it waits would be over."""

    __slots__ = ("_arrivals",)

    def __init__(self, arrivals: AsyncIterator[int]) -> None:
        self._arrivals = arrivals

    def __aiter__(self) -> ByName:
        return self

    async def __anext__(self) -> str:
        return signal.Signals(await anext(self._arrivals)).name


class OsProcess:
    """``machine.contract.Process``."""

    __slots__ = ("hostname",)

    def __init__(self) -> None:
        self.hostname = socket.gethostname()  # once: sessions ask for it, and it is a call of the system

    @property
    def pid(self) -> int:
        """The process id."""
        return os.getpid()

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment, as it is now."""
        return os.environ

    def descriptors_max(self) -> int:
        """The soft limit of RLIMIT_NOFILE."""
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]

    def raise_descriptors_max(self, wanted: int) -> int:
        """Raise the soft limit as far as the hard one allows; never lowers it. Returns what holds then."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        granted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if granted > soft != resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_NOFILE, (granted, hard))
            return granted
        return soft

    def user_name(self, uid: int) -> str:
        """The login name of *uid*, or its digits."""
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            return str(uid)

    @contextmanager
    def umask(self, mask: int) -> Iterator[None]:
        """Hold the file mode creation mask at *mask* for the block. It is the whole process's: keep the block short."""
        before = os.umask(mask)
        try:
            yield
        finally:
            os.umask(before)

    @asynccontextmanager
    async def signals(self, *names: str) -> AsyncIterator[AsyncIterator[str]]:
        """Receive the named signals as they come, by name."""
        with trio.open_signal_receiver(*(signal.Signals[name] for name in names)) as arrivals:
            yield ByName(arrivals)

    @property
    def uid(self) -> int:
        """The effective user id."""
        return os.geteuid()

    def identity(self, user: str, group: str, supplemental: Sequence[str], capabilities: Capabilities) -> Identity:
        """Look up whom to become, and check what can be checked: the kernel has no reason left to refuse."""
        identity = Identity(_uid(user), _gid(group), tuple(map(_gid, supplemental)), capabilities)
        ours = held()
        if not ("cap_setuid" in ours and "cap_setgid" in ours):
            raise PermissionError(errno.EPERM, "only root may become another user")
        wanted = capabilities.permitted | capabilities.inheritable
        if missing := names(wanted & ~ours.permitted):
            raise PermissionError(errno.EPERM, f"this process has no {', '.join(missing)} to keep")
        return identity

    def give(self, socket: trio.socket.SocketType, identity: Identity) -> None:
        """Linux goes by the owner of the socket's file, who made it at first."""
        with suppress(PermissionError):  # root without CAP_CHOWN
            os.fchown(socket.fileno(), identity.uid, identity.gid)

    async def become(self, identity: Identity) -> None:
        """Be *identity* for good, in every thread; capabilities stay with this one and those it starts.

        capabilities(7), setresuid(2): the C library changes the ids of all threads. Those that are not root's any more
        lose what root could, but for this one.
        """
        await trio.lowlevel.checkpoint()
        uid, gid = identity.uid, identity.gid
        os.setgroups(identity.groups)
        os.setresgid(gid, gid, gid)
        with kept_over_change_of_user():
            os.setresuid(uid, uid, uid)
        hold(identity.capabilities)
        assert os.getresuid() == (uid, uid, uid)
        assert os.getresgid() == (gid, gid, gid)
        assert held() == identity.capabilities

    def monotonic_microseconds(self) -> int:
        """Of CLOCK_MONOTONIC, as systemd counts."""
        return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000

    def system(self) -> SystemFacts:
        """What this host is."""
        return os_facts.system()

    def memory(self) -> MemoryFacts:
        """What this process uses."""
        return os_facts.memory()

    def notify(self, state: str) -> None:
        """One datagram to NOTIFY_SOCKET, a path or an abstract name. Who does not take it at once misses it."""
        address = os.environ.get("NOTIFY_SOCKET", "")
        if address[:1] in ("/", "@"):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as there:
                with suppress(OSError):
                    there.sendto(state.encode(), "\0" + address[1:] if address[0] == "@" else address)


def _uid(user: str) -> int:
    return int(user) if user.isascii() and user.isdigit() else pwd.getpwnam(user).pw_uid


def _gid(group: str) -> int:
    return int(group) if group.isascii() and group.isdigit() else grp.getgrnam(group).gr_gid
