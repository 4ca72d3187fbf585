"""Delivery by ECStream, to the host that Gateway names: the method ECSTREAM."""

from __future__ import annotations

from momentum_trio.delivery.ecstream_errand import EcstreamErrand
from momentum_trio.delivery.errand import Outfit
from momentum_trio.delivery.method import Feed


class Ecstream:
    """The method ECSTREAM: many messages in a batch, batches ahead of their results."""

    word = "ECSTREAM"

    def __init__(self, outfit: Outfit) -> None:
        self._outfit = outfit

    async def carry(self, feed: Feed) -> None:
        """Hold a connection for *feed*; see Carrier.

        A message whose results were lost is sent again under the same key, where the server takes keys.
        """
        await EcstreamErrand(self._outfit, feed).run()
