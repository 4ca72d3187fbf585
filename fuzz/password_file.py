"""Whatever stands in a file of passwords, digests or hashes, it is read, and what passes for a hash can be tried."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.console.password_file import digests, passwords
from momentum_trio.protocol.sasl.password_hash import is_hash, stand_in, verified
from momentum_trio.protocol.sasl.strategies import REALM, hashes

TRIED_MAX = 3
users = st.sampled_from(["ann", "bob", "#ann", "", "a b", "\xe9", "\udcff"])
secrets = st.sampled_from(["secret", "", "se:cret", "0" * 32, f"{REALM}:{'a' * 32}", f"{REALM}:x"]) | hashes
lines = st.builds("{}:{}{}".format, users, secrets, st.sampled_from(["\n", "\r\n", "", "\n\n"]))


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: lines that are nearly right, now and then anything at all."""
    texts = st.lists(lines, max_size=8).map("".join)
    return texts.map(lambda text: text.encode("utf-8", "surrogateescape")) | st.binary(max_size=80)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    text = octets.decode("utf-8", "surrogateescape")
    known = passwords(text)
    for user, secret in known.items():
        assert f"{user}:{secret}" in text
        assert user
        assert secret
        assert not user.startswith("#")
    assert all(len(digest) == 32 for digest in digests(text, REALM).values())
    assert digests(text, REALM).keys() <= digests(text, REALM, stored_cleartext=True).keys()
    cheap = [secret for secret in known.values() if is_hash(secret) and _is_cheap(secret)]
    for secret in cheap[:TRIED_MAX]:
        assert not verified(secret, "not this one")
        assert is_hash(stand_in(secret))


def _is_cheap(secret: str) -> bool:
    """Whether it takes no time: mutations make dear ones."""
    cost = secret.split("$")[2 if secret.startswith("$scrypt") else 3]
    return all(len(number) == 1 for number in (pair.partition("=")[2] for pair in cost.split(",")))
