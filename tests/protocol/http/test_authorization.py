"""Who a client says he is: Basic (RFC 7617), Digest (RFC 7616), and nonces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.protocol.http import nonces, site
from momentum_trio.protocol.http.authorization import (
    Basic,
    Digest,
    Unknown,
    basic_challenge,
    digest_challenge,
    parse,
)
from momentum_trio.protocol.http.nonces import COUNT_MAX, SECONDS, WINDOW, Nonces, Standing
from momentum_trio.protocol.http.site import Site
from momentum_trio.protocol.sasl.digest_md5 import digest_of

SALT = bytes(8)
MUFASA = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5,'
    ' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,'
    ' cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth,'
    ' response="8ca523f5e9506fed4657c9700eebdbec", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


def test_the_digest_of_rfc_7616() -> None:
    said = parse(MUFASA)
    assert isinstance(said, Digest)
    known = digest_of("Mufasa", "http-auth@example.org", "Circle of Life")
    assert said.wanted(known, "GET") == said.response
    assert said.wanted(known, "POST") != said.response
    assert (said.user, said.count) == ("Mufasa", 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Basic("Aladdin", "open sesame")),  # RFC 7617 section 2
        ("basic  dGVzdDoxMjPCow==", Basic("test", "123£")),  # section 2.1
        ("Basic YTpiOmM=", Basic("a", "b:c")),
        ("Basic YTr/", Basic("a", "\udcff")),
        ("Basic YTo=", Unknown()),  # no password
        ("Basic OmI=", Unknown()),  # no user
        ("Basic YWI=", Unknown()),  # no colon
        ("Basic /zpi", Unknown()),  # a user that is no UTF-8
        ("Basic YWI", Unknown()),
        ("Basic YWI=YWI=", Unknown()),
        ("Basic", Unknown()),
        ("", Unknown()),
        ("Bearer YTpi", Unknown()),
        ("Basic " + "A" * 5000, Unknown()),
        (MUFASA.replace("qop=auth", "qop=auth-int"), Unknown()),
        (MUFASA.replace("qop=auth,", ""), Unknown()),
        (MUFASA.replace("MD5", "SHA-256"), Unknown()),
        (MUFASA.replace("nc=00000001", "nc=1"), Unknown()),
        (MUFASA + ", nc=00000002", Unknown()),
        (MUFASA + ", userhash=true", Unknown()),
        (MUFASA.replace('"Mufasa"', '""'), Unknown()),
    ],
)
def test_fields_that_say_who_asks(text: str, said: object) -> None:
    assert parse(text) == said


@given(st.text(max_size=100))
def test_any_field_says_something(text: str) -> None:
    latin = text.encode("utf-8", "replace").decode("latin-1")
    assert isinstance(parse(latin), Basic | Digest | Unknown)
    assert isinstance(parse(f"Digest {latin}"), Digest | Unknown)


def test_challenges() -> None:
    assert basic_challenge('a "b"') == r'Basic realm="a \"b\"",charset="UTF-8"'
    fresh = digest_challenge("r", "n", stale=False)
    assert fresh == 'Digest realm="r",qop="auth",algorithm=MD5,nonce="n",charset="UTF-8"'
    assert digest_challenge("r", "n", stale=True) == f"{fresh},stale=true"


def test_a_nonce_lasts_a_while_and_each_count_is_good_once() -> None:
    made = Nonces(b"k" * 32)
    nonce = made.new(100.0, SALT)
    assert made.use(nonce, 1, 100.0) is Standing.FRESH
    assert made.use(nonce, 1, 100.0) is Standing.FORGED
    assert made.use(nonce, WINDOW + 1, 100.0) is Standing.FRESH
    assert made.use(nonce, 2, 100.0) is Standing.FRESH  # overtaken by those in between
    assert made.use(nonce, 2, 100.0) is Standing.FORGED
    assert made.use(nonce, 1, 100.0) is Standing.FORGED
    assert made.use(nonce, 0, 100.0) is Standing.FORGED
    assert made.use(nonce, COUNT_MAX + 1, 100.0) is Standing.STALE
    assert made.use(nonce, 99, 100.0 + SECONDS + 1) is Standing.STALE


def test_a_nonce_of_somebody_elses_is_forged() -> None:
    made = Nonces(b"k" * 32)
    nonce = Nonces(b"j" * 32).new(100.0, SALT)
    changed = ("B" if (own := made.new(100.0, SALT))[0] == "A" else "A") + own[1:]
    for forged in (nonce, changed, "", "AAAA", "!"):
        assert made.use(forged, 1, 100.0) is Standing.FORGED


def test_what_is_forgotten_is_not_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nonces, "USED_MAX", 2)
    made = Nonces(b"k" * 32)
    issued = [made.new(100.0 + number, SALT) for number in range(4)]
    for nonce in issued[:3]:
        assert made.use(nonce, 1, 104.0) is Standing.FRESH
    assert made.use(issued[0], 1, 104.0) is Standing.STALE
    assert made.use(issued[3], 1, 104.0) is Standing.FRESH


counts = st.lists(st.integers(1, 200), max_size=60)


@given(counts)
def test_no_count_is_taken_twice(said: list[int]) -> None:
    made = Nonces(b"k" * 32)
    nonce = made.new(0.0, SALT)
    taken = [count for count in said if made.use(nonce, count, 0.0) is Standing.FRESH]
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("a", Site("a", None)),
        ("A.Example.:80", Site("a.example", 80)),
        ("[::1]:2081", Site("::1", 2081)),
        ("127.0.0.1", Site("127.0.0.1", None)),
        ("a_b", Site("a_b", None)),
        ("", None),
        (":80", None),
        ("a:", None),
        ("a:b", None),
        ("a:65536", None),
        ("-a", None),
        ("a/b", None),
        ("a@b", None),
        ("a, b", None),
        ("[::1", None),
        ("::1", None),
        ("a" * 300, None),
        ("ü", None),
    ],
)
def test_host(text: str, host: Site | None) -> None:
    assert site.site(text) == host
