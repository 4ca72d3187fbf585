"""Floating addresses as a configuration has them, and every refusal with its place (spec: cluster, section 6)."""

from __future__ import annotations

import pytest

from momentum_trio.config.binding import Binding
from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.floating import FloatingAddress, floating
from momentum_trio.config.load import load_text
from momentum_trio.config.schema import Schema
from momentum_trio.node.schema import DECLARED

SCHEMA = Schema.load(DECLARED)

TOPOLOGY = """cluster { Topology "10.1.0.0/16" { interface = "eth1" } Topology "fd01::/64" { interface = "eth2" } }
"""


def read(text: str) -> dict[str, FloatingAddress]:
    return dict(floating(load_text(TOPOLOGY + text, declared=(), schema=SCHEMA)))


def said(text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as raised:
        load_text(text, declared=(), schema=SCHEMA)
    return [f"{error.at.line}:{error.at.column} {error.option}: {error.problem}" for error in raised.value.errors]


def test_an_address_enabled_in_one_service_floats_for_all() -> None:
    found = read("""
        ESMTP_Listener { Listen "10.1.1.1:25" { Enable_Duravip = true } Listen "*:26" {} Listen "10.1.1.9:25" {} }
        ECStream_Listener { Listen "10.1.1.1:1825" {} }
        Binding "a" { Bind_Address = "10.1.1.1" Duravip_Preference = "n1" }
        Binding_Group "g" { Bind_Address = "10.1.1.1" Binding "b" {} Binding "c" { Bind_Address = "10.1.1.7" } }
        """)
    assert found == {
        "10.1.1.1": FloatingAddress(
            "10.1.1.1",
            ("ECStream:1825", "ESMTP:25", "multivip"),
            (Binding("default", "a"), Binding("g", "b")),
            "n1",
            "",
            "eth1",
            32,
        )
    }


@pytest.mark.parametrize("whom", ["b", "g/c", "10.1.2.1"])
def test_a_listen_follows_a_binding_by_name_or_address(whom: str) -> None:
    found = read(f"""
        ESMTP_Listener {{ Listen "10.1.1.1:25" {{ Duravip_Follow = "{whom}" }} }}
        Binding "b" {{ Enable_Duravip = true Bind_Address = "10.1.2.1" }}
        Binding_Group "g" {{ Binding "c" {{ Bind_Address = "10.1.2.1" }} }}
        """)
    assert found["10.1.1.1"].follows == "10.1.2.1"
    assert found["10.1.2.1"].follows == ""


def test_an_ipv6_address_is_put_up_as_a_host() -> None:
    assert read('Binding "b" { Enable_Duravip = true Bind_Address = "fd01::1" }')["fd01::1"].prefix == 128


def test_nothing_floats_where_nothing_says_so() -> None:
    assert read('ESMTP_Listener { Listen "10.1.1.1:25" {} } Binding "b" { Bind_Address = "10.1.1.1" }') == {}


ONE = 'ESMTP_Listener { Listen "10.1.1.1:25" { Enable_Duravip = on } '
TWO = "".join(f' Binding "{b}" {{ Bind_Address = 10.1.2.1 Duravip_Preference = "{n}" }}' for b, n in ("cn", "dm"))
BOUND = 'Binding "b" { Enable_Duravip = true Bind_Address = "10.1.2.1" }'
REFUSALS = [
    (
        'ESMTP_Listener { Listen "10.1.1.1:25" { Enable_Duravip = true Duravip_Follow = "b" } }' + BOUND,
        ["2:63 Duravip_Follow: a Listen that follows a binding has no Enable_Duravip",
         "2:63 Duravip_Follow: 10.1.1.1 floats for itself"],
    ),
    (
        'ESMTP_Listener { Listen "10.1.1.1:25" { Duravip_Preference = "n" Duravip_Follow = "b" } }' + BOUND,
        ["2:66 Duravip_Follow: a Listen that follows a binding has no Duravip_Preference"],
    ),
    (
        'ESMTP_Listener { Listen "10.1.2.1:25" { Duravip_Follow = "b" } }' + BOUND,
        ["2:41 Duravip_Follow: 10.1.2.1 cannot follow itself"],
    ),
    (
        'ESMTP_Listener { Listen "10.1.1.1:25" { Duravip_Follow = "c" } }' + BOUND,
        ["2:41 Duravip_Follow: there is no Binding 'c'"],
    ),
    (
        'ESMTP_Listener { Listen "10.1.1.1:25" { Duravip_Follow = "b" } } Binding "b" { Bind_Address = "10.1.2.1" }',
        ["2:41 Duravip_Follow: 'b' does not float for itself"],
    ),
    (
        ONE + 'Listen "10.1.1.2:25" { Duravip_Follow = 10.1.1.1 } }',
        ["2:86 Duravip_Follow: '10.1.1.1' is no Binding"],
    ),
    (
        'Binding "b" { Enable_Duravip = true Duravip_Follow = "x" Bind_Address = "10.1.2.1" }',
        ["2:37 Duravip_Follow: not valid in Binding; it is valid in Listen"],
    ),
    ('ESMTP_Listener { Listen "*:25" { Enable_Duravip = true } }', ["2:34 Enable_Duravip: *:25 is no single address"]),
    ('Binding "b" { Enable_Duravip = true }', ["2:15 Enable_Duravip: Binding 'b' has no address of its own"]),
    (
        'Binding "b" { Enable_Duravip = true Bind_Address = "192.0.2.1" }',
        ["2:15 Enable_Duravip: no Topology says which interface 192.0.2.1 is put on"],
    ),
    (
        BOUND + TWO,
        ["2:168 Duravip_Preference: 'm' for 10.1.2.1, which has 'n' too"],
    ),
    (
        BOUND + ' cluster { Nodeaddr = "10.1.2.1" }',
        ["2:15 Enable_Duravip: 10.1.2.1 is this node's own address (Nodeaddr), which cannot move"],
    ),
    (BOUND + ' cluster { Topology "x" { interface = "e" } }', ["2:75 Topology: 'x' is not an IPv4 or IPv6 address"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), REFUSALS, ids=[expected[0] for _, expected in REFUSALS])
def test_refusals_have_their_place(text: str, expected: list[str]) -> None:
    assert said(TOPOLOGY + text) == expected


def test_too_many_addresses() -> None:
    text = "".join(
        f'Binding "b{n}" {{ Enable_Duravip = true Bind_Address = "10.1.{n // 250}.{n % 250}" }}\n'
        for n in range(10_241)
    )
    assert said(TOPOLOGY + text) == ["10242:20 Enable_Duravip: more than 10240 addresses float"]
