"""From CRLF, which mail has on the wire and in the spool, to LF, which files on Unix have."""

from __future__ import annotations


def to_lf(octets: bytes) -> bytes:
    """*octets*, whole content, with LF line ends.

    This can be undone: the spool holds no bare LF unless RFC2822_Lone_LF_In_Body = ignore let one in.
    """
    return octets.replace(b"\r\n", b"\n")


class LineEnds:
    """The same for content that comes in parts, wherever it is cut."""

    def __init__(self) -> None:
        self._held = b""

    def part(self, octets: bytes) -> bytes:
        """What can be written after *octets* came."""
        octets = self._held + octets
        self._held = b"\r" if octets.endswith(b"\r") else b""
        return to_lf(octets[: len(octets) - len(self._held)])

    def rest(self) -> bytes:
        """What was held back in case a LF followed."""
        held, self._held = self._held, b""
        return held
