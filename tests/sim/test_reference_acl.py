"""The slow evaluator of relay rights: the manual's examples, and against the product on random configurations."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.config.chain import Chain
from momentum_trio.config.load import load_text
from momentum_trio.config.schema import Schema
from momentum_trio.config.tree import ConfigTree
from momentum_trio.mail.path import domain_of
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.net.netblock import LOOPBACK, parse_address
from momentum_trio.node.schema import DECLARED
from momentum_trio.reception.client import Client
from momentum_trio.reception.decision import ACCEPTED
from momentum_trio.reception.relay import relay
from momentum_trio.reception.rules import Rules
from momentum_trio.reception.transaction import Recipient, Tally, Transaction
from sim.reference_acl import Asker, answering, may_relay, peers

SCHEMA = Schema.load(DECLARED)
LISTENS = {
    ":25": ("10.0.0.25", 25),
    "10.0.0.25:587": ("10.0.0.25", 587),
    "[*]:25": ("fd00::25", 25),
    "/run/smtp": ("/run/smtp", 0),
}


def load(text: str) -> ConfigTree:
    return load_text(text, schema=SCHEMA, declared=DECLARED)


def ask(
    text: str, peer: str, listen: str = ":25", to: str = "a@elsewhere.example", sender: str = "s@x.example"
) -> bool:
    return may_relay(load(text).root, Asker(*LISTENS[listen], peer), sender, to)


INSIDE = """
Relay_Domains = ( "ours.example" "*.sub.example" "*tail.example" )
Relay_Hosts = ( "192.0.2.0/24" )
ESMTP_Listener {
  Peer "10.0.0.0/8" { Open_Relay = true }
  Peer "10.1.0.0/16" { Open_Relay = false  Relay_For_Sending_Domains = ( "x.example" ) }
  Listen ":25" { Peer "10.1.1.1" { Open_Relay = on } }
  Listen "10.0.0.25:587" { Relay_Hosts = () }
  Listen "/run/smtp" { Peer "127.0.0.0/8" { Open_Relay = true } }
}
"""


@pytest.mark.parametrize(
    ("peer", "listen", "to", "sender", "permitted"),
    [
        ("198.51.100.1", ":25", "a@elsewhere.example", "s@x.example", False),
        ("198.51.100.1", ":25", "a@OURS.example", "s@x.example", True),
        ("198.51.100.1", ":25", "a@sub.example", "", False),
        ("198.51.100.1", ":25", "a@b.sub.example", "", True),
        ("198.51.100.1", ":25", "a@badtail.example", "", True),
        ("198.51.100.1", ":25", "postmaster", "", True),
        ("198.51.100.1", ":25", "ann", "", False),
        ("192.0.2.9", ":25", "a@elsewhere.example", "", True),
        ("192.0.2.9", "10.0.0.25:587", "a@elsewhere.example", "", False),
        ("::ffff:192.0.2.9", ":25", "a@elsewhere.example", "", True),
        ("10.9.9.9", ":25", "a@elsewhere.example", "", True),
        ("10.1.9.9", ":25", "a@elsewhere.example", "s@y.example", False),
        ("10.1.9.9", ":25", "a@elsewhere.example", "s@x.example", True),
        ("10.1.9.9", ":25", "a@elsewhere.example", "", False),
        ("10.1.1.1", ":25", "a@elsewhere.example", "s@y.example", True),
        ("10.1.1.1", "10.0.0.25:587", "a@elsewhere.example", "s@y.example", False),
        ("", "/run/smtp", "a@elsewhere.example", "", True),
    ],
)
def test_by_hand(peer: str, listen: str, to: str, sender: str, permitted: bool) -> None:
    assert ask(INSIDE, peer, listen, to, sender) is permitted


def test_a_unix_peer_is_in_no_relay_hosts() -> None:
    text = 'Relay_Hosts = ( "127.0.0.1" ) ESMTP_Listener { Listen "/run/smtp" {} Listen ":25" {} }'
    assert not ask(text, "", "/run/smtp")
    assert ask(text, "127.0.0.1")


def test_the_pathway_is_the_most_specific_ones_and_its_group_comes_after_it() -> None:
    text = """
    ESMTP_Listener { Pathway = "outer" Listen ":25" { Peer "10.0.0.0/8" { Pathway = "inner" } } }
    Pathway_Group "g" { Open_Relay = true Pathway "inner" { Relay_Domains = ( "p.example" ) } }
    Pathway "outer" {}
    """
    assert ask(text, "10.0.0.1")
    assert not ask(text, "192.0.2.1")
    kinds = [scope.kind for scope in answering(load(text).root, Asker("10.0.0.25", 25, "10.0.0.1"))]
    assert kinds == ["peer", "listen", "esmtp_listener", "pathway", "pathway_group", "global"]


# against the product

ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.1.1", "10.1.0.1", "192.0.2.1", "::ffff:10.0.0.1", "fd00::1", "fd00:1::1")
BLOCKS = st.one_of(
    st.sampled_from(("0.0.0.0/0", "::/0", "::ffff:10.0.0.0/104", "::ffff:0:0/96", "[fd00::]/16", "fd00::1")),
    st.builds(lambda a, bits: f"{a}/{bits}", st.sampled_from(ADDRESSES[:5]), st.integers(0, 32)),
    st.builds(lambda a, bits: f"{a}/{bits}", st.sampled_from(ADDRESSES[6:]), st.integers(0, 128)),
)
DOMAINS = ("x.example", "*.x.example", "*x.example", "y.example")
BODY = st.lists(
    st.one_of(
        st.sampled_from(
            ("Open_Relay = true", "Open_Relay = off", "Relay_Hosts = ()", 'Pathway = "p"', 'Pathway = "q"')
        ),
        BLOCKS.map(lambda block: f'Relay_Hosts = ( "{block}" )'),
        st.sampled_from(DOMAINS).map(lambda domain: f'Relay_For_Sending_Domains = ( "{domain}" )'),
    ),
    max_size=2,
).map(" ".join)
PEERS = st.lists(st.builds(lambda block, body: f'Peer "{block}" {{ {body} }}', BLOCKS, BODY), max_size=4).map(" ".join)


@st.composite
def configurations(draw: st.DrawFn) -> str:
    listens = "\n".join(f'Listen "{listen}" {{ {draw(BODY)} {draw(PEERS)} }}' for listen in LISTENS)
    relay_domains = draw(st.sampled_from(("", 'Relay_Domains = ( "x.example" )', 'Relay_Hosts = ( "10.0.0.0/24" )')))
    inner = draw(
        st.sampled_from(("", "Open_Relay = true", 'Relay_Domains = ( "y.example" )', 'Bounce_Domains = "x.example"'))
    )
    default = draw(
        st.sampled_from(
            (
                "",
                'Pathway "default" { Open_Relay = true }',
                'Pathway_Group "default" { Relay_Domains = ( "y.example" ) }',
            )
        )
    )
    return f"""{relay_domains} {default}
    ESMTP_Listener {{ {draw(BODY)} {draw(PEERS)}\n{listens} }}
    Pathway "p" {{ {inner} }}
    Pathway_Group "g" {{ Relay_Hosts = ( "10.1.0.0/16" ) Pathway "q" {{ {inner} }} }}
    """


def by_the_product(tree: ConfigTree, listen: str, peer: str, sender: str, to: str) -> bool:
    address = LOOPBACK if listen.startswith("/") else parse_address(peer)
    chain = tree.chain_for("esmtp_listener", Endpoint.parse(listen), address)
    return permitted_by(chain, str(address), listen, sender, to)


def permitted_by(chain: Chain, peer: str, listen: str, sender: str, to: str) -> bool:
    client = Client("c", parse_address(peer), peer, listen, listen.startswith("/"))
    rules = Rules.of(chain, client, "mx")
    transaction = Transaction(client, rules, Tally(), sender, sender, "")
    return relay(transaction, Recipient(to, to, "", domain_of(to))) is ACCEPTED


@settings(max_examples=150, deadline=None)
@given(configurations(), st.data())
def test_the_product_agrees(text: str, data: st.DataObject) -> None:
    tree = load(text)
    for _ in range(12):
        listen = data.draw(st.sampled_from(sorted(LISTENS)))
        six = listen.startswith("[")
        peer = data.draw(st.sampled_from([a for a in ADDRESSES if (":" in a and "." not in a) == six]))
        sender = data.draw(st.sampled_from(("", "s@x.example", "s@a.x.example", "s@badx.example")))
        to = data.draw(st.sampled_from(("a@x.example", "a@y.example", "a@z.example", "postmaster")))
        permitted = may_relay(tree.root, Asker(*LISTENS[listen], peer), sender, to)
        assert permitted == by_the_product(tree, listen, peer, sender, to), (text, listen, peer, sender, to)


@settings(max_examples=60, deadline=None)
@given(st.lists(BLOCKS, min_size=2, max_size=6), st.sampled_from(ADDRESSES))
def test_peers_are_those_that_hold_the_address_the_narrowest_first(blocks: list[str], address: str) -> None:
    tree = load("ESMTP_Listener { " + " ".join(f'Peer "{block}" {{}}' for block in blocks) + " }")
    listener = tree.root.child("esmtp_listener")
    assert listener is not None
    found = peers(listener, address)
    (product,) = [tree.chain_for("esmtp_listener", None, parse_address(address)).scopes]
    assert [scope.instance for scope in found] == [scope.instance for scope in product if scope.kind == "peer"]


def test_the_first_peer_instead_of_the_most_specific_one_is_a_difference() -> None:
    """What the planted bug does to the product: Peers answer in the order of the text."""
    tree = load(INSIDE)
    right = tree.chain_for("esmtp_listener", Endpoint.parse(":25"), parse_address("10.1.9.9"))
    in_order = sorted(right.scopes, key=lambda scope: (scope.kind != "peer", scope.instance))
    assert [scope.instance for scope in in_order[:2]] == ["10.0.0.0/8", "10.1.0.0/16"]
    assert permitted_by(Chain(in_order), "10.1.9.9", ":25", "s@y.example", "a@elsewhere.example")
    assert not may_relay(tree.root, Asker("10.0.0.25", 25, "10.1.9.9"), "s@y.example", "a@elsewhere.example")
