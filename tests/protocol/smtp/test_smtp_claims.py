"""What a trusted proxy says: XCLIENT (Postfix's XCLIENT_README), XREMOTEIP, XSETCONTEXT, XDUMPCONTEXT."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.claims import XCLIENT_OFFER, Claim
from momentum_trio.protocol.smtp.event import Event, Mail, Refusal, XClient, XRemoteIp, XSetContext
from momentum_trio.protocol.smtp.server import Server
from momentum_trio.protocol.smtp.strategies import rehearse
from momentum_trio.protocol.smtp.terms import Terms

TERMS = Terms(
    "mx.example",
    Reply.of("220 mx.example ESMTP"),
    (XCLIENT_OFFER, "XREMOTEIP", "XSETCONTEXT", "XDUMPCONTEXT", "AUTH PLAIN"),
)
M, R = "MAIL FROM:<>\r\n", "RCPT TO:<b@c>\r\n"


def said(line: str) -> tuple[Event, str]:
    """What *line* becomes, and the last line of the reply."""
    rehearsed = rehearse([f"EHLO a\r\n{line}\r\n".encode()], TERMS)
    return rehearsed.events[-1], rehearsed.octets.splitlines()[-1].decode()


@pytest.mark.parametrize(
    ("attributes", "claim"),
    [
        ("ADDR=192.0.2.9", Claim(ip_address("192.0.2.9"))),
        ("addr=192.0.2.9 port=4711", Claim(ip_address("192.0.2.9"), 4711)),
        ("ADDR=IPV6:2001:db8::1", Claim(ip_address("2001:db8::1"))),
        ("ADDR=IPv6:::ffff:192.0.2.9", Claim(ip_address("192.0.2.9"))),
        ("NAME=spike.example HELO=[192.0.2.9] PROTO=SMTP", Claim(name="spike.example", hello="[192.0.2.9]")),
        ("HELO=a+2Bb", Claim(hello="a+b")),
        ("ADDR=[UNAVAILABLE] NAME=[TEMPUNAVAIL] PORT=[unavailable]", Claim()),
        ("ADDR= PORT=", Claim()),
        ("DESTADDR=192.0.2.1 DESTPORT=25", Claim(local_address=ip_address("192.0.2.1"), local_port=25)),
    ],
)
def test_xclient(attributes: str, claim: Claim) -> None:
    line = f"XCLIENT {attributes}"
    assert said(line) == (XClient(claim, line), "220 mx.example ESMTP")


@pytest.mark.parametrize(
    "attributes",
    [
        "",
        " ",
        "ADDR",
        "ADDR=x",
        "ADDR=192.0.2.9 ADDR=192.0.2.9",
        "ADDR=192.0.2.9  PORT=1",
        "ADDR=2001:db8::1",
        "ADDR=IPV6:192.0.2.9x",
        "ADDR=IPV6:fe80::1%eth0",
        "ADDR=192.0.2.0/24",
        "ADDR=0192.0.2.9",
        "PORT=65536",
        "PORT=-1",
        "PROTO=LMTP",
        "HELO=+00",
        "HELO=+0D+0A",
        "HELO=a+20b",
        "HELO=" + "a" * 256,
        "LOGIN=ann",  # nobody is believed to have proved who he is
        "REVERSE_NAME=x",
        "__proto__=x",
    ],
)
def test_what_is_no_xclient(attributes: str) -> None:
    event, reply = said(f"XCLIENT {attributes}")
    assert (type(event), reply) == (Refusal, str(replies.XCLIENT_SYNTAX))


@pytest.mark.parametrize(
    ("dialogue", "codes"),
    [
        # the conversation begins anew: an EHLO is needed for AUTH, and what was proved is proved no more
        ("EHLO a\r\nXCLIENT ADDR=192.0.2.9\r\nAUTH PLAIN =\r\nEHLO b\r\nAUTH PLAIN =\r\n", [250, 220, 503, 250, 235]),
        ("EHLO a\r\nAUTH PLAIN =\r\nXCLIENT ADDR=192.0.2.9\r\nEHLO b\r\nAUTH PLAIN =\r\n", [250, 235, 220, 250, 235]),
        # before the hello; not in a mail transaction, which goes on
        ("XCLIENT ADDR=192.0.2.9\r\n" + M, [220, 250]),
        (M + R + "XCLIENT ADDR=192.0.2.9\r\nXSETCONTEXT a=1\r\nDATA\r\n", [250, 250, 503, 503, 354]),
        # XREMOTEIP and XDUMPCONTEXT at any time
        ("XREMOTEIP 192.0.2.9\r\n" + M + "XREMOTEIP 2001:db8::1\r\n" + R + "DATA\r\n", [250, 250, 250, 250, 354]),
        (M + "XDUMPCONTEXT\r\nXDUMPCONTEXT x\r\n" + R, [250, 250, 501, 250]),
        ("XREMOTEIP\r\nXREMOTEIP x\r\nXREMOTEIP 192.0.2.9/32\r\nXREMOTEIP 192.0.2.9 a\r\n", [501] * 4),
    ],
)
def test_order(dialogue: str, codes: list[int]) -> None:
    octets = dialogue.encode()
    assert rehearse([octets], TERMS).codes == [220, *codes]
    assert rehearse([bytes([octet]) for octet in octets], TERMS).codes == [220, *codes]


def test_after_xclient_the_terms_are_those_of_the_client() -> None:
    server = Server(TERMS)
    server.begin()
    server.receive(b"EHLO a\r\nXCLIENT ADDR=192.0.2.9\r\nMAIL FROM:<>\r\n")
    for terms in (TERMS, replace(TERMS, greeting=Reply.of("220 other"), require_ehlo=True)):
        assert server.next_event() is not None
        server.terms = terms
        server.answer()
    assert server.octets_to_send().endswith(b"220 other\r\n")
    assert server.next_event() == Refusal("MAIL FROM:<>", replies.HELLO_NEEDED)


def test_an_xclient_that_is_refused_changes_nothing() -> None:
    octets = b"EHLO a\r\nAUTH PLAIN =\r\nXCLIENT ADDR=192.0.2.9\r\n" + M.encode()
    rehearsed = rehearse([octets], TERMS, [True, True, False])
    assert rehearsed.codes == [220, 250, 235, 550, 250]
    assert rehearsed.server.authenticated


@pytest.mark.parametrize("line", ["XCLIENT ADDR=192.0.2.9", "XREMOTEIP 192.0.2.9", "XSETCONTEXT a=1", "XDUMPCONTEXT"])
def test_strangers_are_not_heard(line: str) -> None:
    # only those to whom it is offered
    rehearsed = rehearse([f"{line}\r\n".encode()], replace(TERMS, extensions=("PIPELINING",)))
    assert rehearsed.events == (Refusal(line, replies.UNRECOGNIZED),)


@pytest.mark.parametrize(
    ("argument", "pairs"),
    [
        ("a=1 b=2", (("a", "1"), ("b", "2"))),
        ("a=1 a=2", (("a", "1"), ("a", "2"))),
        ("a= b=+20x+3D", (("a", ""), ("b", " x="))),
    ],
)
def test_xsetcontext(argument: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert said(f"XSETCONTEXT {argument}") == (XSetContext(pairs), str(replies.XSETCONTEXT))


@pytest.mark.parametrize("argument", ["", "a", "=1", "a=1  b=2", "a=+0A", "a=+0", "a=+00", "a b=1", "x" * 65 + "=1"])
def test_what_is_no_xsetcontext(argument: str) -> None:
    assert said(f"XSETCONTEXT {argument}")[1] == str(replies.XSETCONTEXT_SYNTAX)


@pytest.mark.parametrize("name", ["can_relay", "CAN_RELAY", "auth_user", "auth_status", "tls", "tls_cipher", "pathway"])
def test_what_the_server_alone_knows_is_not_set(name: str) -> None:
    assert said(f"XSETCONTEXT a=1 {name}=true")[1] == str(replies.XSETCONTEXT_OWN)


def test_events() -> None:
    assert said("XREMOTEIP ::ffff:192.0.2.9") == (
        XRemoteIp(ip_address("192.0.2.9"), "XREMOTEIP ::ffff:192.0.2.9"),
        str(replies.XREMOTEIP),
    )
    assert isinstance(said("MAIL FROM:<>")[0], Mail)


def test_the_reply_to_xdumpcontext() -> None:
    # the manual's sample
    reply = replies.contexts((("ehlo_domain", "there"), ("ehlo_string", "ehlo there")), (("mailfrom_string", "x"),))
    assert reply.octets() == (
        b"250-[connection] ehlo_domain there\r\n250-[connection] ehlo_string ehlo there\r\n"
        b"250-[message] mailfrom_string x\r\n250 XDUMPCONTEXT complete\r\n"
    )
