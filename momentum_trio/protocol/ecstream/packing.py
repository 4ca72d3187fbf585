"""A batch while it is filled: messages, as long as they fit into one frame, and contents that several of them share."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

from msgspec.structs import replace

from momentum_trio.protocol.ecstream.batch import (
    HEAD_OCTETS,
    RECIPIENTS_MAX,
    Batch,
    Encoded,
    Following,
    Message,
    content_octets,
    message_octets,
)
from momentum_trio.protocol.ecstream.frame import FRAME_OCTETS_MIN, Octets, Welcome

WINDOW_SHARE: Final = 4
"""So many frames are to fit into the window, so that the next is on its way while one is being committed."""


class Packing:
    """One batch for a server that said *welcome*, of at most *messages_max* messages.

    The frame is as large as WINDOW_SHARE says; only one message alone may need more of what the server allows.
    """

    def __init__(self, welcome: Welcome, messages_max: int) -> None:
        self._frame_octets = welcome.frame_octets
        self._octets_max = max(FRAME_OCTETS_MIN, min(welcome.frame_octets, welcome.window_octets // WINDOW_SHARE))
        self._messages_max = min(messages_max, welcome.batch_messages)
        self._octets, self._recipients = HEAD_OCTETS, 0
        self._places: dict[Hashable, int] = {}
        self._contents: list[Octets | Following] = []
        self._messages: list[Message] = []

    def stands_alone(self, octets: int) -> bool:
        """Whether a content of so many is to follow its batch in chunks, lest it fill the frame."""
        return octets > self._octets_max // 2

    def add(self, message: Message, known_as: Hashable, content: Octets | Following) -> bool:
        """Let *message* go along, with *content*; whether it does. known_as: what equals that of the same content.

        An empty batch takes any message that the server takes at all: one that it refuses can never be sent.
        """
        place = self._places.get(known_as)
        needed = message_octets(message) + (content_octets(content) if place is None else 0)
        octets, recipients = self._octets + needed, self._recipients + len(message.recipients)
        octets_max = self._octets_max if self._messages else self._frame_octets
        if octets > octets_max or recipients > RECIPIENTS_MAX or len(self._messages) >= self._messages_max:
            return False
        if place is None:
            place = self._places[known_as] = len(self._contents)
            self._contents.append(content)
        self._octets, self._recipients = octets, recipients
        self._messages.append(replace(message, content=place))
        return True

    @property
    def count(self) -> int:
        """How many messages it has."""
        return len(self._messages)

    def encoded(self, number: int) -> Encoded:
        """The batch, as the *number* of its connection. There is a message in it."""
        return Encoded.of(Batch(number, tuple(self._contents), tuple(self._messages)))
