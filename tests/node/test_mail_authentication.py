"""SPF, DKIM and DMARC of mail that a whole node receives, with DNS as it is and as it fails."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from email import message_from_bytes
from pathlib import Path
from typing import TypeVar

import pytest
import trio
from dkim_keys import ed25519, pem, record
from simulated_host import Site, console, write_file

from momentum_trio.config.load import load_text
from momentum_trio.mail.record import Panic, Received, Record, Rejected
from momentum_trio.node.explanation.answer import answer
from momentum_trio.node.schema import DECLARED
from momentum_trio.protocol.dkim.canonical import BodyHash, Canon
from momentum_trio.protocol.dkim.key import Key
from momentum_trio.protocol.dkim.signature import Algorithm, Signature, SignatureTerms, header_fields
from sim.nameserver import Nameserver, Treatment

T = TypeVar("T")

NS = "10.0.0.53"
MODULES = 'spf_v1 "spf" {} dkim_validate "dkim" {} dmarc "dmarc" {}'
CONFIG = """
Hostname = "mx.example"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Domain "example.com" { Delivery_Method = Maildir  Maildir_Path = "/var/mail/%d/%l" }
ESMTP_Listener { Listen ":25" {} }
Control_Listener { Listen "/run/control" {} }
"""
ZONE = f"""
$ORIGIN example.
$TTL 300
@ SOA ns.example. a.example. 1 1 1 1 60
good TXT "v=spf1 ip4:10.0.0.7 -all"
_dmarc.good TXT "v=DMARC1; p=reject"
s._domainkey.good TXT "{record(ed25519()).decode()}"
bad TXT "v=spf1 -all exp=why.bad.example"
why.bad TXT "%{{i}} is none of ours"
_dmarc.bad TXT "v=DMARC1; p=reject"
_dmarc.aside TXT "v=DMARC1; p=quarantine"
aside TXT "v=spf1 ?all"
silent TXT "v=spf1 -all"
_dmarc.silent TXT "v=DMARC1; p=reject"
"""


class Receiver(Site):
    """A site whose node verifies what it takes. records: all of the node's."""

    def __init__(self, modules: str = MODULES, module: str = "") -> None:
        super().__init__()
        self.records: list[Record] = []
        self.module, self.config = module, f"{CONFIG}\n{modules}"
        self.nameserver: Nameserver

    def tell(self, story: Callable[[Receiver], Awaitable[T]]) -> T:
        async def main() -> T:
            ns = self.world.host("ns", NS)
            self.mx.nameservers = [NS]
            self.nameserver = await self.world.nameserver(ns, ZONE)
            if self.module:
                await self.mx.call(write_file, "/etc/policy/site.py", self.module.encode())
                self.config += 'policy "site" { module = "/etc/policy/site.py" }'
            await self.configure(self.config)
            await self.boot()
            self.life.machine.events.subscribe(self.records.append)
            return await story(self)

        return self.world.run(main)

    async def send(self, domain: str, content: bytes | None = None, sender: str | None = None) -> str:
        """The reply to a message of ann's there, or to the command that is refused."""
        lines = ["EHLO client.example", f"MAIL FROM:<{sender or f'ann@{domain}'}>", "RCPT TO:<c@example.com>", "DATA"]
        refused = next((reply for reply in await self.talk(*lines) if reply[0] in "45"), "")
        text = (content or message(domain)).decode("latin-1")
        return refused or (await self.talk(*lines, f"{text}."))[-1]

    async def got(self) -> list[bytes]:
        """What has come to the mailbox, with the line ends that it had in transit."""
        await trio.sleep(5)
        return [octets.replace(b"\n", b"\r\n") for octets in await self.mailbox("c")]


def message(domain: str, *more: str, body: str = "hello\r\n") -> bytes:
    fields = [f"From: ann@{domain}", "Date: Tue, 1 Jan 2019 00:00:00 +0000", "Message-ID: <1@x>", *more]
    return ("\r\n".join(fields) + "\r\n\r\n" + body).encode()


def signed(content: bytes, domain: str = "good.example") -> bytes:
    how = SignatureTerms(
        domain, "s", Algorithm.ED25519_SHA256, Canon.RELAXED, Canon.RELAXED, ("from",), frozenset(("from",)), 1
    )
    section, _, body = content.partition(b"\r\n\r\n")
    digest = BodyHash(how.body_canon)
    digest.part(body)
    signature = Signature(how, header_fields(section + b"\r\n"), digest.digest())
    return signature.field(Key.parse(pem(ed25519())).sign(signature.to_sign)) + content


def results(octets: bytes) -> list[str]:
    """The Authentication-Results fields of a message, unfolded."""
    found = message_from_bytes(octets).get_all("Authentication-Results", [])
    return [re.sub(r"\s+", " ", str(field)) for field in found]


def test_what_was_found_stands_in_front_of_the_message() -> None:
    async def story(site: Receiver) -> None:
        forged = message(
            "good.example",
            "Authentication-Results: mx.example; dmarc=pass",
            "Authentication-Results: other.example; x=y",
        )
        content = signed(forged)
        assert (await site.send("good.example", content)).startswith("250 2.0.0 OK")
        (octets,) = await site.got()
        first, second = results(octets)
        signature = re.sub(rb"\s", b"", content.partition(b"\tb=\r\n\t")[2])[:8].decode()
        value = signature if re.fullmatch(r"[A-Za-z0-9+]+", signature) else f'"{signature}"'
        assert first == (
            "mx.example; spf=pass smtp.mailfrom=ann@good.example; dkim=pass header.d=good.example header.s=s"
            f" header.i=@good.example header.a=ed25519-sha256 header.b={value}; dmarc=pass header.from=good.example"
        )
        assert second == "other.example; x=y"
        names = [name for name, _ in message_from_bytes(octets).items()]
        assert names[:4] == ["Return-Path", "Received-SPF", "Authentication-Results", "Received"]
        assert octets.endswith(b"\r\n\r\nhello\r\n")

    Receiver().tell(story)


def test_dns_that_does_not_answer_costs_nobody_a_message() -> None:
    """SPF, the key and the policy are temporary errors: told of, and refused only where that is wished."""

    async def story(site: Receiver) -> None:
        for name in ("silent.example", "_dmarc.silent.example", "s._domainkey.silent.example"):
            site.nameserver.treat(name, Treatment(drop_share=1.0))
        content = signed(message("silent.example"), "silent.example")
        assert (await site.send("silent.example", content)).startswith("250 2.0.0 OK")
        (octets,) = await site.got()
        (found,) = results(octets)
        assert [re.findall(rf" {name}=(\w+)", found) for name in ("spf", "dkim", "dmarc")] == [["temperror"]] * 3
        assert "Received-SPF: temperror" in octets.decode()

    async def strict(site: Receiver) -> None:
        site.nameserver.treat("_dmarc.silent.example", Treatment(drop_share=1.0))
        reply = await site.send("silent.example")
        assert reply == "451 4.7.0 the DMARC policy of the author's domain cannot be checked now"
        assert await site.got() == []

    Receiver().tell(story)
    Receiver("dmarc { enforce = true timeout = 5 }").tell(strict)


@pytest.mark.parametrize(
    ("modules", "domain", "reply"),
    [
        (MODULES, "bad.example", "250 2.0.0 OK"),
        ("spf_v1 { fail_code = 550 }", "bad.example", "550 5.7.23 bad.example explains: 10.0.0.7 is none of ours"),
        ("spf_v1 { nxdomain_code = 450 }", "nowhere.example", "450 4.1.8 Could not resolve sender's domain"),
        ("dmarc { enforce = true }", "good.example", "250 2.0.0 OK"),
        ("dmarc { enforce = true }", "bad.example",
         "550 5.7.26 mail from bad.example is not authenticated (DMARC policy of that domain)"),
        ("dmarc { enforce = true }", "aside.example", "250 2.0.0 OK"),
        ("dmarc { enforce = true quarantine_code = 450 }", "aside.example", "450 4.7.26 mail from aside.example"),
        ("dmarc { enforce = true } Relay_Hosts = ( 10.0.0.7 )", "bad.example", "250 2.0.0 OK"),
    ],
)  # fmt: skip
def test_what_is_refused(modules: str, domain: str, reply: str) -> None:
    async def story(site: Receiver) -> None:
        assert (await site.send(domain)).startswith(reply)
        if (said := [record for record in site.records if isinstance(record, Rejected)]) and reply[0] in "45":
            assert said[0].module in ("spf_v1", "dmarc")
            assert dict(said[0].message_context)[f"{said[0].module.removesuffix('_v1')}_status"] in ("fail", "none")

    Receiver(modules).tell(story)


def test_a_listener_may_leave_one_out() -> None:
    async def story(site: Receiver) -> None:
        site.config = site.config.replace("ESMTP_Listener {", 'ESMTP_Listener { Context = [ __bypass_dmarc = "true" ]')
        await site.configure(site.config)
        await site.mx.call(console, "config reload")
        assert (await site.send("bad.example")).startswith("250")
        assert [re.findall(r" (\w+)=(?:fail|none)", results(octets)[0]) for octets in await site.got()] == [
            ["spf", "dkim"]
        ]

    Receiver("dmarc { enforce = true }").tell(story)


def test_a_module_of_a_user_sees_what_was_found() -> None:
    module = """
from momentum_trio.reception.policy import *

async def rcptto(session, mail, recipient):
    assert mail.findings.spf.result is SpfResult.NEUTRAL and mail.variables["spf_status"] == "neutral"
    assert mail.findings.dkim is None
    return Continue()

async def data_spool(session, mail, content):
    findings = mail.findings
    assert findings.dkim == () and mail.variables["dkim_status"] == "none"
    if findings.dmarc.result is DmarcResult.FAIL and findings.dmarc.disposition is DmarcPolicy.QUARANTINE:
        return Reject(f"put aside: {mail.variables['dmarc_disposition']} by {findings.dmarc.author}")
    return Continue()
"""

    async def story(site: Receiver) -> None:
        assert await site.send("aside.example") == "550 5.7.1 put aside: quarantine by aside.example"

    Receiver(module=module).tell(story)


def test_large_content_and_one_message_after_another() -> None:
    """What was found of one is not told of the next; the fields stand in front of content in a file of its own too."""

    async def story(site: Receiver) -> None:
        large = message(
            "good.example", body="0123456789" * 7 + "\r\n" + "x" * 60 + "\r\n" * 5000 + ("y" * 70 + "\r\n") * 9000
        )
        first, second = signed(large), message("aside.example")
        replies = await site.talk(
            "EHLO client.example", "MAIL FROM:<ann@good.example>", "RCPT TO:<c@example.com>", "DATA",
            first.decode() + ".", "MAIL FROM:<>", "RCPT TO:<c@example.com>", "DATA", second.decode() + ".",
        )  # fmt: skip
        assert [reply[:3] for reply in replies[-5:]] == ["250", "250", "250", "354", "250"]
        one, other = sorted(await site.got(), key=len, reverse=True)
        assert one.endswith(large.partition(b"\r\n\r\n")[2])
        assert "dkim=pass" in results(one)[0]
        assert len(one) - len(first) < 1500
        (told,) = results(other)
        assert told == (
            'mx.example; spf=none reason="it has no record" smtp.helo=client.example; dkim=none; dmarc=fail'
            " header.from=aside.example policy.dmarc=quarantine"
        )

    Receiver().tell(story)


@pytest.mark.parametrize(
    ("more", "kept"),
    [
        ("", 0),
        ("Authserv_Trusted_Hosts = ( 10.0.0.7 )", 1),
        ('Authserv_ID = "other"', 1),
        ("Relay_Hosts = ( 10.0.0.7 )", 0),  # whoever may relay is not believed for that
    ],
)
def test_whose_fields_by_our_name_stay(more: str, kept: int) -> None:
    async def story(site: Receiver) -> None:
        content = message("good.example", "Authentication-Results: mx.example; dmarc=pass (forged)")
        assert (await site.send("good.example", content)).startswith("250")
        (octets,) = await site.got()
        assert octets.count(b"(forged)") == kept

    Receiver(f"spf_v1 {{}} {more}").tell(story)


def test_a_public_suffix_list_is_read_and_one_that_is_not_there_is_told_of() -> None:
    modules = 'dmarc { public_suffix_file = "/etc/suffixes" }'

    async def story(site: Receiver) -> None:
        assert (await site.send("sub.bad.example")).startswith("250")
        await site.mx.call(write_file, "/etc/suffixes", b"// a registry\nexample\nbad.example\n")
        await trio.sleep(3601)
        assert (await site.send("sub.bad.example")).startswith("250")
        first, second = (results(octets)[0] for octets in sorted(await site.got(), key=b"dmarc=none".__contains__))
        assert sorted("dmarc=fail" in each for each in (first, second)) == [False, True]
        (panic,) = [record.text for record in site.records if isinstance(record, Panic)]
        assert panic.startswith("dmarc: public_suffix_file: /etc/suffixes: ")

    Receiver(modules).tell(story)


def test_operators_see_the_modules() -> None:
    async def story(site: Receiver) -> None:
        text = await site.mx.call(console, "module list")
        assert [name for name in ("spf_v1:spf", "dkim_validate:dkim", "dmarc:dmarc") if f"Module: {name}" in text] == [
            "spf_v1:spf", "dkim_validate:dkim", "dmarc:dmarc",
        ]  # fmt: skip

    Receiver().tell(story)
    tree = load_text(f"{CONFIG}{MODULES}", declared=DECLARED)
    text = answer(tree, ["192.0.2.1", "from", "a@b.example"], "mx.example").text
    assert "  spf_v1 in mailfrom\n  dkim_validate in data, data_spool\n  dmarc in data_spool\n" in text


def shown(language: str) -> str:
    """The first block of the page that is written in *language*."""
    page = (Path(__file__).parents[2] / "docs/mail-authentication.md").read_text(encoding="utf-8")
    found = re.search(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def test_the_examples_of_the_page() -> None:
    """docs/mail-authentication.md: forged mail is refused, at MAIL or behind its content; the other is taken."""

    async def story(site: Receiver) -> None:
        await site.mx.call(write_file, "/etc/ecelerity/public_suffix_list.dat", b"example\n")
        assert (await site.send("good.example")).startswith("250")
        assert (await site.send("bad.example")).startswith("550 5.7.23 bad.example explains")
        reply = await site.send("bad.example", sender="eve@good.example")
        assert reply.startswith("550 5.7.26 mail from bad.example is not authenticated")
        assert (await site.send("aside.example")).startswith("250")
        bindings = [record.binding for record in site.records if isinstance(record, Received)]
        assert bindings == ["default", "quarantine"]
        assert not [record for record in site.records if isinstance(record, Panic)]

    Receiver(shown("") + 'Binding "quarantine" {}', shown("python")).tell(story)
