"""The nameservers that are asked: those of ``Resolv_Conf``, else of the system."""

from __future__ import annotations

import math

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.os_nameservers import THIS_HOST
from momentum_trio.machine.whole_file import read_file
from momentum_trio.net.resolv_conf import FILE_OCTETS_MAX, ResolvConf

LOOK_SECONDS = 30.0
"""How often the file is read again."""


class ConfiguredNameservers:
    """Those of one node. Where the file names none, or cannot be read, the nameserver of this host is asked."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._path = ""
        self._conf = ResolvConf()
        self._read_at = -math.inf

    async def current(self, path: str) -> ResolvConf:
        """What holds now. path: of Resolv_Conf, or empty."""
        if not path:
            nameservers = self._machine.nameservers
            return ResolvConf(tuple(nameservers.addresses()) if nameservers is not None else THIS_HOST)
        if path != self._path or trio.current_time() - self._read_at >= LOOK_SECONDS:
            conf = ResolvConf.parse(await self._text(path))
            self._conf = ResolvConf(conf.nameservers or THIS_HOST, conf.timeout, conf.attempts)
            self._path, self._read_at = path, trio.current_time()
        return self._conf

    async def _text(self, path: str) -> str:
        try:
            return (await read_file(self._machine.disk, path, FILE_OCTETS_MAX)).decode("ascii", "replace")
        except OSError:
            return ""
