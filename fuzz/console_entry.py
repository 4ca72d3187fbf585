"""Whatever files of secrets and groups hold, and whatever a client says, nobody gets in who does not know a secret."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.console.password_file import digests, passwords
from momentum_trio.console.role import memberships
from momentum_trio.protocol.sasl import directives, strategies
from momentum_trio.protocol.sasl.cram_md5 import CramMd5Server
from momentum_trio.protocol.sasl.digest_md5 import DigestMd5Server
from momentum_trio.protocol.sasl.login import LoginServer
from momentum_trio.protocol.sasl.mechanism import MECHANISMS, Challenge, ChallengeError, Proved, ServerSide

SECRET = "correct horse battery staple"
DIGEST = "0123456789abcdef" * 2
FILE = (
    f"# console\nann:{SECRET}\nbob:{strategies.REALM}:{DIGEST}\nadmin:ann,bob\nwheel:x:bob\n:\n::\n"
    "ann:Momentum Console:00\r\n"
).encode()


def strategy() -> st.SearchStrategy[bytes]:
    """Files, and dialogues whose responses are separated by NUL."""
    said = st.lists(strategies.responses, max_size=4).map(b"\0".join)
    return said | st.just(FILE) | st.builds(bytes.__add__, st.just(FILE), said)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    text = octets.decode("utf-8", "surrogateescape")
    _files(text)
    for octets_known in (FILE, octets):
        known = octets_known.decode("utf-8", "surrogateescape")
        for server in _servers(known):
            _talk(server, octets, known)
    for mechanism in MECHANISMS:
        try:
            strategies.client(mechanism, "ann", SECRET).answer(octets)
        except ChallengeError:
            pass
    _directives(octets)


def _files(text: str) -> None:
    for user, password in passwords(text).items():
        assert user
        assert f"{user}:{password}" in text
    for user, digest in digests(text, strategies.REALM).items():
        assert len(digest) == 32
        assert digest in text.lower()
        assert f"{user}:" in text
    assert not memberships(text, "")
    assert all(f"{group}" in text for group in memberships(text, "ann"))


def _servers(text: str) -> list[ServerSide]:
    return [
        LoginServer(passwords(text)),
        CramMd5Server(passwords(text), "mx1", "a-nonce"),
        DigestMd5Server(digests(text, strategies.REALM), strategies.REALM, strategies.URI, "a-nonce"),
    ]


def _talk(server: ServerSide, octets: bytes, known: str) -> None:
    """Say what *octets* hold; who gets in said a password that *known* has."""
    said = octets.split(b"\0")
    for response in said:
        step = server.step(response)
        if isinstance(step, Proved):
            assert isinstance(server, LoginServer)
            assert passwords(known)[step.user].encode("utf-8", "surrogateescape") in said
        if not isinstance(step, Challenge):
            return


def _directives(octets: bytes) -> None:
    try:
        pairs = directives.parse(octets)
    except ValueError:
        return
    assert directives.parse(directives.write(pairs.items(), frozenset())) == pairs
