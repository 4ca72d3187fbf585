"""One file of the log, and how it is named."""

from __future__ import annotations

from array import array

from momentum_trio.spool.frame import Salt

NUMBER_MAX = 1 << 62
NAME_LENGTH = len("0123456789abcdef-01234567.log")


def segment_name(number: int, salt: int) -> str:
    """The name of a segment's file; both numbers stand in it, so that a damaged header loses neither."""
    return f"{number:016x}-{salt:08x}.log"


def parse_segment_name(name: str) -> tuple[int, int] | None:
    """Number and salt, or None for a name that is no segment's."""
    number, _, rest = name.partition("-")
    salt, _, _ = rest.partition(".")
    try:
        parsed = int(number, 16), int(salt, 16)
    except ValueError:
        return None
    return parsed if segment_name(*parsed) == name and len(name) == NAME_LENGTH and parsed[0] < NUMBER_MAX else None


class Segment:
    """One file of the log.

    length: octets of it that count. records, live_octets: those here that live: of batches in custody, of keys in their
    time. The ledger's: ordinal, what its columns call this segment; rows, batches whose record was ever entered here,
    in order; first, where the first of them that is still here is looked for. key_rows: the same of records of keys.
    """

    __slots__ = ("first", "key_rows", "length", "live_octets", "number", "ordinal", "path", "records", "rows", "salt")

    def __init__(self, number: int, salt: int, path: str, length: int) -> None:
        self.number = number
        self.path = path
        self.salt = Salt(number, salt)
        self.length = length
        self.live_octets = self.records = 0
        self.ordinal = -1
        self.rows, self.key_rows = array("I"), array("I")
        self.first = 0
