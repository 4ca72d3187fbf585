"""The results of a batch: of each message its id or why it has none, and of each recipient the reply of SMTP.

Replies are written once, however many recipients they are for; so results are never much larger than their batch.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

import msgspec

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.ecstream.frame import Kind, Octets, RemoteProtocolError, framed

REPLIES_MAX: Final = 1024
"""Different replies in one frame of results."""
WORDED_MAX: Final = 600
"""Of them with their texts; what comes after is said by its code alone, and of codes there are 400."""
TEXT_OCTETS_MAX: Final = 512
ENHANCED_OCTETS_MAX: Final = 32
ID_OCTETS_MAX: Final = 32
RESULTS_OCTETS_MAX: Final = 4 * 1024 * 1024
"""More than 65,535 messages with 65,535 recipients and 1,024 replies can come to."""

_HEAD = struct.Struct(">IIHH")  # number, credit, replies, messages
_REPLY = struct.Struct(">HBH")  # code, octets of enhanced code and text
_MESSAGE = struct.Struct(">BHH")  # octets of id, reply, recipients


class Result(msgspec.Struct, frozen=True, gc=False):
    """What became of one message.

    id: of the message we have custody of; empty: we have none. reply: to the message. recipients: of each its reply, in
    order; none at all: *reply* is everybody's.
    """

    id: bytes
    reply: Reply
    recipients: tuple[Reply, ...] = ()


class Results(NamedTuple):
    """The acknowledgement of a batch. credit: octets that may be sent again. messages: one result each, in order."""

    number: int
    credit: int
    messages: tuple[Result, ...]


class _Replies:
    """The replies of one frame, each written once."""

    def __init__(self) -> None:
        self.octets: list[bytes] = []
        self._places: dict[Reply, int] = {}
        self._last: Reply | None = None
        self._last_place = 0

    def place(self, reply: Reply) -> int:
        if reply is self._last:  # as it mostly is
            return self._last_place
        self._last, self._last_place = reply, self._place(reply)
        return self._last_place

    def _place(self, reply: Reply) -> int:
        if self.octets and (place := self._places.get(reply)) is not None:
            return place
        if len(self.octets) >= WORDED_MAX and (reply.enhanced or reply.lines != ("",)):
            place = self._place(Reply(reply.code, "", ("",)))
        else:
            place = len(self.octets)
            self.octets.append(_worded(reply))
            self._places[reply] = place
        return place


def _worded(reply: Reply) -> bytes:
    enhanced = reply.enhanced.encode("ascii", "replace")[:ENHANCED_OCTETS_MAX]
    text = "\n".join(reply.lines).encode("ascii", "replace")[:TEXT_OCTETS_MAX]
    return _REPLY.pack(reply.code, len(enhanced), len(text)) + enhanced + text


def encode_results(results: Results) -> list[Octets]:
    """*results* as they are sent."""
    replies = _Replies()
    pieces = []
    for result in results.messages:
        assert len(result.id) <= ID_OCTETS_MAX
        pieces.append(_MESSAGE.pack(len(result.id), replies.place(result.reply), len(result.recipients)) + result.id)
        if result.recipients:
            pieces.append(b"".join(replies.place(reply).to_bytes(2) for reply in result.recipients))
    head = _HEAD.pack(results.number, results.credit, len(replies.octets), len(results.messages))
    return framed(Kind.RESULTS, b"".join((head, *replies.octets, *pieces)))


def decode_results(payload: Octets) -> Results:
    """The results in *payload*. Raises RemoteProtocolError."""
    octets = bytes(payload)
    try:
        results, end = _decoded(octets)
    except (struct.error, IndexError):
        raise RemoteProtocolError("results are cut short, or name a reply that is not there") from None
    if end != len(octets):
        raise RemoteProtocolError("results are of another length than they say")
    return results


def _decoded(octets: bytes) -> tuple[Results, int]:
    number, credit, reply_count, message_count = _HEAD.unpack_from(octets)
    at = _HEAD.size
    if reply_count > REPLIES_MAX:
        raise RemoteProtocolError("results have too many replies")
    replies = []
    for _ in range(reply_count):
        reply, at = _reply(octets, at)
        replies.append(reply)
    messages = []
    for _ in range(message_count):
        id_octets, place, recipient_count = _MESSAGE.unpack_from(octets, at)
        at += _MESSAGE.size
        id_ = octets[at : at + id_octets]
        at += id_octets
        places = struct.unpack_from(f">{recipient_count}H", octets, at)
        at += 2 * recipient_count
        messages.append(Result(id_, replies[place], tuple(replies[each] for each in places)))
    return Results(number, credit, tuple(messages)), at


def _reply(octets: bytes, at: int) -> tuple[Reply, int]:
    code, enhanced_octets, text_octets = _REPLY.unpack_from(octets, at)
    at += _REPLY.size
    if not 200 <= code <= 599:
        raise RemoteProtocolError(f"{code} is no reply code")
    if enhanced_octets > ENHANCED_OCTETS_MAX or text_octets > TEXT_OCTETS_MAX:
        raise RemoteProtocolError("a reply is too long")
    text_at = at + enhanced_octets
    end = text_at + text_octets
    lines = octets[text_at:end].decode("ascii", "replace").split("\n")
    return Reply(code, octets[at:text_at].decode("ascii", "replace"), tuple(lines)), end
