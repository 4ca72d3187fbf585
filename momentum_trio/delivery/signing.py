"""DKIM signatures of content on its way out.

A signature is made once for each content and remembered for a while: recipients of one batch in many domains get the
same one. RSA of 2048 bits takes some 0.6 ms and is done in line: a worker would keep the interpreter as busy.
"""

from __future__ import annotations

from typing import Protocol

import trio

from momentum_trio.config.chain import Chain
from momentum_trio.config.tree import ConfigTree
from momentum_trio.delivery.cache_counts import CacheReport
from momentum_trio.delivery.dkim_options import OutboundSigningOptions
from momentum_trio.delivery.outcome import Deferred
from momentum_trio.delivery.signing_keys import Keys, Missing
from momentum_trio.delivery.signing_policy import Identity, SigningPolicy
from momentum_trio.machine import Machine
from momentum_trio.mail.header import HEADER_OCTETS_MAX, section_end
from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.dkim.author import author_domain
from momentum_trio.protocol.dkim.canonical import BodyHash, Canon
from momentum_trio.protocol.dkim.signature import Signature, SignatureTerms, header_fields
from momentum_trio.spool.message import Batch

REMEMBERED_MAX = 4096
"""Contents whose signatures are remembered, some 600 octets each."""

REMEMBERED_SECONDS = 300.0
"""How long: what is sent later is signed anew, by the key that is there then, and expires later."""


class Generation(Protocol):
    """What of a generation of the configuration is asked here."""

    @property
    def tree(self) -> ConfigTree: ...


class Generations(Protocol):
    """Where the current generation is found."""

    @property
    def current(self) -> Generation: ...


class _Remembered:
    """The signatures of one content."""

    __slots__ = ("fields", "identities", "made_at")

    def __init__(self, identities: tuple[Identity, ...], fields: bytes) -> None:
        self.identities, self.fields = identities, fields
        self.made_at = trio.current_time()


class Signer:
    """Signs content as the current configuration says; one per node.

    signed, failed: signatures since the start, made and not made for want of a key.
    """

    def __init__(self, machine: Machine, generations: Generations) -> None:
        self.machine, self._generations = machine, generations
        self.keys = Keys(machine)
        self.signed = self.failed = 0
        self._tree: ConfigTree | None = None
        self._policy = SigningPolicy(generations.current.tree.root)
        self._remembered: dict[tuple[str, bool], _Remembered] = {}  # the oldest first

    def report(self) -> CacheReport:
        """Of the keys in memory."""
        return CacheReport("keys", self.policy.keys_max, len(self.keys), self.keys.counts)

    @property
    def policy(self) -> SigningPolicy:
        """That of the current generation."""
        tree = self._generations.current.tree
        if tree is not self._tree:
            self._tree, self._policy = tree, SigningPolicy(tree.root)
        return self._policy

    def signing(self, batch: Batch, chain: Chain, is_converted: bool) -> Signing | None:
        """Begin to sign the content of *batch*; None when nothing is signed on the way that *chain* stands for.

        is_converted: the content is not as it is in custody, but in its form of seven bits.
        """
        policy = self.policy
        if policy.is_empty or not OutboundSigningOptions.resolve(chain).signs:
            return None
        return Signing(self, policy, batch, is_converted)

    def recall(self, batch: Batch, is_converted: bool, identities: tuple[Identity, ...]) -> bytes | None:
        """The signatures by *identities* that this content was given not long ago."""
        known = self._remembered.get((batch.batch_id, is_converted))
        if known is None or known.identities != identities:
            return None
        return known.fields if trio.current_time() - known.made_at < REMEMBERED_SECONDS else None

    def remember(self, batch: Batch, is_converted: bool, identities: tuple[Identity, ...], fields: bytes) -> None:
        """Keep *fields* for ``recall``."""
        self._remembered.pop((batch.batch_id, is_converted), None)
        self._remembered[batch.batch_id, is_converted] = _Remembered(identities, fields)
        if len(self._remembered) > REMEMBERED_MAX:
            del self._remembered[next(iter(self._remembered))]


class Signing:
    """The signing of one content, which is shown in parts, cut anywhere."""

    __slots__ = (
        "_batch",
        "_bodies",
        "_fields",
        "_identities",
        "_is_converted",
        "_known",
        "_looked",
        "_policy",
        "_section",
        "_signer",
    )

    def __init__(self, signer: Signer, policy: SigningPolicy, batch: Batch, is_converted: bool) -> None:
        self._signer, self._policy, self._batch, self._is_converted = signer, policy, batch, is_converted
        self._section = b""  # what came of the header section, until it was all
        self._looked = 0
        self._fields: list[tuple[str, bytes]] | None = None  # of the header section, when it was all
        self._identities: tuple[Identity, ...] = ()
        self._bodies: dict[Canon, BodyHash] = {}
        self._known: bytes | None = None

    def part(self, octets: bytes) -> None:
        """Look at the next part."""
        if self._fields is None:
            self._section += octets
            end = section_end(self._section, self._looked)
            self._looked = len(self._section)
            if end < 0 and self._looked <= HEADER_OCTETS_MAX:
                return
            octets = self._section[end + 2 :]
            self._take_section(self._section[: max(end, 0)])  # one without an end is none, and is not signed
        for body in self._bodies.values():
            body.part(octets)

    def _take_section(self, section: bytes) -> None:
        self._section = b""
        self._fields = header_fields(section)
        author = [field for name, field in self._fields if name == "from"]
        if len(author) == 1:  # readers would not agree whose a message with two is
            context = dict(self._batch.context)
            found = self._policy.identities(author_domain(author[0]))
            self._identities = tuple(one for one in found if not one.condition or one.condition in context)
        self._known = self._signer.recall(self._batch, self._is_converted, self._identities)
        if self._known is None:
            self._bodies = {identity.body_canon: BodyHash(identity.body_canon) for identity in self._identities}

    async def fields(self) -> bytes | Deferred:
        """The signatures of what was shown, all of the content: whole fields, none when it is not signed.

        Deferred where a signature cannot be made and Sign_Failure = defer; else that one is left out.
        """
        if self._fields is None:
            line_end = b"" if self._section.endswith(b"\r\n") else b"\r\n"  # it gets one in transit
            self._take_section(self._section + line_end)
        if self._known is not None or not self._identities:
            return self._known or b""
        digests = {canon: body.digest() for canon, body in self._bodies.items()}
        made = [await self._sign(identity, digests[identity.body_canon]) for identity in self._identities]
        whole = b""
        for one in made:
            if isinstance(one, Deferred):
                return one
            whole += one
        if all(made):
            self._signer.remember(self._batch, self._is_converted, self._identities, whole)
        return whole

    async def _sign(self, identity: Identity, body_hash: bytes) -> bytes | Deferred:
        """The field of *identity*; empty when it cannot be made."""
        signer = self._signer
        key = await signer.keys.key(
            identity.key_path,
            identity.digest,
            identity.kept_seconds,
            identity.missing_seconds,
            self._policy.keys_max,
        )
        if isinstance(key, Missing):
            signer.failed += 1
            return Deferred(f"451 4.7.5 [internal] DKIM: {key.why}", Stage.UNKNOWN) if identity.defers else b""
        assert self._fields is not None
        now = int(signer.machine.clock.now())
        terms = SignatureTerms(
            identity.domain,
            identity.selector,
            key.algorithm,
            identity.header_canon,
            identity.body_canon,
            identity.names,
            identity.guarded,
            now,
            now + identity.lifetime_seconds if identity.lifetime_seconds else None,
        )
        signature = Signature(terms, self._fields, body_hash)
        signer.signed += 1
        return signature.field(key.sign(signature.to_sign))
