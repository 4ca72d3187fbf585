"""Delivery by SMTP: the methods ESMTP and SMTP."""

from __future__ import annotations

from momentum_trio.delivery.errand import Outfit
from momentum_trio.delivery.method import Feed
from momentum_trio.delivery.smtp_errand import Dialect, SmtpErrand
from momentum_trio.delivery.smtp_options import SmtpOptions


class Smtp:
    """The method ESMTP; with *extended* False the method SMTP, which says HELO and uses no extension."""

    def __init__(self, outfit: Outfit, *, extended: bool = True) -> None:
        self.word = "ESMTP" if extended else "SMTP"
        self._outfit, self._dialect = outfit, Dialect(extended=extended)

    async def carry(self, feed: Feed) -> None:
        """Hold a connection for *feed*; see Carrier.

        A message is given a second time only to a server whose reply to its content was lost.
        """
        await SmtpErrand(self._outfit, self._dialect, feed, SmtpOptions.resolve(feed.chain).port).run()
