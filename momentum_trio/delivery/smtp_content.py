"""Content on its way out of custody, with the signatures that go in front of it; converted where a server needs that.

Small content is held; larger content is read in parts, once to look at it and to hash it.
"""

from __future__ import annotations

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.custody import Contents
from momentum_trio.delivery.outcome import Bounced, Deferred
from momentum_trio.delivery.signing import Signer, Signing
from momentum_trio.delivery.smtp_options import AS_IT_IS, STRIPPED, SmtpOptions
from momentum_trio.mail.mime.seven_bit import Unconvertible, seven_bit, stripped
from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.smtp.client_content import Inspection
from momentum_trio.spool.fault import ContentDamaged
from momentum_trio.spool.message import Batch

HELD_OCTETS_MAX = 256 * 1024
PART_OCTETS = 128 * 1024

CONVERTED_OCTETS_MAX = 8 * 1024 * 1024
"""Content larger than this is not converted: that is done in memory, and 8 MiB take some 0.2 s."""


class OutgoingContent:
    """The content of one batch as it is sent, and, once inspected, what is known of it.

    octets: its length, signatures included. eight_bit: it has octets that 7-bit transport does not carry.
    binary: it has a NUL, or a CR or LF alone, which only BINARYMIME carries (RFC 3030 section 3).
    """

    __slots__ = ("_batch", "_chain", "_contents", "_held", "_inspection", "_prefix", "_signer")

    def __init__(
        self, contents: Contents, batch: Batch, signer: Signer | None, chain: Chain, converted: bytes | None = None
    ) -> None:
        """chain: the outbound scopes that hold for it. converted: what is sent in place of the content in custody."""
        self._contents, self._batch, self._signer, self._chain = contents, batch, signer, chain
        self._held = converted
        self._inspection = Inspection()
        self._prefix = b""

    @property
    def octets(self) -> int:
        return len(self._prefix) + self._inspection.octets

    @property
    def eight_bit(self) -> bool:
        return self._inspection.eight_bit

    @property
    def binary(self) -> bool:
        return self._inspection.binary

    @property
    def signatures(self) -> bytes:
        """The header fields in front that are not in custody."""
        return self._prefix

    @property
    def resident(self) -> bool:
        """Whether ``part`` reads from memory, and waits for nothing."""
        return self._held is not None

    async def inspect(self) -> Deferred | None:
        """Look at all of it, once, and sign it. Returns why it may not go now, else None.

        Raises: KeyError (not in custody), SpoolFault; ContentDamaged, when it is not as long as it was.
        """
        is_converted = self._held is not None
        expected = self._batch.octets if self._held is None else len(self._held)
        signing = None if self._signer is None else self._signer.signing(self._batch, self._chain, is_converted)
        if self._held is None and expected <= HELD_OCTETS_MAX:
            self._held = await self._contents.content(self._batch.batch_id)
        if self._held is not None:
            self._look_at(self._held, signing)
        else:
            while part := await self._part(self._inspection.octets):
                self._look_at(part, signing)
        if self._inspection.octets != expected:
            raise ContentDamaged(f"{self._inspection.octets} of {expected} octets")
        fields = b"" if signing is None else await signing.fields()
        if isinstance(fields, Deferred):
            return fields
        self._prefix = fields
        return None

    def _look_at(self, part: bytes, signing: Signing | None) -> None:
        self._inspection.part(part)
        if signing is not None:
            signing.part(part)

    async def part(self, offset: int) -> bytes:
        """The part that begins at *offset* of ``octets``; empty at the end and beyond. Raises: KeyError, SpoolFault."""
        if offset < len(self._prefix):
            return self._prefix[offset:] + (self._held or b"")
        return await self._part(offset - len(self._prefix))

    async def _part(self, offset: int) -> bytes:
        """The same, of what is signed."""
        if self._held is not None:
            return self._held[offset:]
        return await self._contents.read(self._batch.batch_id, offset, PART_OCTETS)

    async def seven_bit(self) -> OutgoingContent | Deferred | Bounced:
        """This content for a server that takes neither 8-bit octets nor binary, inspected and signed anew.

        Transform_8BitMime_Content says how, or that it is refused (554 5.6.3). Raises: as ``inspect``.
        """
        word = SmtpOptions.resolve(self._chain).eight_bit_transform
        if word == AS_IT_IS:
            return _refused("Transform_8BitMime_Content = no")
        if self._inspection.octets > CONVERTED_OCTETS_MAX:
            return _refused(f"it has {self._inspection.octets} octets, too many to convert it")
        whole = self._held if self._held is not None else await self._contents.content(self._batch.batch_id)
        converted = stripped(whole) if word == STRIPPED else seven_bit(whole)
        if isinstance(converted, Unconvertible):
            return _refused(converted.why)
        content = OutgoingContent(self._contents, self._batch, self._signer, self._chain, converted)
        return await content.inspect() or content


def _refused(why: str) -> Bounced:
    return Bounced(f"554 5.6.3 [internal] the server takes no such content as it is, and {why}", Stage.IDLE)
