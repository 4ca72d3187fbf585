"""Phases of an inbound session, as ``show inbound`` and the rejectlog name them (spec/console.md section 7)."""

from __future__ import annotations

from enum import IntEnum


class Phase(IntEnum):
    """What a session is doing. The value is the number in the manual; ``words`` are what operators read."""

    JUST_CONNECTED = 0
    SENDING_BANNER = 1
    AWAITING_HELLO = 2
    SENDING_HELLO_RESPONSE = 3
    AWAITING_MAILFROM = 4
    SENDING_MAILFROM_RESPONSE = 5
    AWAITING_RCPTTO = 6
    SENDING_RCPTTO_RESPONSE = 7
    DATA_PHASE = 8
    READING_BODY = 9
    SENDING_BODY_RESPONSE = 10
    ASYNC_BODY_HANDLER = 11
    ASYNC_BODY_RESPONSE = 12
    RELAYING_DENIED = 13
    EXTENSION_1 = 14
    EXTENSION_2 = 15
    EXTENSION_3 = 16
    EXTENSION_4 = 17
    CONCURRENCY_LIMIT = 18
    RCPTTO_LIST_RESPONSE = 19
    RCPTTO_LIST_FINAL_RESPONSE = 20
    ESMTP_SETUP = 21

    @property
    def words(self) -> str:
        """The phase in the manual's words: ``awaiting ehlo/helo``."""
        return WORDS[self]


WORDS: dict[Phase, str] = {
    Phase.JUST_CONNECTED: "just connected",
    Phase.SENDING_BANNER: "sending banner",
    Phase.AWAITING_HELLO: "awaiting ehlo/helo",
    Phase.SENDING_HELLO_RESPONSE: "sending ehlo/helo response",
    Phase.AWAITING_MAILFROM: "awaiting mailfrom",
    Phase.SENDING_MAILFROM_RESPONSE: "sending mailfrom response",
    Phase.AWAITING_RCPTTO: "awaiting rcptto",
    Phase.SENDING_RCPTTO_RESPONSE: "sending rcptto response",
    Phase.DATA_PHASE: "data phase",
    Phase.READING_BODY: "reading body",
    Phase.SENDING_BODY_RESPONSE: "sending body response",
    Phase.ASYNC_BODY_HANDLER: "async body handler",
    Phase.ASYNC_BODY_RESPONSE: "async body response",
    Phase.RELAYING_DENIED: "relaying denied",
    Phase.EXTENSION_1: "extension 1",
    Phase.EXTENSION_2: "extension 2",
    Phase.EXTENSION_3: "extension 3",
    Phase.EXTENSION_4: "extension 4",
    Phase.CONCURRENCY_LIMIT: "concurrency limit",
    Phase.RCPTTO_LIST_RESPONSE: "rcptto list response",
    Phase.RCPTTO_LIST_FINAL_RESPONSE: "rcptto list final response",
    Phase.ESMTP_SETUP: "esmtp setup phase",
}
