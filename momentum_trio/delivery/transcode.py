"""A server's refusal in other words, as the operator knows them to be meant (Response_Transcode_Pattern, _Replace).

The new words decide: a 5yz in place of a 4yz gives the message up. They never make a delivery of a refusal. Permanent
failures of our own are what they are.
"""

from __future__ import annotations

import re
from typing import Final

from momentum_trio.delivery.outcome import Bounced, Deferred
from momentum_trio.delivery.transcode_options import TranscodeOptions
from momentum_trio.mail.notice import INTERNAL

REPLY_CHARACTERS_MAX: Final = 1000

_REFERENCE = re.compile(r"\$([0-9]+)")
_NEGATIVE = re.compile(r"[45][0-9]{2}(?![0-9])")


def transcoded(options: TranscodeOptions, outcome: Deferred | Bounced) -> Deferred | Bounced:
    """What *outcome* becomes; the same if its reply does not match, or if no reply comes of it."""
    if options.pattern is None or not options.replacement:
        return outcome
    if isinstance(outcome, Bounced) and INTERNAL in outcome.reason:
        return outcome
    found = options.pattern.found_in(outcome.reason)
    if found is None:
        return outcome
    reply = _REFERENCE.sub(lambda reference: _group(found, reference[1]), options.replacement)[:REPLY_CHARACTERS_MAX]
    if not _NEGATIVE.match(reply):
        return outcome
    kind = Deferred if reply[0] == "4" else Bounced
    return kind(reply, outcome.stage, outcome.peer_address, outcome.octets)


def _group(found: tuple[str, ...], number: str) -> str:
    """What a reference stands for; nothing for a group that the pattern has not."""
    return found[int(number)] if len(number) <= 3 and int(number) < len(found) else ""
