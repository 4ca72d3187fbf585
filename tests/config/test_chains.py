"""Who answers for an option: the orders of section 7 with their worked examples, and against a slow reference."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.kind import BOOLEAN, COUNT, SECONDS, STRINGS
from momentum_trio.config.load import load_text
from momentum_trio.config.option import Option, Options
from momentum_trio.config.schema import Schema
from momentum_trio.config.scope import INBOUND_SMTP, OUTBOUND
from momentum_trio.config.tree import ConfigTree, Scope
from momentum_trio.config.value import Word
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.net.netblock import Netblock, parse_address

SCHEMA = Schema.load()


class Session(Options):
    idle_time = Option("Idle_Time", SECONDS, 300.0, INBOUND_SMTP, "")
    open_relay = Option("Open_Relay", BOOLEAN, False, INBOUND_SMTP, "")
    max_message_size = Option("Max_Message_Size", COUNT, 0, INBOUND_SMTP, "")
    smtp_extensions = Option("SMTP_Extensions", STRINGS, (), INBOUND_SMTP, "")
    enable_authentication = Option("Enable_Authentication", BOOLEAN, False, INBOUND_SMTP | {"control_listener"}, "")


class Outbound(Options):
    message_expiration = Option("Message_Expiration", SECONDS, 1.0, OUTBOUND, "")


def load(text: str) -> ConfigTree:
    return load_text(text, schema=SCHEMA, declared=())


def session(tree: ConfigTree, listen: str, peer: str, listener: str = "ESMTP_Listener") -> Session:
    return Session.resolve(tree.chain_for(listener, Endpoint.parse(listen), parse_address(peer)))


INBOUND = """
ESMTP_Listener {
  Idle_Time = 100
  Peer "10.0.0.0/16" { Open_Relay = true  Max_Message_Size = 1000 }
  Listen ":25" {
    Idle_Time = 50
    Peer "10.0.0.1" { SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "AUTH LOGIN" ) }
  }
  Listen ":587" {}
}
"""


def test_inbound_example_of_section_7_2() -> None:
    tree = load(INBOUND)
    one = session(tree, "*:25", "10.0.0.1")
    assert one.smtp_extensions == ("ENHANCEDSTATUSCODES", "AUTH LOGIN")
    assert (one.idle_time, one.open_relay, one.max_message_size) == (50, True, 1000)
    other = session(tree, ":587", "10.0.5.5")
    assert (other.idle_time, other.open_relay) == (100, True)
    outside = session(tree, ":25", "192.0.2.9")
    assert (outside.idle_time, outside.open_relay) == (50, False)
    assert session(tree, ":25", "::ffff:10.0.0.1") is one  # unmapped, and the same chain


def test_console_eval_of_section_7_2() -> None:
    tree = load(
        "Control_Listener {\n Enable_Authentication = true\n Listen 127.0.0.1:2025 {}\n"
        " Listen /tmp/2025 { Enable_Authentication = false }\n}"
    )
    path = (("control_listener", ""), ("listen", "127.0.0.1:2025"))
    assert tree.eval(path, "enable_authentication") == "        Enable_Authentication = true"
    assert (
        tree.eval((path[0], ("listen", "/tmp/2025")), "enable_authentication")
        == "        Enable_Authentication = false"
    )


def test_unix_peers_match_as_loopback() -> None:
    tree = load('ESMTP_Listener { Listen /tmp/in { Peer "127.0.0.0/8" { Idle_Time = 7 } } }')
    assert session(tree, "/tmp/in", "127.0.0.1").idle_time == 7


def test_a_listeners_list_replaces_the_global_one() -> None:
    tree = load("Relay_Hosts = ( 10.0.0.1 )\nESMTP_Listener { Relay_Hosts = ( ) }")
    chain = tree.chain_for("esmtp_listener", None, None)
    assert (
        chain.find("relay_hosts", frozenset(("global", "esmtp_listener")))
        == tree.root.children[0].settings["relay_hosts"]
    )


PATHWAYS = """
Inbound_Throttle_Messages = 1
Pathway_Group g {
  Idle_Time = 3
  Open_Relay = true
  Pathway inner { Idle_Time = 2 }
}
Pathway alone { Idle_Time = 4 }
ESMTP_Listener {
  Pathway = "inner"
  Listen ":25" { }
  Listen ":26" { Pathway = "alone" }
  Listen ":27" { Idle_Time = 1 }
  Peer 10.0.0.1 { Pathway = "alone" }
}
"""


@pytest.mark.parametrize(
    ("listen", "peer", "idle_time", "open_relay"),
    [
        (":25", "192.0.2.1", 2, True),  # pathway_group::pathway, then pathway_group
        (":26", "192.0.2.1", 4, False),  # the Listen chooses before the listener
        (":27", "192.0.2.1", 1, True),  # listener values before those of the pathway
        (":25", "10.0.0.1", 4, False),  # the Peer chooses before the listener
        (":26", "10.0.0.1", 4, False),
    ],
)
def test_pathways(listen: str, peer: str, idle_time: float, open_relay: bool) -> None:
    found = session(load(PATHWAYS), listen, peer)
    assert (found.idle_time, found.open_relay) == (idle_time, open_relay)


@pytest.mark.parametrize(
    ("scopes", "kinds"),
    [
        ("", []),
        ("Pathway other { }  Pathway_Group g { Pathway third { } }", []),
        ("Pathway default { }", ["pathway"]),
        ("Pathway_Group g { Pathway default { } }", ["pathway", "pathway_group"]),
        ("Pathway_Group default { Pathway other { } }", ["pathway_group"]),
        ("Pathway default { }  Pathway_Group default { }", ["pathway", "pathway_group"]),
    ],
)
def test_without_a_pathway_it_is_the_default_one_in_the_default_group(scopes: str, kinds: list[str]) -> None:
    tree = load(f'{scopes} ESMTP_Listener {{ Listen ":25" {{ }} }} Control_Listener {{ Listen ":2025" {{ }} }}')
    peer = parse_address("192.0.2.1")
    chain = tree.chain_for("esmtp_listener", Endpoint.parse(":25"), peer)
    assert [scope.kind for scope in chain.scopes] == ["listen", "esmtp_listener", *kinds, "global"]
    eval_chain = tree.chain_path((("esmtp_listener", ""), ("listen", "*:25")))
    assert [scope.kind for scope in eval_chain.scopes] == [scope.kind for scope in chain.scopes]
    assert tree.chain_for("esmtp_listener", Endpoint.parse(":25"), peer, pathway="default").scopes == chain.scopes
    console = tree.chain_for("control_listener", Endpoint.parse(":2025"), peer)
    assert [scope.kind for scope in console.scopes] == ["listen", "control_listener", "global"]


def test_a_pathway_in_no_group_is_in_the_default_one() -> None:
    tree = load('Pathway alone { }  Pathway_Group default { }  ESMTP_Listener { Pathway = alone  Listen ":25" { } }')
    chain = tree.chain_for("esmtp_listener", Endpoint.parse(":25"), None)
    assert [scope.kind for scope in chain.scopes][2:] == ["pathway", "pathway_group", "global"]


@pytest.mark.parametrize("word", ["default", '""'])
def test_the_default_pathway_may_be_chosen_without_a_scope(word: str) -> None:
    tree = load(f'Pathway p {{ }} ESMTP_Listener {{ Pathway = p  Listen ":25" {{ Pathway = {word} }} }}')
    chain = tree.chain_for("esmtp_listener", Endpoint.parse(":25"), None)
    assert [scope.kind for scope in chain.scopes] == ["listen", "esmtp_listener", "global"]


def test_a_pathway_chosen_for_one_message() -> None:
    tree = load(PATHWAYS)
    chain = tree.chain_for("esmtp_listener", Endpoint.parse(":25"), parse_address("192.0.2.1"), pathway="alone")
    assert Session.resolve(chain).idle_time == 4
    assert tree.eval((("pathway", "inner"),), "open_relay") == "        Open_Relay = true"


OUTBOUND_TEXT = """
Message_Expiration = 86400
Domain example.com { Message_Expiration = 120 }
Binding example { Message_Expiration = 3600 }
Binding example2 {
  Message_Expiration = 7200
  Domain example.com { Message_Expiration = 86400 }
}
Binding example3 { Domain anotherexample.com { Message_Expiration = 86400 } }
"""


@pytest.mark.parametrize(
    ("binding", "domain", "expiration"),
    [  # example 15.2
        ("example", "example.com", 3600),
        ("example", "any.example", 3600),
        ("example2", "example.com", 86400),
        ("example2", "other.example", 7200),
        ("example3", "anotherexample.com", 86400),
        ("example3", "example.com", 120),
        ("example3", "other.example", 86400),
        ("default", "EXAMPLE.com.", 120),
    ],
)
def test_outbound_example_of_section_7_1(binding: str, domain: str, expiration: float) -> None:
    chain = load(OUTBOUND_TEXT).chain_outbound("default", binding, domain)
    assert Outbound.resolve(chain).message_expiration == expiration


OUTBOUND_PLACES = [
    (("binding_group", "g"), ("binding", "b"), ("domain", "d.example")),
    (("binding", "b"), ("domain", "d.example")),
    (("binding_group", "g"), ("domain", "d.example")),
    (("binding_group", "g"), ("binding", "b")),
    (("binding", "b"),),
    (("binding_group", "g"),),
    (("domain", "d.example"),),
    (),
]


@pytest.mark.parametrize("first", range(len(OUTBOUND_PLACES)))
def test_outbound_order(first: int) -> None:
    tree = load("")
    for place in range(first, len(OUTBOUND_PLACES)):
        tree = tree.set(OUTBOUND_PLACES[place], "message_expiration", str(place + 10))
    assert Outbound.resolve(tree.chain_outbound("g", "b", "d.example")).message_expiration == first + 10


DOMAINS = r"""
Domain "/example/" { Message_Expiration = 1  Max_Outbound_Connections = 1 }
Domain "/[.]com$/" { Message_Expiration = 2  Max_Outbound_Connections = 2  Retry_Interval = 2 }
Domain example.com { Message_Expiration = 3 }
"""


@pytest.mark.parametrize(
    ("domain", "option", "value"),
    [
        ("example.com", "message_expiration", "3"),  # the exact stanza first, wherever it stands
        ("example.com", "max_outbound_connections", "1"),  # then patterns in the order of declaration, per option
        ("example.com", "retry_interval", "2"),
        ("a.EXAMPLE.org", "message_expiration", "1"),  # unanchored, any case
        ("b.com", "message_expiration", "2"),
    ],
)
def test_domains(domain: str, option: str, value: str) -> None:
    setting = load(DOMAINS).chain_outbound("", "", domain).find(option, OUTBOUND)
    assert setting is not None
    assert setting.value == Word(value)


def test_a_regex_domain_falls_through_inside_its_container_first() -> None:
    tree = load(
        'Binding b { Domain "/x/" { Message_Expiration = 1 } Domain x.example { } }\n'
        "Domain x.example { Message_Expiration = 2 }"
    )
    assert Outbound.resolve(tree.chain_outbound("", "b", "x.example")).message_expiration == 1


def test_throttles_belong_to_the_scope_that_sets_them() -> None:
    tree = load('Binding_Group g { Outbound_Throttle_Messages = "10" Binding a {} Binding b {} }')
    owners = {id(tree.chain_outbound("g", b, "x.example").owner("outbound_throttle_messages", OUTBOUND)) for b in "ab"}
    assert len(owners) == 1


@pytest.mark.parametrize("domain", ["/example/", "/(/", "[bad", "", "a\ud800b", "\u00e9.example"])
def test_a_domain_out_of_a_message_is_never_a_pattern(domain: str) -> None:
    chain = load('Domain "/example/" { } Domain "/zz/" { }').chain_outbound("", "", domain)
    assert [scope.kind for scope in chain.scopes] in (["global"], ["domain", "global"])
    assert (len(chain.scopes) == 2) is (domain == "\u00e9.example")


@pytest.mark.parametrize("spelling", ["b\u00fccher.example", "B\u00dcCHER.Example.", "XN--bcher-kva.example"])
def test_a_domain_with_u_labels_is_the_one_that_mail_has_with_a_labels(spelling: str) -> None:
    tree = load(f'Domain "{spelling}" {{ Message_Expiration = 1 }}')
    chain = tree.chain_outbound("", "", "xn--bcher-kva.example")
    assert [scope.instance for scope in chain.scopes] == [spelling, ""]


@pytest.mark.parametrize("domain", ["\u2603.example", "a_\u00fc.example", "\u00fc..example"])
def test_what_idna_forbids_is_no_domain(domain: str) -> None:
    with pytest.raises(ConfigErrors):
        load(f'Domain "{domain}" {{ Message_Expiration = 1 }}')


def test_chains_are_shared() -> None:
    tree = load(DOMAINS)
    assert tree.chain_outbound("", "", "b.com") is tree.chain_outbound("", "", "c.com")
    assert tree.chain_for("esmtp_listener", None, None) is tree.chain_global()


def test_equal_to_the_default_still_stops_the_search() -> None:
    tree = load("ESMTP_Listener { Idle_Time = 7 Listen :25 { Idle_Time = 300 } }")
    assert session(tree, ":25", "192.0.2.1").idle_time == 300


# against an independent slow reference

addresses = st.sampled_from(["10.0.0.1", "10.0.5.5", "10.9.9.9", "192.0.2.1", "::1", "fd82::1", "::ffff:10.0.0.1"])
blocks = st.sampled_from(["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "10.0.0.1", "192.0.2.0/24", "::/0", "fd82::/16"])
maybe = st.none() | st.integers(0, 99)


@st.composite
def listeners(draw: st.DrawFn) -> tuple[str, list[tuple[int, Netblock | None, int]]]:
    """A listener, and the rows (0 for the Listen, 1 for the listener; block or None; value) that set Idle_Time."""
    rows: list[tuple[int, Netblock | None, int]] = []

    def body(place: int) -> str:
        parts = []
        if (value := draw(maybe)) is not None:
            rows.append((place, None, value))
            parts.append(f"Idle_Time = {value}")
        for block in draw(st.lists(blocks, max_size=3, unique=True)):
            if (value := draw(maybe)) is not None:
                rows.append((place, Netblock.parse(block), value))
                parts.append(f'Peer "{block}" {{ Idle_Time = {value} }}')
            else:
                parts.append(f'Peer "{block}" {{ }}')
        return "\n".join(draw(st.permutations(parts)))

    return f'ESMTP_Listener {{ {body(1)}\nListen ":25" {{ {body(0)} }} }}', rows


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(listeners(), addresses)
def test_inbound_order_against_a_slow_reference(
    given_: tuple[str, list[tuple[int, Netblock | None, int]]], peer: str
) -> None:
    text, rows = given_
    address = ipaddress.ip_address(peer)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    answering = [
        (place, -(block.prefix if block else -1), value)
        for place, block, value in rows
        if block is None or address in ipaddress.ip_network(str(block))
    ]
    expected = min(answering)[2] if answering else 300
    assert session(load(text), ":25", peer).idle_time == expected


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)
@given(st.lists(st.tuples(st.integers(0, len(OUTBOUND_PLACES) - 1), st.integers(0, 99)), max_size=6))
def test_outbound_order_against_a_slow_reference(given_: list[tuple[int, int]]) -> None:
    tree = load("")
    for place, value in given_:
        tree = tree.set(OUTBOUND_PLACES[place], "message_expiration", str(value))
    held = dict(given_)
    expected = held[min(held)] if held else 1
    assert Outbound.resolve(tree.chain_outbound("g", "b", "d.example")).message_expiration == expected


def test_scopes_answer_for_themselves() -> None:
    tree = load('ec_logger "x" { mainlog = "/a" }')
    assert [scope.kind for scope in tree.chain_scope("EC_Logger", "x").scopes] == ["ec_logger", "global"]
    assert [scope.kind for scope in tree.chain_scope("ec_logger", "y").scopes] == ["global"]
    assert isinstance(tree.root.child("EC_LOGGER", "x"), Scope)
