"""How an attempt to deliver one message ended. Deferrals and bounces are values; nothing is raised.

reason: a reply of the other side, or ``451 4.3.0 [internal] ...`` where the words are ours (spec/logs.md section 9).
stage: where the conversation stood, by the numbers of that section. octets: sent to the other side before it failed; 0:
there was no connection.
"""

from __future__ import annotations

import msgspec

from momentum_trio.mail.stage import Stage


class Delivered(msgspec.Struct, frozen=True, gc=False):
    """Somebody else has custody now, durably. peer_address: who; empty when it is this host.

    reports_itself: he was told what the sender asked about notifications (RFC 3461) and sees to it.
    """

    peer_address: str = ""
    reports_itself: bool = False


class Deferred(msgspec.Struct, frozen=True, gc=False):
    """Not now: the message stays in the spool and is tried again."""

    reason: str
    stage: int = Stage.NOT_CONNECTED
    peer_address: str = ""
    octets: int = 0


class Bounced(msgspec.Struct, frozen=True, gc=False):
    """Never: the message is given up."""

    reason: str
    stage: int = Stage.NOT_CONNECTED
    peer_address: str = ""
    octets: int = 0


Outcome = Delivered | Deferred | Bounced
