"""Where an outbound conversation stood when an attempt failed: the numbers of spec/logs.md section 9."""

from __future__ import annotations

from enum import IntEnum


class Stage(IntEnum):
    """A connection stage. The value is what the logs write."""

    NOT_CONNECTED = 0
    IDLE = 1
    DURING_MAIL = 2
    AFTER_MAIL = 3
    DURING_RCPT = 4
    AFTER_RCPT = 5
    DURING_DATA = 6
    AFTER_DATA = 7
    SENDING_BODY = 8
    READING_CONFIRMATION = 9
    DURING_EHLO = 10
    AFTER_EHLO = 11
    READING_BANNER = 12
    DURING_RSET = 13
    AFTER_RSET = 14
    DURING_STARTTLS = 15
    AFTER_STARTTLS = 16
    HANDSHAKING_TLS = 17
    RENEGOTIATING_TLS = 18
    DURING_XCLIENT = 19
    AFTER_XCLIENT = 20
    OUT_OF_BAND_BOUNCE = 21
    UNKNOWN = 22

    @property
    def words(self) -> str:
        """The stage in the manual's words: ``after RCPT TO``."""
        return WORDS[self]


WORDS = {
    Stage.NOT_CONNECTED: "not connected",
    Stage.IDLE: "idle",
    Stage.DURING_MAIL: "during MAIL FROM",
    Stage.AFTER_MAIL: "after MAIL FROM",
    Stage.DURING_RCPT: "during RCPT TO",
    Stage.AFTER_RCPT: "after RCPT TO",
    Stage.DURING_DATA: "during DATA",
    Stage.AFTER_DATA: "after DATA",
    Stage.SENDING_BODY: "sending BODY",
    Stage.READING_CONFIRMATION: "reading confirmation",
    Stage.DURING_EHLO: "during EHLO",
    Stage.AFTER_EHLO: "after EHLO",
    Stage.READING_BANNER: "reading BANNER",
    Stage.DURING_RSET: "during RSET",
    Stage.AFTER_RSET: "after RSET",
    Stage.DURING_STARTTLS: "during STARTTLS",
    Stage.AFTER_STARTTLS: "after STARTTLS",
    Stage.HANDSHAKING_TLS: "handshaking TLS",
    Stage.RENEGOTIATING_TLS: "renegotiating TLS",
    Stage.DURING_XCLIENT: "during XCLIENT",
    Stage.AFTER_XCLIENT: "after XCLIENT",
    Stage.OUT_OF_BAND_BOUNCE: "out-of-band bounce",
    Stage.UNKNOWN: "unknown",
}
