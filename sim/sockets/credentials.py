"""Who a process is, as SO_PEERCRED tells the other end."""

from __future__ import annotations

import struct
from dataclasses import dataclass

UCRED = struct.Struct("3i")
UNKNOWN_ID = -1


@dataclass(frozen=True, slots=True)
class Credentials:
    """pid, uid and gid of a process."""

    pid: int
    uid: int
    gid: int

    def packed(self) -> bytes:
        """As ``struct ucred``."""
        return UCRED.pack(self.pid, self.uid, self.gid)


NOBODY = Credentials(0, UNKNOWN_ID, UNKNOWN_ID)  # what Linux gives for a socket without a known peer
