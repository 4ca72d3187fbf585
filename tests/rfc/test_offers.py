"""What this host offers and how long it waits, as RFC 5321 and its extensions have it."""

from __future__ import annotations

import pytest

from momentum_trio.config.chain import Chain
from momentum_trio.config.load import load_text
from momentum_trio.config.option import Option
from momentum_trio.delivery.smtp_options import SmtpOptions
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.esmtp_security import Security
from momentum_trio.listener.esmtp_terms import OFFERED_IF_LISTED, TRUSTED, extensions, for_trusted
from momentum_trio.mail.reply import Reply
from momentum_trio.node.schema import DECLARED
from momentum_trio.protocol.smtp.command import COMMANDS
from momentum_trio.protocol.smtp.strategies import rehearse
from momentum_trio.protocol.smtp.terms import Terms
from momentum_trio.reception.reception_options import ReceptionOptions

REGISTERED = {
    "PIPELINING",  # RFC 2920
    "8BITMIME",  # RFC 6152
    "SIZE",  # RFC 1870
    "ENHANCEDSTATUSCODES",  # RFC 2034
    "DSN",  # RFC 3461
    "SMTPUTF8",  # RFC 6531
    "CHUNKING",  # RFC 3030
    "BINARYMIME",
    "LIMITS",  # RFC 9422
    "STARTTLS",  # RFC 3207
    "AUTH",  # RFC 4954
}
ALL_WORDS = (*OFFERED_IF_LISTED, *TRUSTED, "LIMITS", "SIZE")


def chain(words: tuple[str, ...] = (), more: str = "") -> Chain:
    listed = " ".join(f'"{word}"' for word in words)
    text = f'ESMTP_Listener {{ SMTP_Extensions = ( {listed} ) {more} Listen ":25" {{}} }}'
    tree = load_text(text, declared=DECLARED)
    (listener,) = tree.root.children
    return Chain([listener])


def offered(words: tuple[str, ...] = (), more: str = "") -> tuple[str, ...]:
    scopes = chain(words, more)
    return extensions(SessionOptions.resolve(scopes), ReceptionOptions.resolve(scopes))


def everything() -> tuple[str, ...]:
    """The EHLO lines of a host that offers all it can."""
    security = Security(starttls=True).extensions
    return (*offered(ALL_WORDS), *for_trusted(SessionOptions.resolve(chain(ALL_WORDS))), "AUTH PLAIN", *security)


def test_keywords_are_registered() -> None:
    # RFC 5321 section 2.2.2
    keywords = [line.partition(" ")[0] for line in everything()]
    assert {word for word in keywords if not word.startswith("X")} == REGISTERED
    assert len(set(keywords)) == len(keywords)


def test_what_is_offered_is_known() -> None:
    # sections 4.1.1.1 and 4.2.4; EXPN is not implemented
    lines = everything()
    keywords = {line.partition(" ")[0] for line in lines}
    terms = Terms("mx", Reply.of("220 mx"), lines)
    for verb in keywords & set(COMMANDS):
        assert rehearse([f"EHLO a\r\n{verb}\r\n".encode()], terms).codes[-1] not in (500, 502), verb
    assert "EXPN" not in keywords


@pytest.mark.parametrize("words", [(), ("SMTPUTF8",), ALL_WORDS])
def test_8bitmime_is_always_offered(words: tuple[str, ...]) -> None:
    # RFC 6531 section 3.1: SMTPUTF8 needs it
    assert "8BITMIME" in offered(words)


@pytest.mark.parametrize(
    ("words", "more", "line"),
    [
        ((), "", None),
        (("SIZE",), "", "SIZE"),
        ((), "Max_Message_Size = 0", None),
        (("SIZE",), "Max_Message_Size = 0", "SIZE"),
        ((), "Max_Message_Size = 1000", "SIZE 1000"),
        (("SIZE",), "Max_Message_Size = 1000", "SIZE 1000"),
    ],
)
def test_the_size_that_is_offered(words: tuple[str, ...], more: str, line: str | None) -> None:
    # RFC 1870 sections 3 and 4
    assert [each for each in offered(words, more) if each.startswith("SIZE")] == ([] if line is None else [line])


@pytest.mark.parametrize(
    ("option", "minutes"),
    [
        (SmtpOptions.ehlo_timeout, 5),  # section 4.5.3.2.1
        (SmtpOptions.mail_timeout, 5),
        (SmtpOptions.rcpt_timeout, 5),  # for DATA too, where 2 are enough
        (SmtpOptions.body_timeout, 10),  # section 4.5.3.2.6; for a block of content 3 are enough
    ],
    ids=lambda given: given.name if isinstance(given, Option) else "",
)
def test_a_client_waits_long_enough(option: Option[float], minutes: float) -> None:
    assert option.default >= minutes * 60


def test_a_server_waits_long_enough() -> None:
    # section 4.5.3.2.7
    assert SessionOptions.resolve(chain()).idle_time >= 5 * 60


def test_recipients_of_one_transaction() -> None:
    # section 4.5.3.1.8
    assert SmtpOptions.resolve(Chain([])).recipients_max == 100
