"""A filter on a listening TCP socket that lets nothing new in (socket(7), SO_ATTACH_FILTER)."""

from __future__ import annotations

import ctypes
import socket
import struct

import trio

SO_ATTACH_FILTER = 26  # asm-generic/socket.h; Python does not name it
_RETURN_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)  # BPF_RET | BPF_K, 0 octets: drop the packet


class OsGate:
    """``machine.contract.Gate``: Linux's classic packet filter, one instruction."""

    __slots__ = ()

    def shut(self, listening: trio.socket.SocketType) -> bool:
        """Drop every packet for *listening* from now on; connections already in its queue can still be accepted."""
        instruction = ctypes.create_string_buffer(_RETURN_NOTHING)
        program = struct.pack("HL", 1, ctypes.addressof(instruction))
        try:
            listening.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        except OSError:
            return False
        return True
