"""Delivery by LMTP (RFC 2033), to another host or to a socket of this one: the method LMTP."""

from __future__ import annotations

from momentum_trio.delivery.errand import Outfit
from momentum_trio.delivery.lmtp_options import LmtpOptions
from momentum_trio.delivery.method import Feed
from momentum_trio.delivery.smtp_errand import Dialect, SmtpErrand


class Lmtp:
    """The method LMTP: the server answers for each recipient of a content by itself."""

    word = "LMTP"

    def __init__(self, outfit: Outfit) -> None:
        self._outfit = outfit

    async def carry(self, feed: Feed) -> None:
        """Hold a connection for *feed*; see Carrier. What its server took is delivered, as far as we know."""
        await SmtpErrand(self._outfit, Dialect(lmtp=True), feed, LmtpOptions.resolve(feed.chain).port).run()
