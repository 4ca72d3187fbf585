"""Signing at delivery: by whose key, when not, and what becomes of keys that change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from delivery_world import EPOCH, MemorySpool
from dkim_keys import ed25519, pem, record, rsa, verifies

from momentum_trio.config.load import load_text
from momentum_trio.config.tree import ConfigTree
from momentum_trio.delivery.outcome import Bounced, Deferred
from momentum_trio.delivery.signing import REMEMBERED_SECONDS, Signer
from momentum_trio.delivery.smtp_content import CONVERTED_OCTETS_MAX, HELD_OCTETS_MAX, OutgoingContent
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import ChangeMode, Close, File, MakeDirectory, Open, Truncate, Unlink, Write
from momentum_trio.mail.record import Panic, Record
from momentum_trio.node.schema import DECLARED
from momentum_trio.spool.message import Batch, Message
from sim.world import World

MODULE = """
opendkim "one" {{
  header_canon = relaxed
  body_canon = relaxed
  key = "/keys/%{{d}}/%{{s}}.pem"
  {more}
  dkim_domain "example.com" {{ selector = s {domain} }}
}}
{outside}
"""
KEY = "/keys/example.com/s.pem"
MESSAGE = b"From: Ann <ann@example.com>\r\nTo: bob@b.example\r\nSubject: hi\r\n\r\nhello\r\n"
RSA_RECORDS = {b"s._domainkey.example.com.": record(rsa(2048))}


@dataclass
class Generation:
    tree: ConfigTree


@dataclass
class Generations:
    current: Generation


def tree(more: str = "", domain: str = "", outside: str = "") -> ConfigTree:
    return load_text(MODULE.format(more=more, domain=domain, outside=outside), declared=DECLARED)


@dataclass
class Desk:
    """A signer on a host with a disk, and content in custody."""

    machine: Machine
    generations: Generations
    spool: MemorySpool = field(default_factory=MemorySpool)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.machine.events.subscribe(self._note)
        self.signer = Signer(self.machine, self.generations)

    def _note(self, event: Record) -> None:
        if isinstance(event, Panic):
            self.said.append(f"{event.level.value} {event.text}")

    async def write(self, octets: bytes, path: str = KEY, mode: int = 0o600) -> None:
        file = File(path)
        steps = [MakeDirectory(path.rpartition("/")[0]), Open(file, writable=True, create=mode), Truncate(file, 0)]
        await self.machine.disk.perform([*steps, Write(file, 0, [octets]), ChangeMode(path, mode), Close(file)])

    def batch(self, content: bytes = MESSAGE, context: tuple[tuple[str, str], ...] = ()) -> Batch:
        batch_id = self.spool.identifiers.next(0)
        self.spool.contents[batch_id] = content
        messages = (Message(batch_id, "bob@b.example"),)
        return Batch(batch_id, batch_id, EPOCH, "a@c", messages, len(content), "", "esmtp", context=context)

    def content(self, batch: Batch) -> OutgoingContent:
        chain = self.generations.current.tree.chain_outbound("default", "default", "b.example")
        return OutgoingContent(self.spool, batch, self.signer, chain)

    async def sent(self, content: bytes = MESSAGE, context: tuple[tuple[str, str], ...] = ()) -> bytes:
        """What a server would be sent."""
        outgoing = self.content(self.batch(content, context))
        assert await outgoing.inspect() is None
        return await whole(outgoing)


async def whole(content: OutgoingContent) -> bytes:
    octets = b""
    while part := await content.part(len(octets)):
        octets += part
    assert len(octets) == content.octets
    return octets


def tell(story: Callable[[Desk], Awaitable[None]], config: ConfigTree | None = None) -> None:
    """Tell *story* at a desk on a simulated host."""
    world = World(1)
    host = world.host("mx", "10.0.0.25")

    async def at_desk(machine: Machine) -> None:
        await story(Desk(machine, Generations(Generation(config or tree()))))

    async def main() -> None:
        await host.call(at_desk)

    world.run(main)


def test_a_message_is_signed_and_verifies() -> None:
    async def story(desk: Desk) -> None:
        await desk.write(pem(rsa(2048)))
        sent = await desk.sent()
        assert sent.endswith(MESSAGE)
        assert verifies(sent, RSA_RECORDS)
        assert (desk.signer.signed, desk.signer.failed, desk.said) == (1, 0, [])

    tell(story)


@pytest.mark.parametrize("size", [HELD_OCTETS_MAX - 500, HELD_OCTETS_MAX + 500, 1_000_000])
def test_content_that_is_read_in_parts_verifies(size: int) -> None:
    async def story(desk: Desk) -> None:
        await desk.write(pem(rsa(2048)))
        sent = await desk.sent(MESSAGE + b"0123456789  abcdef \r\n" * (size // 21))
        assert verifies(sent, RSA_RECORDS)

    tell(story)


def test_a_header_section_without_a_body_is_signed() -> None:
    async def story(desk: Desk) -> None:
        await desk.write(pem(rsa(2048)))
        assert verifies(await desk.sent(b"From: a@example.com\r\n") + b"\r\n", RSA_RECORDS)

    tell(story)


def test_two_selectors_sign_with_two_algorithms() -> None:
    async def story(desk: Desk) -> None:
        await desk.write(pem(rsa(2048)))
        await desk.write(pem(ed25519()), "/keys/example.com/e.pem")
        sent = await desk.sent()
        records = {**RSA_RECORDS, b"e._domainkey.example.com.": record(ed25519())}
        assert [verifies(sent, records, index) for index in (0, 1)] == [True, True]

    tell(story, tree().set((("opendkim", "one"), ("dkim_domain", "example.com")), "selector", '( "s" "e" )'))


@pytest.mark.parametrize(
    ("author", "config", "signed_by"),
    [
        ("a@example.com", tree(), "example.com"),
        ("a@other.example", tree(), ""),
        ("a@mail.example.com", tree(), ""),
        ("a@mail.example.com", tree(domain="sign_subdomains = true"), "example.com"),
        ("a@deep.mail.example.com", tree("sign_subdomains = true"), "example.com"),
        ("a@badexample.com", tree("sign_subdomains = true"), ""),
        (
            "a@mail.example.com",
            tree('dkim_domain "Mail.Example.com" { selector = s base_domain = "example.com" }'),
            "example.com",
        ),
        ("a@example.com", tree("enabled = false"), ""),
        ("a@example.com", tree(outside="OpenDKIM_Sign = false"), ""),
        ("a@example.com", tree(outside='Domain "b.example" { OpenDKIM_Sign = false }'), ""),
        ("a@example.com", tree(outside='Domain "c.example" { OpenDKIM_Sign = false }'), "example.com"),
        ("a@example.com", tree(outside="Binding_Group default { OpenDKIM_Sign = no }".replace("no", "off")), ""),
        ("a@example.com", tree(domain="sign_condition = can_relay"), ""),
    ],
)
def test_who_signs(author: str, config: ConfigTree, signed_by: str) -> None:
    async def story(desk: Desk) -> None:
        await desk.write(pem(rsa(2048)))
        sent = await desk.sent(MESSAGE.replace(b"ann@example.com", author.encode()))
        assert (f"\td={signed_by};".encode() in sent) == bool(signed_by)
        assert verifies(sent, RSA_RECORDS) == bool(signed_by)
        assert desk.signer.failed == 0

    tell(story, config)


def test_a_condition_asks_the_message_context() -> None:
    async def story(desk: Desk) -> None:
        await desk.write(pem(rsa(2048)))
        assert verifies(await desk.sent(context=(("can_relay", "true"),)), RSA_RECORDS)

    tell(story, tree(domain="sign_condition = can_relay"))


@pytest.mark.parametrize(
    "content",
    [
        b"From: a@example.com\r\nFrom: b@example.com\r\n\r\nx\r\n",
        b"To: a@example.com\r\n\r\nx\r\n",
        b"\r\nFrom: a@example.com\r\n",
        b"",
    ],
)
def test_what_has_no_author_is_not_signed(content: bytes) -> None:
    async def story(desk: Desk) -> None:
        await desk.write(pem(rsa(2048)))
        assert await desk.sent(content) == content
        assert desk.signer.failed == 0

    tell(story)


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        (None, "No such file"),
        (b"nonsense", "no private key"),
        (b"x" * 70_000, "not a file of at most"),
        (pem(Ed25519PrivateKey.generate()), "it is for ed25519-sha256, not for rsa-sha256"),
    ],
)
def test_without_a_key_mail_goes_unsigned_and_it_is_said_once(key: bytes | None, fault: str) -> None:
    async def story(desk: Desk) -> None:
        if key is not None:
            await desk.write(key)
        assert await desk.sent() == MESSAGE
        await trio.sleep(100)
        assert await desk.sent() == MESSAGE
        assert desk.signer.failed == 2
        (said,) = desk.said
        assert said.startswith(f"ERROR DKIM key {KEY}: ")
        assert fault in said

    tell(story, tree(domain="digest = rsa-sha256"))


def test_without_a_key_mail_is_deferred_where_that_is_wanted() -> None:
    async def story(desk: Desk) -> None:
        deferred = await desk.content(batch := desk.batch()).inspect()
        assert isinstance(deferred, Deferred)
        assert deferred.reason.startswith(f"451 4.7.5 [internal] DKIM: key {KEY}: ")
        await desk.write(pem(rsa(2048)))
        await trio.sleep(61)  # neg_keycache_ttl
        assert await desk.content(batch).inspect() is None

    tell(story, tree(domain="sign_failure = defer"))


def test_a_key_that_was_replaced_is_taken_and_a_broken_one_is_not() -> None:
    async def story(desk: Desk) -> None:
        await desk.write(pem(rsa(2048)))
        assert verifies(await desk.sent(), RSA_RECORDS)
        await desk.write(b"broken")
        await trio.sleep(301)  # pos_keycache_ttl
        assert verifies(await desk.sent(), RSA_RECORDS)
        await trio.sleep(301)
        assert verifies(await desk.sent(), RSA_RECORDS)
        assert [line for line in desk.said if "stays in use" in line] == desk.said[-1:]
        await desk.machine.disk.perform([Unlink(KEY)])
        await trio.sleep(301)
        assert verifies(await desk.sent(), RSA_RECORDS)
        await desk.write(pem(ed25519()))
        await trio.sleep(301)
        assert verifies(await desk.sent(), {b"s._domainkey.example.com.": record(ed25519())})
        assert desk.signer.failed == 0

    tell(story)


@pytest.mark.parametrize(
    ("bits", "mode", "warning"),
    [(1024, 0o600, "WARNING DKIM key /keys/example.com/s.pem: 1024 bits"), (2048, 0o644, "WARNING DKIM key /keys/exa")],
)
def test_what_is_said_of_a_weak_key(bits: int, mode: int, warning: str) -> None:
    async def story(desk: Desk) -> None:
        await desk.write(pem(rsa(bits)), mode=mode)
        for _ in range(2):
            assert b"DKIM-Signature" in await desk.sent()
        assert len(desk.said) == 1
        assert desk.said[0].startswith(warning)

    tell(story)


def test_the_keys_held_are_bounded() -> None:
    domains = " ".join(f'dkim_domain "d{number}.example" {{ selector = s }}' for number in range(5))

    async def story(desk: Desk) -> None:
        for number in range(5):
            await desk.write(pem(ed25519()), f"/keys/d{number}.example/s.pem")
        for number in range(10):
            content = MESSAGE.replace(b"example.com", b"d%d.example" % (number % 5))
            assert b"DKIM-Signature" in await desk.sent(content)
        assert len(desk.signer.keys) == 2

    tell(story, tree(f"keycache_size = 2 {domains}"))


def test_content_is_signed_once_for_a_while() -> None:
    async def story(desk: Desk) -> None:
        await desk.write(pem(rsa(2048)))
        batch, sent = desk.batch(), set[bytes]()
        for _ in range(3):
            await (content := desk.content(batch)).inspect()
            sent.add(await whole(content))
            await trio.sleep(1)
        assert (len(sent), desk.signer.signed) == (1, 1)
        await trio.sleep(REMEMBERED_SECONDS)
        await desk.content(batch).inspect()
        assert desk.signer.signed == 2

    tell(story)


def test_another_configuration_signs_anew() -> None:
    async def story(desk: Desk) -> None:
        await desk.write(pem(rsa(2048)))
        await desk.content(batch := desk.batch()).inspect()
        desk.generations.current = Generation(tree("lifetime = 1"))
        await (content := desk.content(batch)).inspect()
        assert b" x=" in await whole(content)
        desk.generations.current = Generation(tree("enabled = false"))
        await (content := desk.content(batch)).inspect()
        assert await whole(content) == MESSAGE

    tell(story)


EIGHT_BIT = MESSAGE + "caf\xe9\r\n".encode()


@pytest.mark.parametrize(("word", "body"), [("ifneeded", b"caf=C3=A9"), ("strict", b"caf=C3=A9"), ("strip", b"cafC)")])
def test_the_form_of_seven_bits_has_a_signature_of_its_own(word: str, body: bytes) -> None:
    async def story(desk: Desk) -> None:
        await desk.write(pem(rsa(2048)))
        batch = desk.batch(EIGHT_BIT)
        await (content := desk.content(batch)).inspect()
        assert content.eight_bit
        made = await content.seven_bit()
        assert isinstance(made, OutgoingContent)
        assert not made.eight_bit
        sent = await whole(made)
        assert body in sent
        assert verifies(sent, RSA_RECORDS)
        assert verifies(await whole(content), RSA_RECORDS)
        assert desk.signer.signed == 2

    tell(story, tree(outside=f"Transform_8BitMime_Content = {word}"))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (EIGHT_BIT, "no"),
        (MESSAGE.replace(b"hi", b"\xff") + b"\xff", "ifneeded"),
        (MESSAGE + b"a\nb", "strip"),
        (MESSAGE + b"\xff" * CONVERTED_OCTETS_MAX, "ifneeded"),
    ],
)
def test_what_is_not_converted_is_refused(content: bytes, word: str) -> None:
    async def story(desk: Desk) -> None:
        await (outgoing := desk.content(desk.batch(content))).inspect()
        made: Any = await outgoing.seven_bit()
        assert isinstance(made, Bounced)
        assert made.reason.startswith("554 5.6.3 [internal] ")

    tell(story, tree(outside=f"Transform_8BitMime_Content = {word}"))


def test_binary_content_becomes_7bit_lines() -> None:
    content = MESSAGE.replace(b"\r\n\r\n", b"\r\nContent-Type: application/x\r\n\r\n") + b"\0\r\n\nx\r"

    async def story(desk: Desk) -> None:
        await (outgoing := desk.content(desk.batch(content))).inspect()
        assert outgoing.binary
        made = await outgoing.seven_bit()
        assert isinstance(made, OutgoingContent)
        assert not made.binary

    tell(story)
