"""TLS with servers: which certificates do, what failures say, and which of them allow plain text."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import pytest
import trio
from hosts_world import Search, scope
from tls_servers import TERMS, WITH_ISSUER, equip, shake_hands

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.dane import Tlsa, usable
from momentum_trio.delivery.place import Place
from momentum_trio.delivery.tls import FAILED, WRONG_ISSUER, WRONG_NAME, TlsDemand, TlsFailure, secure
from momentum_trio.delivery.tls_contexts import LOOK_SECONDS, ClientContexts
from momentum_trio.delivery.tls_options import OutboundTlsOptions
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ClientTlsTerms, TlsTerms
from momentum_trio.mail.stage import Stage
from sim.certificates import AUTHORITY, CLIENT, CLIENT_KEY, FOLDER, HERE, SERVER
from sim.world import World

SERVER_DER, AUTHORITY_DER, CLIENT_DER = (
    ssl.PEM_cert_to_DER_cert((HERE / name).read_text()) for name in (SERVER, AUTHORITY, CLIENT)
)
CA = f"{FOLDER}/{AUTHORITY}"
THERE = "10.1.0.1"


def sha256(octets: bytes) -> bytes:
    return hashlib.sha256(octets).digest()


EE = Tlsa(3, 0, 1, sha256(SERVER_DER))
TA = Tlsa(2, 0, 1, sha256(AUTHORITY_DER))
WRONG = Tlsa(3, 0, 1, sha256(CLIENT_DER))


def shaken(
    options: Mapping[str, str],
    *,
    host: str = "a.mx.example.com",
    domain: str = "example.com",
    terms: TlsTerms | None = TERMS,
    tlsa: tuple[Tlsa, ...] | None = None,
    enforced: bool = False,
) -> TlsFailure | str:
    """What comes of one handshake: the failure, or the protocol spoken."""
    world = World(1)
    there, mx = world.host("there", THERE), world.host("mx", "10.0.0.2")
    equip(there)
    equip(mx)

    async def connect(machine: Machine) -> TlsFailure | str:
        chain = Chain([scope("global", options)])
        records = {} if tlsa is None else {host: usable(tlsa)}
        demand = TlsDemand(OutboundTlsOptions.resolve(chain), domain, ClientContexts(machine), enforced, records)
        place = Place.at(host, THERE, 25)
        with trio.socket.socket() as socket:
            await socket.connect((THERE, 25))
            stream = await secure(machine, socket, place, demand, chain)
            if isinstance(stream, TlsFailure):
                return stream
            await stream.send_all(b"EHLO\r\n")
            assert await stream.receive_some() == b"EHLO\r\n"
            return str(stream.version())

    async def drive() -> TlsFailure | str:
        await there.start(shake_hands, terms, 25)
        return await mx.call(connect)

    return world.run(drive)


@pytest.mark.parametrize(
    ("options", "host", "domain"),
    [
        ({"TLS": "ifavailable"}, "other.test", "test"),  # TLS_Verify = no
        ({"TLS": "required", "TLS_Verify": "optional"}, "other.test", "test"),
        ({"TLS": "required", "TLS_Verify": "ca", "TLS_CA": CA}, "other.test", "test"),
        ({"TLS": "required", "TLS_Verify": "ca"}, "other.test", "test"),  # the system's authorities
        ({"TLS": "required", "TLS_Verify": "host", "TLS_CA": CA}, "mx.example.com", "test"),
        ({"TLS": "required", "TLS_Verify": "host", "TLS_CA": CA}, "a.mx.example.com", "test"),
        ({"TLS": "required", "TLS_Verify": "host", "TLS_CA": CA}, "other.test", "mx.example.com"),
        ({"TLS": "required", "TLS_Verify": "host", "TLS_CA": CA}, "10.0.0.25", "[10.0.0.25]"),
        (
            {"TLS": "ifavailable", "TLS_Certificate": f"{FOLDER}/{CLIENT}", "TLS_Key": f"{FOLDER}/{CLIENT_KEY}"},
            "x",
            "x",
        ),
        ({"TLS": "ifavailable", "TLS_Certificate": "none", "TLS_Key": "none"}, "x", "x"),
        ({"TLS": "ifavailable"}, "host\\032with..dots", "test"),  # a name no SNI can have
    ],
)
def test_certificates_that_do(options: Mapping[str, str], host: str, domain: str) -> None:
    assert shaken(options, host=host, domain=domain) == "TLSv1.3"


@pytest.mark.parametrize(
    ("options", "host", "reason", "plain_allowed"),
    [
        ({"TLS": "required", "TLS_Verify": "host"}, "other.test", WRONG_NAME, False),
        ({"TLS": "ifavailable", "TLS_Verify": "host"}, "b.a.mx.example.com", WRONG_NAME, False),
        ({"TLS": "ifavailable", "TLS_Verify": "ca", "TLS_CA": f"{FOLDER}/{CLIENT}"}, "x", WRONG_ISSUER, False),
        ({"TLS": "ifavailable", "TLS_Protocols": "+ALL:-TLSv1.3"}, "x", FAILED, True),
        ({"TLS": "ifavailable", "TLS_Protocols": "+TLSv1.2", "TLS_Ifavailable_Fallback": "off"}, "x", FAILED, False),
        ({"TLS": "required", "TLS_Protocols": "+TLSv1.2"}, "x", FAILED, False),
        ({"TLS": "ifavailable", "TLS_Ciphers": "NONSENSE"}, "x", FAILED, True),
        ({"TLS": "required", "TLS_CA": "/missing", "TLS_Verify": "ca"}, "x", FAILED, False),
        ({"TLS": "required", "TLS_Certificate": "/missing"}, "x", FAILED, False),
    ],
)
def test_what_does_not_do_says_why(options: Mapping[str, str], host: str, reason: str, plain_allowed: bool) -> None:
    failure = shaken(options, host=host, terms=replace(TERMS, protocols="+TLSv1.3"))
    assert isinstance(failure, TlsFailure)
    assert failure.reason.startswith(reason)
    assert failure.plain_allowed is plain_allowed
    assert failure.reason.isascii()
    assert "\n" not in failure.reason


def test_a_server_that_does_not_shake_hands_is_waited_for_as_long_as_ehlo_timeout_says() -> None:
    failure = shaken({"TLS": "ifavailable", "EHLO_Timeout": "7"}, terms=None)
    assert failure == TlsFailure(f"{FAILED} (timed out)", Stage.HANDSHAKING_TLS, plain_allowed=True)


@pytest.mark.parametrize(
    ("tlsa", "terms", "host", "does"),
    [
        ((EE,), TERMS, "other.test", True),  # DANE-EE looks at no names (RFC 7672 section 3.1.1)
        ((Tlsa(3, 0, 0, SERVER_DER),), TERMS, "other.test", True),
        ((Tlsa(3, 0, 2, hashlib.sha512(SERVER_DER).digest()),), TERMS, "other.test", True),
        ((WRONG,), TERMS, "a.mx.example.com", False),
        ((WRONG, EE), TERMS, "a.mx.example.com", True),  # any one
        ((TA,), WITH_ISSUER, "a.mx.example.com", True),
        ((TA,), WITH_ISSUER, "other.test", False),  # DANE-TA does
        ((TA,), TERMS, "a.mx.example.com", False),  # the anchor was not shown
        ((Tlsa(2, 0, 1, sha256(CLIENT_DER)),), WITH_ISSUER, "a.mx.example.com", False),
        ((Tlsa(1, 0, 1, sha256(CLIENT_DER)),), TERMS, "other.test", True),  # unusable alone: TLS, and nothing proved
        ((Tlsa(1, 0, 1, sha256(SERVER_DER)), WRONG), TERMS, "other.test", False),
        ((Tlsa(3, 0, 1, b"short"),), TERMS, "other.test", True),
    ],
)
def test_tlsa_records(tlsa: tuple[Tlsa, ...], terms: TlsTerms, host: str, does: bool) -> None:
    came = shaken({"TLS": "ifavailable"}, host=host, terms=terms, tlsa=tlsa)
    assert came == "TLSv1.3" if does else came == TlsFailure(f"{FAILED} (no TLSA record matches)")


def test_tlsa_records_go_before_policies_and_options() -> None:
    options = {"TLS": "ifavailable", "TLS_Verify": "host"}
    assert shaken(options, host="other.test", tlsa=(EE,), enforced=True) == "TLSv1.3"
    assert shaken(options, host="other.test", enforced=True) == TlsFailure(WRONG_NAME)
    assert shaken({"TLS": "ifavailable", "TLS_CA": f"{FOLDER}/{CLIENT}"}, enforced=True) == "TLSv1.3"


def test_a_policy_counts_the_host_alone() -> None:
    """RFC 8461 section 4.1: the MX host, not the domain."""
    failure = shaken({"TLS": "ifavailable"}, host="other.test", domain="mx.example.com", enforced=True)
    assert failure == TlsFailure(WRONG_NAME)


@pytest.mark.parametrize(
    ("options", "tlsa", "enforced", "wanted", "required"),
    [
        ({}, None, False, False, False),
        ({"TLS": "no"}, None, False, False, False),
        ({"TLS": "ifavailable"}, None, False, True, False),
        ({"TLS": "required"}, None, False, True, True),
        ({"TLS": "ifavailable"}, (), False, True, True),  # RFC 7672 section 2.2: TLS, though nothing can be proved
        ({"TLS": "ifavailable"}, (EE,), False, True, True),
        ({"TLS": "ifavailable"}, None, True, True, True),
    ],
)
def test_whether_tls_is_wanted_and_required(
    options: Mapping[str, str], tlsa: tuple[Tlsa, ...] | None, enforced: bool, wanted: bool, required: bool
) -> None:
    place = Place.at("mx.example.com", THERE, 25)
    records = {} if tlsa is None else {place.host: tlsa}
    chain = Chain([scope("global", options)])
    demand = TlsDemand(OutboundTlsOptions.resolve(chain), "example.com", None, enforced, records)
    assert (demand.wanted(place), demand.required(place)) == (wanted, required)


# -- contexts


def test_contexts_are_made_anew_when_their_files_change_and_not_otherwise() -> None:
    world = World(1)
    mx = world.host("mx", "10.0.0.2")
    equip(mx)
    terms = ClientTlsTerms(verify=True, authorities=CA)

    async def story(machine: Machine) -> None:
        contexts = ClientContexts(machine)
        first = await contexts.context(terms)
        await trio.sleep(LOOK_SECONDS + 1)
        assert await contexts.context(terms) is first
        await trio.sleep(LOOK_SECONDS + 1)
        mx.store.put(CA, b"half of a certif", 0o644)
        assert await contexts.context(terms) is first
        mx.store.put(CA, (HERE / AUTHORITY).read_bytes() + b"\n", 0o644)
        assert await contexts.context(terms) is not first
        with pytest.raises(FileNotFoundError):
            await contexts.context(ClientTlsTerms(certificate="/missing"))

    world.run(partial(mx.call, story))


def test_the_search_gives_the_contexts_along() -> None:
    search = Search(("$ORIGIN example.\n@ 60 A 10.1.0.1\n",), {"TLS": "required"})

    async def story() -> object:
        found = await search.find("example")
        return getattr(found, "demand", None)

    demand = search.run(story)
    assert isinstance(demand, TlsDemand)
    assert demand.contexts is not None
