"""The process: its names, limits, signals and privileges."""

from __future__ import annotations

import grp
import os
import pwd
import resource
import signal
import socket
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager

import trio


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

    async def drop_privileges(self, user: str, group: str, supplemental: Sequence[str]) -> None:
        """Become *user* and *group* for good, with the *supplemental* groups alone.

        Raises: LookupError for an unknown name, before anything has changed; OSError when the kernel refuses.
        """
        uid, gid = pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
        groups = [grp.getgrnam(name).gr_gid for name in supplemental]
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        assert os.getresuid() == (uid, uid, uid)
        assert os.getresgid() == (gid, gid, gid)
