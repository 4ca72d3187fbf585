"""What an operator is told of a console that lets in whom he may not have meant, or nobody."""

from __future__ import annotations

import pytest

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.node.configuration import warnings, without_effect
from momentum_trio.node.schema import DECLARED

DIGEST = 'AuthDigestMD5Parameters = [ uri = "digest:///x" ]'
ALONE = "lets in loopback alone"


@pytest.mark.parametrize(
    ("listener", "said"),
    [
        ('Listen "/tmp/2025" { }', []),
        ('Listen "/tmp/2025" { File_Mode = 0666 }', ["every user of this host"]),
        ('Enable_Authorization = true Listen "/tmp/2025" { File_Mode = 0666 }', []),
        ('Listen "127.0.0.1:2025" { }', []),
        ('Listen ":2025" { }', [ALONE]),
        ('Listen ":2025" { Enable = false }', []),
        (f'{DIGEST} Listen ":2025" {{ }}', []),
        (f'{DIGEST} Listen ":2025" {{ Enable_Authentication = false }}', [ALONE]),
        ('AuthLoginParameters = [ uri = "file:///x" ] Listen ":2025" { }', [ALONE]),
        (
            'AuthDigestMD5Parameters = [ uri = "ecauth://" ] Listen "[::]:2025" { }',
            ["DIGEST-MD5 is not offered: the scheme of ecauth:// is not built", ALONE],
        ),
    ],
)
def test_warnings(listener: str, said: list[str]) -> None:
    found = warnings(load_text(f"Control_Listener {{ {listener} }}", declared=DECLARED))
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True)), found


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ("SMTP_Extensions = ( STARTTLS )", ["STARTTLS is not offered: there is no TLS_Certificate"]),
        ('SMTP_Extensions = ( STARTTLS ) TLS_Certificate = "/x"', []),
        ('SMTP_Extensions = ( "AUTH PLAIN" )', ["AUTH PLAIN is not offered: its parameters are not set"]),
        (
            'SMTP_Extensions = ( "AUTH LOGIN" ) AuthLoginParameters = [ uri = "ecauth://" ]',
            ["AUTH LOGIN is not offered: there is no Scheme 'ecauth' in auth_ds"],
        ),
        ('SMTP_Extensions = ( "AUTH SCRAM" )', ["AUTH SCRAM is not offered: there is no such mechanism"]),
        ('SMTP_Extensions = ( "AUTH LOGIN" ) AuthLoginParameters = [ uri = "hashed:///x" ]', []),
        ("SMTP_Extensions = ( STARTTLS ) Enable = false", []),
    ],
)
def test_extensions_that_nobody_is_offered(listen: str, said: list[str]) -> None:
    found = warnings(load_text(f'ESMTP_Listener {{ Listen ":25" {{ {listen} }} }}', declared=DECLARED))
    assert [sentence.removeprefix("*:25: ") for sentence in found] == said


def test_extensions_that_there_are_not() -> None:
    text = """Pathway "p" { SMTP_Extensions = ( 8bitmime size ) }
ESMTP_Listener {
  SMTP_Extensions = ( DSN STARTLS )
  Listen ":25" { Peer "10.0.0.1" { SMTP_Extensions = ( "ENHANCEDSTATUSCODE" ALWAYS-ALLOW XCLIENT ) } }
}
"""
    assert warnings(load_text(text, "mx.conf", declared=DECLARED)) == (
        "mx.conf:3:3: SMTP_Extensions: there is no STARTLS (did you mean STARTTLS?)",
        "mx.conf:4:36: SMTP_Extensions: there is no ENHANCEDSTATUSCODE (did you mean ENHANCEDSTATUSCODES?)",
        "mx.conf:4:36: SMTP_Extensions: there is no ALWAYS-ALLOW",
    )


@pytest.mark.parametrize("option", ['Pool_Name = "x"', "Events_Per_Iter = 10"])
def test_what_a_listener_does_not_read_is_said_of_it(option: str) -> None:
    for listener in ("ECStream_Listener", "HTTP_Listener", "Control_Listener"):
        (said,) = without_effect(load_text(f"{listener} {{ {option} Listen :1 {{ }} }}", declared=DECLARED))
        assert option.split()[0] in said
        read = f"{listener} {{ Disable_Nagle_Algorithm = true Listen :1 {{ }} }}"
        assert not without_effect(load_text(read, declared=DECLARED))


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("AuthDigestMD5Parameters = [ ]", 'expected uri = "digest:///path"'),
        ('AuthDigestMD5Parameters = [ uri = "file:///x" ]', 'expected uri = "digest:///path"'),
        ('AuthDigestMD5Parameters = [ uri = "digest://x" ]', 'expected uri = "digest:///path"'),
        ('AuthDigestMD5Parameters = [ uri = "/x" ]', 'expected uri = "digest:///path"'),
        ('AuthDigestMD5Parameters = [ uri = "digest:///x" realm = "a:b" ]', "a realm holds no ':'"),
        ('AuthDigestMD5Parameters = [ uri = "digest:///x" relm = "a" ]', "expected uri, realm, stored_cleartext"),
        ('AuthDigestMD5Parameters = [ uri = "digest:///x" log_authentication = "yes" ]', "expected on or off"),
        ('AuthLoginParameters = [ uri = "digest:///x" ]', 'expected uri = "file:///path" or "hashed:///path"'),
        ('AuthCramMD5Parameters = [ uri = "hashed:///x" ]', 'expected uri = "file:///path"'),
        ('AuthorizationParameters = [ uri = "file:///x" ]', 'expected uri = "groups:///path"'),
        ('AuthorizationParameters = "groups:///x"', "expected a dictionary"),
    ],
)
def test_what_no_back_end_may_be(option: str, problem: str) -> None:
    with pytest.raises(ConfigErrors) as said:
        load_text(f"Control_Listener {{\n  {option}\n}}", declared=DECLARED)
    assert problem in said.value.render()
    assert ":2:" in str(said.value)


@pytest.mark.parametrize(
    ("listen", "said"),
    [
        ('Listen "127.0.0.1:1" { }', []),
        ('Listen "/tmp/x" { }', []),
        ("Listen *:1 { Enable = false }", []),
        ("Listen *:1 { }", ["nobody on another host can prove who he is here: what is answered is /healthz"]),
        (
            'Listen *:1 { AuthPlainParameters = [ uri = "file:///x" ] }',  # Basic, in clear
            ["nobody on another host can prove who he is here: what is answered is /healthz"],
        ),
        ('Listen *:1 { AuthPlainParameters = [ uri = "file:///x" ] Use_SSL = true }', []),
        ('Listen *:1 { AuthDigestMD5Parameters = [ uri = "digest:///x" ] }', []),
        (
            'Listen "127.0.0.1:1" { AuthPlainParameters = [ uri = "ecauth://" ] }',
            ["Basic is not offered: there is no Scheme 'ecauth' in auth_ds"],
        ),
    ],
)
def test_who_is_answered_over_http_is_told(listen: str, said: list[str]) -> None:
    found = warnings(load_text(f"HTTP_Listener {{ {listen} }}", declared=DECLARED))
    assert [sentence.partition(": ")[2] for sentence in found] == said
