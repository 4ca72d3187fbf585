"""Verification of DKIM signatures: the examples of the RFCs, what we and dkimpy sign, and what is not to pass."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from dkim_keys import ed25519, pem, private, record, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.net.dns_records import DnsAnswer, NoRecords, Question, Records, RecordType, Unanswered
from momentum_trio.protocol.dkim.canonical import BodyHash, Canon
from momentum_trio.protocol.dkim.finding import DkimFinding, DkimResult
from momentum_trio.protocol.dkim.key import Key
from momentum_trio.protocol.dkim.public_key import PublicKey
from momentum_trio.protocol.dkim.received import Unfit
from momentum_trio.protocol.dkim.signature import Algorithm, Signature, SignatureTerms, header_fields
from momentum_trio.protocol.dkim.strategies import messages, tag_lists, terms
from momentum_trio.protocol.dkim.tags import tag_list
from momentum_trio.protocol.dkim.verification import SIGNATURES_MAX, Verification

NOW = 1_700_000_000
RSA = private(Algorithm.RSA_SHA256)
Keys = Mapping[str, DnsAnswer]


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


def verified(message: bytes, keys: Keys, *, takes_partial: bool = False, piece: int = 10**9) -> tuple[DkimFinding, ...]:
    section, _, body = message.partition(b"\r\n\r\n")
    verification = Verification(header_fields(section + b"\r\n"), NOW, takes_partial=takes_partial)
    for at in range(0, len(body), piece):
        verification.body(body[at : at + piece])
    questions = verification.questions()
    return verification.findings({each: keys.get(each.name, NoRecords(exists=False)) for each in questions})


def result(message: bytes, keys: Keys, *, takes_partial: bool = False) -> tuple[DkimResult, str]:
    (finding,) = verified(message, keys, takes_partial=takes_partial)
    return finding.result, finding.reason


# RFC 6376 appendix A. The key of its signature has 1024 bits.
JOE = crlf(
    """\
DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game. Are you hungry yet?

Joe.
"""
)
BRISBANE = (
    "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
    "IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi"
    "tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
)

# RFC 8463 appendix A: one message, a signature of each kind.
JOE_TWICE = crlf(
    """\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
"""
)
BRISBANE_ED25519 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
TEST_RSA = (
    "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi"
    "Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kr"
    "yOTIKT+l/K4w3QIDAQAB"
)


def test_the_example_of_rfc_6376() -> None:
    keys = {"brisbane._domainkey.example.com": Records((BRISBANE,))}
    (finding,) = verified(JOE, keys)
    assert (finding.result, finding.domain, finding.selector) == (DkimResult.PASS, "example.com", "brisbane")
    assert (finding.identity, finding.algorithm, finding.beginning) == (
        "joe@football.example.com",
        "rsa-sha256",
        "AuUoFEfD",
    )


def test_the_examples_of_rfc_8463() -> None:
    keys = {
        "brisbane._domainkey.football.example.com": Records((BRISBANE_ED25519,)),
        "test._domainkey.football.example.com": Records((TEST_RSA,)),
    }
    for piece in (1, 7, 10**9):
        findings = verified(JOE_TWICE, keys, piece=piece)
        assert [(each.algorithm, each.result) for each in findings] == [
            ("ed25519-sha256", DkimResult.PASS),
            ("rsa-sha256", DkimResult.PASS),
        ]


# what we sign, what dkimpy signs


def of(algorithm: Algorithm, names: tuple[str, ...] = ("from", "subject"), **more: int) -> SignatureTerms:
    return SignatureTerms(
        "example.com", "s", algorithm, Canon.RELAXED, Canon.RELAXED, names, frozenset(("from",)), 1, **more
    )


def signed(message: bytes, how: SignatureTerms, key: Key | None = None) -> bytes:
    """*message* with a signature in front."""
    section, _, body = message.partition(b"\r\n\r\n")
    digest = BodyHash(how.body_canon)
    digest.part(body)
    signature = Signature(how, header_fields(section + b"\r\n"), digest.digest())
    key = key or Key.parse(pem(private(how.algorithm)))
    return signature.field(key.sign(signature.to_sign)) + message


def keys_of(algorithm: Algorithm, more: str = "") -> dict[str, DnsAnswer]:
    return {"s._domainkey.example.com": Records((record(private(algorithm)).decode() + more,))}


@pytest.mark.parametrize("algorithm", Algorithm)
@settings(deadline=None, max_examples=20)
@given(data=st.data(), message=messages)
def test_what_we_sign_we_verify(algorithm: Algorithm, data: st.DataObject, message: bytes) -> None:
    whole = signed(message, data.draw(terms(algorithm)))
    piece = data.draw(st.integers(1, 50))
    assert [each.result for each in verified(whole, keys_of(algorithm), piece=piece)] == [DkimResult.PASS]


@settings(deadline=None, max_examples=20)
@given(message=messages, canons=st.tuples(*[st.sampled_from([b"simple", b"relaxed"])] * 2), length=st.booleans())
@pytest.mark.parametrize("algorithm", Algorithm)
def test_what_dkimpy_signs_we_verify(
    algorithm: Algorithm, message: bytes, canons: tuple[bytes, bytes], length: bool
) -> None:
    is_rsa = algorithm is Algorithm.RSA_SHA256
    secret = pem(RSA) if is_rsa else b64encode(ed25519().private_bytes_raw())
    field = dkim.sign(
        message, b"s", b"example.com", secret, canonicalize=canons, signature_algorithm=algorithm.value.encode(),
        include_headers=[b"from", b"subject", b"to"], length=length,
    )  # fmt: skip
    assert result(field + message, keys_of(algorithm)) == (DkimResult.PASS, "")


@settings(deadline=None, max_examples=20)
@given(data=st.data(), message=messages)
def test_of_a_changed_message_we_think_as_dkimpy_does(data: st.DataObject, message: bytes) -> None:
    whole = signed(message, of(Algorithm.ED25519_SHA256))
    begin = whole.rindex(b"==\r\n") + 4
    places = [at for at in range(begin + 1, len(whole)) if whole[at - 1 : at + 1].isalpha()]
    at = data.draw(st.sampled_from([*places, len(whole)]))
    other = whole[:at] + data.draw(st.sampled_from([b"x", b"\r\n\r\nx", b"From: x@y.example\r\n"])) + whole[at:]
    try:
        theirs = dkim.verify(other, dnsfunc=lambda name, timeout=5: record(ed25519()))
    except dkim.DKIMException:  # of what is no header section
        return
    assert (verified(other, keys_of(Algorithm.ED25519_SHA256))[0].result is DkimResult.PASS) is theirs


# what is not to pass

MESSAGE = b"From: ann@example.com\r\nTo: bob@b.example\r\nSubject: one\r\n\r\nhello\r\n"
SIGNED = signed(MESSAGE, of(Algorithm.RSA_SHA256))
KEYS = keys_of(Algorithm.RSA_SHA256)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (b"", b"", (DkimResult.PASS, "")),
        (b"hello", b"hallo", (DkimResult.FAIL, "the body was changed")),
        (b"Subject: one", b"Subject: two", (DkimResult.FAIL, "the signature is not of this message")),
        (b"From: ann", b"From: eve@x.example\r\nFrom: ann", (DkimResult.FAIL, "the signature is not of this message")),
        # RFC 6376 section 3.5
        (b"v=1;", b"v=2;", (DkimResult.NEUTRAL, "not of version 1")),
        (b"v=1;", b"", (DkimResult.NEUTRAL, "there is no v=")),
        (b"v=1;", b"v=1; v=1;", (DkimResult.NEUTRAL, "v= stands twice")),
        (b"d=example.com", b"d=", (DkimResult.NEUTRAL, "there is no d=")),
        (b"d=example.com", b"d=" + b"a" * 64 + b".example", (DkimResult.NEUTRAL, "d= and s= name no place of a key")),
        (b"d=example.com", b"d=example.com; i=@other.example", (DkimResult.NEUTRAL, "i= is not within d=")),
        (b"d=example.com", b"d=example.com; i=@notexample.com", (DkimResult.NEUTRAL, "i= is not within d=")),
        (b"c=relaxed", b"c=loose", (DkimResult.NEUTRAL, "c= is unknown")),
        (b"t=1;", b"t=x;", (DkimResult.NEUTRAL, "t= is no time")),
        (b"t=1;", b"t=9; x=8;", (DkimResult.NEUTRAL, "it expires before it was made")),
        (b"t=1;", b"x=1699999999;", (DkimResult.FAIL, "it has expired")),
        (b"t=1;", b"q=dkim/http;", (DkimResult.NEUTRAL, "the key is not in DNS")),
        (b"t=1;", b"l=-1;", (DkimResult.NEUTRAL, "l= is no length")),
        (b"t=1;", b"l=99;", (DkimResult.FAIL, "the body was changed")),
        (b"h=from:from:subject", b"h=subject", (DkimResult.PERMERROR, "From is not signed")),
        (b"h=from:", b"h=" + b"a:" * 1000 + b"from:", (DkimResult.POLICY, "more than 1000 names in h=")),
        (b"a=rsa-sha256", b"a=rsa-sha1", (DkimResult.POLICY, "rsa-sha1 proves nothing any more")),
        (b"a=rsa-sha256", b"a=dsa", (DkimResult.NEUTRAL, "a=dsa is unknown")),
        (b"a=rsa-sha256", b"a=ed25519-sha256", (DkimResult.PERMERROR, "the key is for another algorithm")),
        (b"bh=", b"bh=*", (DkimResult.NEUTRAL, "bh= is no base64")),
        (b"t=1;", b"z=" + b"x" * 17_000 + b";", (DkimResult.POLICY, "a signature of more than 16384 octets")),
        (b"t=1;", b"\xff=1;", (DkimResult.NEUTRAL, "not ASCII")),
    ],
)  # fmt: skip
def test_signatures_that_do_not_pass(before: bytes, after: bytes, expected: tuple[DkimResult, str]) -> None:
    assert result(SIGNED.replace(before, after, 1), KEYS) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (NoRecords(exists=False), (DkimResult.PERMERROR, "there is no key in DNS")),
        (Records(("v=spf1 -all",)), (DkimResult.PERMERROR, "there is no key in DNS")),
        (Unanswered("timed out"), (DkimResult.TEMPERROR, "the key cannot be had: timed out")),
        (Records(("v=DKIM1; p=",)), (DkimResult.PERMERROR, "the key was revoked")),
        (Records(("v=DKIM1; p=AAAA",)), (DkimResult.PERMERROR, "the key cannot be read")),
        (Records(("v=DKIM1; k=rsa2; p=AAAA",)), (DkimResult.PERMERROR, "a key of an unknown kind")),
        (Records((record(RSA).decode() + "; t=y : s",)), (DkimResult.PASS, "")),
        (Records((record(RSA).decode() + "; h=sha1",)), (DkimResult.PERMERROR, "the key is not for SHA-256")),
        (Records((record(RSA).decode() + "; h=sha1:sha256; s=email; n=x",)), (DkimResult.PASS, "")),
        (Records((record(RSA).decode() + "; s=tlsrpt",)), (DkimResult.PERMERROR, "the key is not for mail")),
        (Records(("v=spf1 -all", record(RSA).decode())), (DkimResult.PASS, "")),
        (Records((record(rsa(2048)).decode(),)), (DkimResult.FAIL, "the signature is not of this message")),
        (Records((record(ed25519()).decode(),)), (DkimResult.PERMERROR, "the key is for another algorithm")),
    ],
)  # fmt: skip
def test_keys(answer: DnsAnswer, expected: tuple[DkimResult, str]) -> None:
    assert result(SIGNED, {"s._domainkey.example.com": answer}) == expected


def test_a_strict_key_is_not_for_subdomains() -> None:
    whole = dkim.sign(
        MESSAGE, b"s", b"example.com", pem(RSA), identity=b"ann@sub.example.com", include_headers=[b"from"]
    ) + MESSAGE  # fmt: skip
    assert result(whole, KEYS) == (DkimResult.PASS, "")
    assert result(whole, keys_of(Algorithm.RSA_SHA256, "; t=s")) == (
        DkimResult.PERMERROR,
        "the key is not for subdomains",
    )


@pytest.mark.parametrize("bits", [512, 1023, 4097])
def test_short_and_enormous_keys_prove_nothing(bits: int) -> None:
    """RFC 8301 section 3.2. Their numbers stand for keys that nobody makes any more."""
    modulus = (1 << (bits - 1)) | 1
    with pytest.raises(Unfit, match=r"bits|cannot be read"):
        PublicKey.parse("v=DKIM1; p=" + b64encode(rsa_der(modulus)).decode())
    assert PublicKey.parse(record(generate_private_key(65537, 1024)).decode()).algorithm is Algorithm.RSA_SHA256


def rsa_der(modulus: int) -> bytes:
    """RSAPublicKey (RFC 8017 appendix A.1.1), exponent 65537."""
    octets = modulus.to_bytes(modulus.bit_length() // 8 + 1, "big")
    inner = b"\x02" + der_length(len(octets)) + octets + b"\x02\x03\x01\x00\x01"
    return b"\x30" + der_length(len(inner)) + inner


def der_length(length: int) -> bytes:
    return bytes((length,)) if length < 128 else b"\x82" + length.to_bytes(2, "big")


def test_a_body_signed_in_part_passes_only_where_that_is_wanted() -> None:
    whole = dkim.sign(MESSAGE, b"s", b"example.com", pem(RSA), include_headers=[b"from"], length=True) + MESSAGE
    assert result(whole, KEYS) == (DkimResult.PASS, "")
    assert result(whole + b"more\r\n", KEYS) == (DkimResult.POLICY, "6 octets of the body are not signed")
    assert result(whole + b"more\r\n", KEYS, takes_partial=True) == (DkimResult.PASS, "")


def test_no_more_signatures_are_tried_than_the_bound() -> None:
    field = SIGNED[: SIGNED.index(b"From:")]
    findings = verified(field * (SIGNATURES_MAX + 5) + MESSAGE, KEYS)
    assert [each.result for each in findings] == [DkimResult.PASS] * SIGNATURES_MAX
    assert verified(MESSAGE, KEYS) == ()


def test_keys_are_asked_for_once_and_only_where_the_body_is_as_it_was() -> None:
    field = SIGNED[: SIGNED.index(b"From:")]
    section, _, body = (field * 2 + MESSAGE).partition(b"\r\n\r\n")
    for text, questions in ((body, (Question("s._domainkey.example.com", RecordType.TXT),)), (b"x", ())):
        verification = Verification(header_fields(section + b"\r\n"), NOW)
        verification.body(text)
        assert verification.questions() == questions


# tag lists


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("a=1;b = 2 ; c=", {"a": "1", "b": "2", "c": ""}),
        (" a = x\r\n\ty ; ", {"a": "x\r\n\ty"}),
        ("a=b=c", {"a": "b=c"}),
        ("a_1=x;", {"a_1": "x"}),
    ],
)
def test_tag_lists(text: str, tags: dict[str, str]) -> None:
    assert tag_list(text) == tags


@pytest.mark.parametrize("text", ["a", "a=1;;b=2", "1=a", "a=1; a=2", "=", ";", ";".join(f"t{n}=" for n in range(65))])
def test_what_is_no_tag_list(text: str) -> None:
    with pytest.raises(ValueError, match=r"tag|twice"):
        tag_list(text)


@settings(max_examples=40)
@given(tag_lists)
def test_a_tag_list_is_read_or_refused(text: str) -> None:
    try:
        tags = tag_list(text)
    except ValueError:
        return
    assert tag_list(";".join(f"{name}={value}" for name, value in tags.items())) == tags if tags else True
