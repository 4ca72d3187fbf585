"""SASL mechanisms: the examples of their RFCs, dialogues out of order, replayed, cut, and any octets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.protocol.sasl import directives, strategies
from momentum_trio.protocol.sasl.client import best
from momentum_trio.protocol.sasl.cram_md5 import CramMd5Client, keyed
from momentum_trio.protocol.sasl.digest_md5 import Dialogue, DigestMd5Client, DigestMd5Server, digest_of
from momentum_trio.protocol.sasl.login import LoginClient, LoginServer
from momentum_trio.protocol.sasl.mechanism import (
    CRAM_MD5,
    DIGEST_MD5,
    LOGIN,
    MECHANISMS,
    Challenge,
    ChallengeError,
    ClientSide,
    Failed,
    Proved,
    ServerSide,
    Step,
)

# RFC 2831 section 4
CHRIS = digest_of("chris", "elwood.innosoft.com", "secret")
IMAP = Dialogue("OA6MG9tEQGm2hh", "OA6MHXh6VqTrRk", "imap/elwood.innosoft.com")
ACAP = Dialogue("OA9BSXrbuRhWay", "OA9BSuZWMSpW8m", "acap/elwood.innosoft.com")


@pytest.mark.parametrize(
    ("dialogue", "response", "rspauth"),
    [
        (IMAP, "d388dad90d4bbd760a152321f2143af7", "ea40f60335c427b5527b84dbabcdfffd"),
        (ACAP, "6084c6db3fede7352c551284490fd0fc", "2f0b3d7c3c2e486600ef710726aa2eae"),
    ],
)
def test_the_digests_of_rfc_2831(dialogue: Dialogue, response: str, rspauth: str) -> None:
    assert dialogue.response(CHRIS) == response
    assert dialogue.response_auth(CHRIS) == rspauth


def test_the_whole_dialogue_of_rfc_2831() -> None:
    server = DigestMd5Server({"chris": CHRIS}, "elwood.innosoft.com", IMAP.digest_uri, IMAP.nonce)
    assert server.step(b"") == Challenge(
        b'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",charset=utf-8,algorithm=md5-sess'
    )
    said = (
        b'charset=utf-8,username="chris",realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",nc=00000001,'
        b'cnonce="OA6MHXh6VqTrRk",digest-uri="imap/elwood.innosoft.com",'
        b"response=d388dad90d4bbd760a152321f2143af7,qop=auth"
    )
    client = DigestMd5Client("chris", "secret", IMAP.digest_uri, IMAP.cnonce)
    challenge = b'realm="elwood.innosoft.com",nonce="OA6MG9tEQGm2hh",qop="auth",algorithm=md5-sess,charset=utf-8'
    assert client.answer(challenge) == said
    proof = b"rspauth=ea40f60335c427b5527b84dbabcdfffd"
    assert server.step(said) == Challenge(proof)
    assert client.answer(proof) == b""
    assert client.proved
    assert server.step(b"") == Proved("chris")


def test_the_example_of_rfc_2195() -> None:
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    assert keyed(b"tanstaaftanstaaf", challenge) == b"b913a602c7eda7a495b4e6e7334d3890"
    assert CramMd5Client("tim", "tanstaaftanstaaf").answer(challenge) == b"tim b913a602c7eda7a495b4e6e7334d3890"


RIGHT = {
    "username": '"chris"',
    "realm": '"elwood.innosoft.com"',
    "nonce": '"OA6MG9tEQGm2hh"',
    "nc": "00000001",
    "cnonce": '"OA6MHXh6VqTrRk"',
    "digest-uri": '"imap/elwood.innosoft.com"',
    "response": "d388dad90d4bbd760a152321f2143af7",
    "qop": "auth",
}


def judged(more: str = "", **changed: str | None) -> Step:
    said = {**RIGHT, **{name.replace("_", "-"): value for name, value in changed.items()}}
    server = DigestMd5Server({"chris": CHRIS}, "elwood.innosoft.com", IMAP.digest_uri, IMAP.nonce)
    server.step(b"")
    return server.step((",".join(f"{name}={value}" for name, value in said.items() if value) + more).encode())


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"realm": None},  # section 2.1.2: required only where the server sent several... and then it is ours
        {"qop": None},  # section 2.1.2: auth by itself
        {"authzid": '"chris"'},
        {"cnonce": '"OA6MHXh6VqTrRk"  '},
        {"maxbuf": "65536"},
        {"qop": '"auth"'},
    ],
)
def test_what_a_right_response_may_look_like(changed: dict[str, str | None]) -> None:
    assert isinstance(judged(**changed), Challenge)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": '"OA9BSXrbuRhWay"'},  # of another dialogue
        {"nonce": None},
        {"nc": "00000002"},  # there is no subsequent authentication here
        {"nc": None},
        {"cnonce": None},
        {"cnonce": '""'},
        {"cnonce": '"other"'},
        {"digest_uri": '"imap/elsewhere"'},
        {"digest_uri": None},
        {"realm": '"elsewhere"'},
        {"username": '"chris2"'},
        {"username": None},
        {"response": "0" * 32},
        {"response": "D388DAD90D4BBD760A152321F2143AF7"},  # section 2.1.2.1: lower case
        {"response": None},
        {"qop": "auth-int"},
        {"qop": "auth-conf"},
        {"charset": "iso-8859-1"},
        {"authzid": '"root"'},  # nobody acts for another
        {"username": '"chris'},
        {"x": "y" * 5000},
    ],
)
def test_what_a_response_is_refused_for(changed: dict[str, str | None]) -> None:
    assert isinstance(judged(**changed), Failed)  # type: ignore[arg-type]


def test_a_directive_said_twice_is_refused() -> None:
    assert isinstance(judged(more=",qop=auth"), Failed)
    assert isinstance(judged(more=',NC="00000001"'), Failed)


@pytest.mark.parametrize(
    "challenge",
    [
        b"",
        b"realm=x",
        b'nonce="n"',
        b'nonce="n",algorithm=md5',
        b'nonce="n",algorithm=md5-sess,qop="auth-int,auth-conf"',
        b'nonce="n",nonce="n",algorithm=md5-sess',
        b"\xff",
    ],
)
def test_a_client_answers_no_challenge_of_another_kind(challenge: bytes) -> None:
    with pytest.raises(ChallengeError):
        DigestMd5Client("ann", "secret", strategies.URI, "c").answer(challenge)


@pytest.mark.parametrize("proof", [b"rspauth=" + b"0" * 32, b"", b"rspauth=", b"realm=x"])
def test_a_client_believes_no_server_that_does_not_know_the_secret(proof: bytes) -> None:
    client = DigestMd5Client("ann", "secret", strategies.URI, "c")
    client.answer(b'nonce="n",algorithm=md5-sess')
    with pytest.raises(ChallengeError):
        client.answer(proof)
    assert not client.proved


def test_login_asks_for_no_more_than_two_things() -> None:
    client = LoginClient("ann", "secret")
    assert [client.answer(b""), client.answer(b"")] == [b"ann", b"secret"]
    with pytest.raises(ChallengeError):
        client.answer(b"Password:")


@pytest.mark.parametrize(
    ("secrets", "said", "outcome"),
    [
        ({"ann": "secret"}, [b"", b"ann", b"secret"], Proved("ann")),
        ({"ann": "secret"}, [b"ann", b"secret"], Proved("ann")),  # the name as the first response
        ({"ann": "secret"}, [b"", b"ann", b"Secret"], Failed("ann")),
        ({"ann": "secret"}, [b"", b"ann", b""], Failed("ann")),
        ({"ann": "secret"}, [b"", b"bob", b"secret"], Failed("bob")),
        ({"ann": "secret"}, [b"", b"", b""], Failed("")),
        ({"ann": "secret"}, [b"", b"\xff", b"secret"], Failed("")),
        ({"ann": "secret"}, [b"", b"a\nnn", b"secret"], Failed("")),
        ({"ann": ""}, [b"", b"ann", b""], Failed("ann")),
        ({}, [b"", b"ann", b""], Failed("ann")),
        ({"ann": "secret"}, [b"", b"ann", b"secret" * 1000], Failed("ann")),
    ],
)
def test_login(secrets: dict[str, str], said: list[bytes], outcome: Step) -> None:
    server = LoginServer(secrets)
    steps = [server.step(octets) for octets in said]
    assert all(isinstance(step, Challenge) for step in steps[:-1])
    assert steps[-1] == outcome


@pytest.mark.parametrize(
    ("offered", "in_clear", "taken"),
    [
        (["LOGIN", "CRAM-MD5", "DIGEST-MD5"], True, "DIGEST-MD5"),
        (["LOGIN", "CRAM-MD5"], True, "CRAM-MD5"),
        (["LOGIN"], True, "LOGIN"),
        (["LOGIN"], False, ""),
        (["PLAIN"], True, ""),
        ([], True, ""),
    ],
)
def test_the_mechanism_a_client_takes(offered: list[str], *, in_clear: bool, taken: str) -> None:
    assert best(offered, in_clear=in_clear) == taken


def converse(server: ServerSide, client: ClientSide) -> tuple[Step, list[bytes]]:
    """What it came to, and what the client said."""
    said = [b""]
    while isinstance(step := server.step(said[-1]), Challenge):
        said.append(client.answer(step.octets))
    return step, said


@given(strategies.mechanisms, strategies.users, strategies.passwords)
def test_who_knows_the_password_gets_in(mechanism: str, user: str, password: str) -> None:
    server = strategies.server_side(mechanism, {user: password, "other": "x"})
    client = strategies.client(mechanism, user, password)
    expected = Proved(user) if len(user) <= 255 else Failed("")
    assert converse(server, client)[0] == expected
    assert client.proved or isinstance(expected, Failed)


@given(strategies.mechanisms, strategies.users, strategies.passwords, strategies.passwords)
def test_who_knows_another_does_not(mechanism: str, user: str, password: str, other: str) -> None:
    if password != other:
        server = strategies.server_side(mechanism, {user: password})
        assert isinstance(converse(server, strategies.client(mechanism, user, other))[0], Failed)


@given(st.sampled_from([DIGEST_MD5, CRAM_MD5]), strategies.users, strategies.passwords)
def test_what_was_said_once_is_worth_nothing_in_another_dialogue(mechanism: str, user: str, password: str) -> None:
    _, said = converse(
        strategies.server_side(mechanism, {user: password}, "one"), strategies.client(mechanism, user, password)
    )
    server = strategies.server_side(mechanism, {user: password}, "two")
    assert all(not isinstance(server.step(octets), Proved) for octets in said)


@given(strategies.mechanisms, st.lists(strategies.responses, max_size=6))
def test_nobody_gets_in_by_saying_anything(mechanism: str, said: list[bytes]) -> None:
    server = strategies.server_side(mechanism, {"ann": "correct horse"})
    for octets in said:
        step = server.step(octets)
        assert not isinstance(step, Proved)
        if isinstance(step, Failed):
            break


@given(st.sampled_from(MECHANISMS), st.lists(strategies.responses, max_size=4))
def test_a_client_takes_any_challenge_and_raises_its_own_error_alone(mechanism: str, said: list[bytes]) -> None:
    client = strategies.client(mechanism, "ann", "correct horse")
    try:
        for octets in said:
            answer = client.answer(octets)
            assert b"correct horse" not in answer or mechanism == LOGIN
    except ChallengeError:
        pass


@given(st.dictionaries(strategies.names, strategies.passwords))
def test_directives_are_read_as_they_were_written(pairs: dict[str, str]) -> None:
    assert directives.parse(directives.write(pairs.items(), frozenset())) == pairs


@given(strategies.directive_texts)
def test_directives_that_are_read_are_written_alike(octets: bytes) -> None:
    try:
        pairs = directives.parse(octets)
    except ValueError:
        return
    assert directives.parse(directives.write(pairs.items(), frozenset())) == pairs


@pytest.mark.parametrize(
    ("octets", "pairs"),
    [
        (b"", {}),
        (b" , ,", {}),
        (b'a=b,c="d e"', {"a": "b", "c": "d e"}),
        (b'A = b , , c\r\n = "\\"\\x,"', {"a": "b", "c": '"x,'}),
        (b"a=", None),
        (b"a=b c=d", None),
        (b'a="b', None),
        (b'a="b\\"', None),
        (b"a=b,a=c", None),
        (b"a=b;", None),
        (b",".join(b"a%d=b" % n for n in range(33)), None),
        (b"\xff=a", None),
    ],
)
def test_directives(octets: bytes, pairs: dict[str, str] | None) -> None:
    if pairs is None:
        with pytest.raises(ValueError, match=r"directive|utf-8"):
            directives.parse(octets)
    else:
        assert directives.parse(octets) == pairs
