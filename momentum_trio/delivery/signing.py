"""Signatures of content on its way out."""

from __future__ import annotations

from typing import Protocol

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.outcome import Deferred
from momentum_trio.spool.message import Batch


class Signing(Protocol):
    """The signing of one content that is shown in parts."""

    def part(self, octets: bytes) -> None:
        """Look at the next part."""
        ...

    async def fields(self) -> bytes | Deferred:
        """The fields that go in front of it, CRLF at their end; empty when it is not signed."""
        ...


class Signer(Protocol):
    """Signs content; one per node."""

    def signing(self, batch: Batch, chain: Chain, is_converted: bool) -> Signing:
        """Begin with the content of *batch*; is_converted: not as it is in custody."""
        ...
