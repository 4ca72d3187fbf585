"""A filter on a listening TCP socket that lets nothing new in (socket(7), SO_ATTACH_FILTER)."""

from __future__ import annotations

import ctypes
import socket
import struct

import trio

SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27  # asm-generic/socket.h; Python does not name them

# linux/filter.h. What asks for a connection is dropped; what completes one that is answered already is let through.
_DROP_SYN = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # BPF_LD | BPF_B | BPF_ABS: the octet of the TCP header that has the flags
        (0x45, 0, 1, 0x02),  # BPF_JMP | BPF_JSET: SYN
        (0x06, 0, 0, 0),  # BPF_RET: no octet of the packet
        (0x06, 0, 0, 0xFFFFFFFF),  # BPF_RET: all of it
    )
)


class OsGate:
    """``machine.contract.Gate``: Linux's classic packet filter."""

    __slots__ = ()

    def shut(self, listening: trio.socket.SocketType) -> bool:
        """Drop every SYN for *listening* from now on; those who have had their answer come in yet."""
        instructions = ctypes.create_string_buffer(_DROP_SYN, len(_DROP_SYN))
        program = struct.pack("HL", len(_DROP_SYN) // 8, ctypes.addressof(instructions))
        try:
            listening.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
        except OSError:
            return False
        return True

    def open(self, listening: trio.socket.SocketType) -> None:
        """Let in again; nothing happens when it was not shut."""
        try:
            listening.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)
        except FileNotFoundError:
            pass
