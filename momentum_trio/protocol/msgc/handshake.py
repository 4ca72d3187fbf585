"""Who is at the other end of a connection of the bus: what both say of themselves, and how they prove it.

The one who connects (the caller) says HELLO, the other (the called) answers with his; then the caller proves that he
knows a secret they share, and the called, letting him in, does. Both HELLOs, whole, are in all that is proved and in
the keys of both directions: roles, names, versions, incarnations and nonces. docs/protocols/msgc.md, «Frames».
"""

from __future__ import annotations

import hashlib
import hmac
import re
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple

from momentum_trio.protocol.msgc.frame import Code, RemoteProtocolError

VERSIONS: Final = range(1, 2)
"""The versions of this protocol that we speak."""
NONCE_OCTETS: Final = 32
PROOF_OCTETS: Final = 32
SECRETS_MAX: Final = 2
"""The one that is used, and the one before it while nodes change over."""
SECRET_OCTETS_MIN: Final = 16
NAME_OCTETS_MAX: Final = 48
"""Of a node's name, and of a connection's."""
NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,47})")

_HELLO: Final = struct.Struct(f">BBBBQ{NONCE_OCTETS}sBB")
_NO_PROOF: Final = bytes(PROOF_OCTETS)


class Role(IntEnum):
    """Which kind of connection it is. NODE: not the bus, but from node to node (docs/protocols/eccluster.md)."""

    SERVER = 1
    CLIENT = 2
    NODE = 3


class Hello(NamedTuple):
    """The first frame of either side.

    name: of the node; of a client its connection's (``ec1-22787``). called: whom the caller wants to speak to, a node's
    name or empty: whoever is there; of the called: empty. incarnation: of the server or client, larger in each life of
    it. has_secret: whether it proves what it is, and wants proof. lowest, highest: the versions it speaks.
    """

    role: Role
    name: str
    incarnation: int
    nonce: bytes
    has_secret: bool
    called: str = ""
    lowest: int = VERSIONS[0]
    highest: int = VERSIONS[-1]


class Keys(NamedTuple):
    """Those of the frames of each direction; empty without a secret."""

    caller: bytes
    called: bytes


def encode_hello(hello: Hello) -> bytes:
    """The payload of HELLO."""
    name, called = hello.name.encode("ascii"), hello.called.encode("ascii")
    assert len(hello.nonce) == NONCE_OCTETS
    numbers = _HELLO.pack(
        hello.lowest,
        hello.highest,
        hello.role,
        hello.has_secret,
        hello.incarnation,
        hello.nonce,
        len(name),
        len(called),
    )
    return numbers + name + called


def decode_hello(payload: bytes) -> Hello:
    """What HELLO says; what stands behind the names is for later versions. Raises RemoteProtocolError."""
    try:
        lowest, highest, role, flags, incarnation, nonce, length, other = _HELLO.unpack_from(payload)
    except struct.error:
        raise RemoteProtocolError(f"HELLO of {len(payload)} octets is too short") from None
    if max(lowest, VERSIONS[0]) > min(highest, VERSIONS[-1]):
        spoken = f"versions {lowest} to {highest}, and we {VERSIONS[0]} to {VERSIONS[-1]}"
        raise RemoteProtocolError(f"the other end speaks {spoken}", Code.VERSION)
    names = payload[_HELLO.size : _HELLO.size + length + other]
    if len(names) < length + other or role not in Role.__members__.values() or flags > 1:
        raise RemoteProtocolError("HELLO is none")
    name = _name(names[:length])
    return Hello(
        Role(role), name, incarnation, nonce, bool(flags), _name(names[length:]) if other else "", lowest, highest
    )


def is_name(text: str) -> bool:
    """Whether *text* can be the name of a node or a connection."""
    return NAME.fullmatch(text) is not None


def _name(octets: bytes) -> str:
    text = octets.decode("ascii", "replace")
    if not is_name(text):
        raise RemoteProtocolError(f"{text!a} is no name of a node or a connection", Code.NOT_ALLOWED)
    return text


class Calling:
    """The caller's side, in order: ``hello``, ``met``, ``welcomed``. theirs: what the called says of itself."""

    def __init__(self, ours: Hello, secrets: Sequence[bytes]) -> None:
        assert ours.has_secret == bool(secrets)
        self._ours, self._secrets = encode_hello(ours), tuple(secrets)
        self._called = ours.called
        self._due = Role.NODE if ours.role is Role.NODE else Role.SERVER
        self._transcript = b""
        self.theirs: Hello | None = None

    def hello(self) -> bytes:
        """The payload of our HELLO."""
        return self._ours

    def met(self, payload: bytes) -> bytes:
        """The called has said HELLO: the payload of our PROOF. Raises RemoteProtocolError."""
        theirs = decode_hello(payload)
        if theirs.role is not self._due:
            raise RemoteProtocolError(f"a {self._due.name} was called")
        if self._called and theirs.name != self._called:
            raise RemoteProtocolError(f"{self._called} was called, and {theirs.name} is there", Code.NOT_ALLOWED)
        _agree(theirs, has_secret=bool(self._secrets))
        self.theirs = theirs
        self._transcript = _transcript(self._ours, payload)
        proofs = [_digest(secret, b"caller", self._transcript) for secret in self._secrets]
        return bytes([len(proofs)]) + b"".join(proofs)

    def welcomed(self, payload: bytes) -> tuple[str, Keys]:
        """The called has said WELCOME: the name it gives us, and the keys. Raises RemoteProtocolError."""
        proof, name = payload[:PROOF_OCTETS], payload[PROOF_OCTETS:]
        if len(proof) < PROOF_OCTETS:
            raise RemoteProtocolError("WELCOME is too short")
        if not self._secrets:
            return _member(name), Keys(b"", b"")
        for secret in self._secrets:
            if hmac.compare_digest(_digest(secret, b"called", self._transcript + name), proof):
                return _member(name), _keys(secret, self._transcript)
        raise RemoteProtocolError("the other end does not know the secret", Code.UNPROVED)


class Called:
    """The side that was connected to, in order: ``met``, ``proved``, ``welcome``. theirs: what the caller says."""

    def __init__(self, ours: Hello, secrets: Sequence[bytes]) -> None:
        assert ours.has_secret == bool(secrets)
        self._ours, self._secrets = encode_hello(ours), tuple(secrets)
        self._name, self._is_node = ours.name, ours.role is Role.NODE
        self._transcript = b""
        self._secret = b""
        self.theirs: Hello | None = None

    def met(self, payload: bytes) -> bytes:
        """The caller has said HELLO: the payload of ours. Raises RemoteProtocolError."""
        theirs = decode_hello(payload)
        if theirs.called not in ("", self._name):
            raise RemoteProtocolError(f"{theirs.called} was called, and this is {self._name}", Code.NOT_ALLOWED)
        if (theirs.role is Role.NODE) is not self._is_node:
            raise RemoteProtocolError(f"a {theirs.role.name} has no business here", Code.NOT_ALLOWED)
        _agree(theirs, has_secret=bool(self._secrets))
        self.theirs = theirs
        self._transcript = _transcript(payload, self._ours)
        return self._ours

    def proved(self, payload: bytes) -> None:
        """The caller has said PROOF. Raises RemoteProtocolError, if he knows no secret of ours."""
        proofs = [payload[at : at + PROOF_OCTETS] for at in range(1, len(payload), PROOF_OCTETS)]
        if not payload or payload[0] != len(proofs) or len(proofs) > SECRETS_MAX:
            raise RemoteProtocolError("PROOF is none")
        for secret in self._secrets:
            right = _digest(secret, b"caller", self._transcript)
            if any(hmac.compare_digest(right, proof) for proof in proofs):
                self._secret = secret
                return
        if self._secrets:
            raise RemoteProtocolError("the other end does not know the secret", Code.UNPROVED)

    def welcome(self, name: str) -> tuple[bytes, Keys]:
        """The payload of our WELCOME, which gives the caller *name*, and the keys."""
        octets = name.encode("ascii")
        if not self._secret:
            return _NO_PROOF + octets, Keys(b"", b"")
        return _digest(self._secret, b"called", self._transcript + octets) + octets, _keys(
            self._secret, self._transcript
        )


def _agree(theirs: Hello, *, has_secret: bool) -> None:
    """Raises RemoteProtocolError where one of the two has a secret, and the other has none."""
    if theirs.has_secret != has_secret:
        who = (
            "the other end has no secret, and we have" if has_secret else "the other end has a secret, and we have not"
        )
        raise RemoteProtocolError(who, Code.UNPROVED)


def _transcript(caller: bytes, called: bytes) -> bytes:
    """What both have said, in a form that is said in one way only."""
    return hashlib.sha256(b"".join(len(said).to_bytes(4, "big") + said for said in (caller, called))).digest()


def _digest(secret: bytes, label: bytes, said: bytes) -> bytes:
    return hmac.digest(secret, b"momentum-trio msgc " + label + b"\0" + said, "sha256")


def _keys(secret: bytes, transcript: bytes) -> Keys:
    return Keys(_digest(secret, b"key caller", transcript), _digest(secret, b"key called", transcript))


def _member(octets: bytes) -> str:
    text = octets.decode("ascii", "replace")
    if not text.isprintable() or "\N{REPLACEMENT CHARACTER}" in text:
        raise RemoteProtocolError("WELCOME gives a name that is none")
    return text
