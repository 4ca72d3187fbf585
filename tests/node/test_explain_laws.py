"""What ``config explain`` tells is what a session of that peer gets: asked of a whole node, then tried on it.

The node runs on a simulated host; its clients have the addresses they are explained with.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from simulated_host import CLIENT, CONTROL, MX, Site, console, read_reply, send_all

from momentum_trio.config.load import load_text
from momentum_trio.config.merged import Scope
from momentum_trio.config.schema import Schema
from momentum_trio.machine import Machine
from momentum_trio.node.explanation.answer import answer
from momentum_trio.node.schema import DECLARED
from sim.reference_acl import Asker, answering

SECOND = "10.0.0.26"  # another address of the mx
PEERS = (CLIENT, "192.0.2.7", "192.0.2.70", "198.51.100.9")
DOMAINS = ("a.example", "b.a.example", "c.example", "other.example")
BLOCKS = ("10.0.0.0/8", "10.0.0.7", "192.0.2.0/24", "192.0.2.64/26", "192.0.0.0/16", "0.0.0.0/0", "203.0.113.0/24")
LISTENS = ("*:25", f"{MX}:25", f"{SECOND}:25", "*:587", "127.0.0.1:587")
PLACES = ((MX, 25), (SECOND, 25), (MX, 587))
PATHS = ("", "<>", "ann@a.example", "ann@c.example", "ann@[192.0.2.1]", "ann", "a..b@c.example", "postmaster")

SCHEMA = Schema.load(DECLARED)

_DATE = re.compile(r"(?<=0\.1\.0 ).*")
_lists = {
    "Relay_Domains": ("a.example", "*.a.example", "*a.example", "c.example"),
    "Bounce_Domains": ("c.example", "*"),
    "Relay_Hosts": ("10.0.0.0/24", "192.0.2.64/26", "198.51.100.9"),
    "Relay_For_Sending_Domains": ("c.example", "a.example"),
}
_of_sessions = {
    "Open_Relay": ("true", "false"),
    "Max_Recipients_Per_Message": ("1", "2"),
    "Max_Message_Size": ("1000", "50"),
    "SMTP_Extensions": ('( "DSN" )', '( "ENHANCEDSTATUSCODES" )'),
    "Static_Banner": ('"220 hello there"',),
    "Banner_Hostname": ('"banner.example"',),
}
_of_sessions_and_files = {
    "Allow_NULL_Envelope_Sender": ("true", "false"),
    "Allow_IP_Literal": ("true", "false"),
    "Require_EHLO": ("true", "false"),
    "HELO_Qualified": ("true",),
    "HELO_Literal_Matches": ("true",),
    "HELO_Not_Ours": ("true",),
    "Domain_For_Unqualified_Recipient_Addresses": ('"a.example"', '"other.example"'),
    "Domain_For_Unqualified_Sender_Address": ('"c.example"',),
    "Max_Recipients_Per_Connection": ("1", "2"),
    "Allow_Trailing_Whitespace_In_Commands": ("true",),
}
_of_content = {"RFC2821_Pedantic_Address_Rules": ("false", "true")}


@st.composite
def some(draw: DrawFn, *tables: Mapping[str, Sequence[str]], lists: Sequence[str] = ()) -> str:
    """A few options with values, as statements."""
    table = {name: values for each in tables for name, values in each.items()}
    chosen = draw(st.lists(st.sampled_from([*table, *lists]), unique=True, max_size=3))
    said = []
    for name in chosen:
        if name in lists:
            items = draw(st.lists(st.sampled_from(_lists[name]), max_size=2))
            said.append(f"{name} = ( {' '.join(items)} )")
        else:
            said.append(f"{name} = {draw(st.sampled_from(list(table[name])))}")
    return "\n".join(said)


inbound = some(_of_sessions, _of_sessions_and_files, lists=("Relay_Hosts", "Relay_For_Sending_Domains"))


@st.composite
def peers(draw: DrawFn) -> str:
    """Peer scopes, some of them within others."""
    blocks = draw(st.lists(st.sampled_from(BLOCKS), unique=True, max_size=3))
    pathway = st.sampled_from(["", "", 'Pathway = "p"\n'])
    return "\n".join(f'Peer "{block}" {{ {draw(pathway)}{draw(inbound)} }}' for block in blocks)


@st.composite
def listens(draw: DrawFn) -> str:
    """Listen scopes, some disabled."""
    said = []
    for place in draw(st.lists(st.sampled_from(LISTENS), unique=True, min_size=1)):
        enable = draw(st.sampled_from(["", "", "Enable = false\n"]))
        said.append(f'Listen "{place}" {{ {enable}{draw(inbound)}\n{draw(peers())} }}')
    return "\n".join(said)


@st.composite
def configurations(draw: DrawFn) -> str:
    """A node with an ESMTP listener, a pathway and a console."""
    files = draw(some(_of_sessions_and_files, _of_content, lists=("Relay_Domains", "Bounce_Domains", "Relay_Hosts")))
    pathway = draw(
        some(_of_sessions, _of_content, lists=("Relay_Domains", "Bounce_Domains", "Relay_For_Sending_Domains"))
    )
    dropped = draw(
        st.sampled_from(["", 'Domain "c.example" { Blackhole = inline }', 'Domain "/other/" { Blackhole = 1 }'])
    )
    binding = draw(st.sampled_from(["", "", "", "Default_Binding = none"]))
    return f"""
Hostname = "mx.example.com"
SpoolBase = "/var/spool"
{files}
{binding}
{dropped}
Pathway "p" {{ {pathway} }}
ESMTP_Listener {{
  {draw(st.sampled_from(["", 'Pathway = "p"']))}
  {draw(inbound)}
  {draw(listens())}
  {draw(peers())}
}}
Control_Listener {{ Listen "{CONTROL}" {{ }} }}
"""


@dataclass(frozen=True)
class Asked:
    """A question. words: as the console is asked; address, port: where the client connects to."""

    peer: str
    address: str
    port: int
    words: str


@st.composite
def questions(draw: DrawFn) -> Asked:
    """A client, where it connects, and as much of a session as is asked about."""
    peer = draw(st.sampled_from(PEERS))
    address, port = draw(st.sampled_from(PLACES))
    words = f"{peer} to {address}:{port}"
    if draw(st.booleans()):
        words += draw(st.sampled_from([" helo c.example", " ehlo c.example", " ehlo [192.0.2.1]", ' ehlo "a b"']))
    if draw(st.booleans()):
        words += f' from "{draw(st.sampled_from([*PATHS, "<a@c.example> SIZE=60", "<a@c.example> RET=HDRS"]))}"'
    for path in draw(st.lists(st.sampled_from([*PATHS[2:], *(f"bob@{domain}" for domain in DOMAINS)]), max_size=4)):
        words += f' rcpt "{path}"'
    return Asked(peer, address, port, words)


async def converse(machine: Machine, asked: Asked, lines: Sequence[str]) -> list[list[str]] | None:
    """The replies of the node to *lines*, the greeting first; None when nobody accepts."""
    with trio.fail_after(60), trio.socket.socket() as socket:
        await socket.bind((asked.peer, 0))
        try:
            await socket.connect((asked.address, asked.port))
        except ConnectionRefusedError:
            return None
        replies = [await read_reply(socket)]
        for line in lines:
            await send_all(socket, line.encode() + b"\r\n")
            replies.append(await read_reply(socket))
        return [reply.split("\n") for reply in replies]


async def explained(node: Site, words: str) -> dict[str, Any]:
    """The answer of the node's console to *words*."""
    told: dict[str, Any] = json.loads(
        await node.mx.call(partial(console, may_fail=True), f"json config explain {words}")
    )
    return told


def on_a_node(config: str, story: Callable[[Site], Awaitable[None]]) -> None:
    """Tell *story* on a node with *config*, whose host has two addresses, and whose client has every peer's."""
    node = Site(keep_trace=False)
    node.mx.add_address(SECOND)
    for peer in PEERS[1:]:
        node.client.add_address(peer)
    node.run(config, story)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(configurations(), st.lists(questions(), min_size=1, max_size=6))
def test_a_session_gets_what_is_told(config: str, asked: list[Asked]) -> None:
    async def story(node: Site) -> None:
        for question in asked:
            told = await explained(node, question.words)
            turns = told.get("conversation", [])
            lines = [turn["said"] for turn in turns[1:]]
            replies = await node.client.call(converse, question, lines)
            assert (replies is not None) is told["session"], told
            for turn, reply in zip(turns, replies or [], strict=True):
                assert [_DATE.sub("DATE", line) for line in reply] == turn["reply"], turn
                assert turn["taken"] or turn["rule"], turn

    on_a_node(config, story)


@settings(max_examples=40, deadline=None)
@given(configurations(), questions())
def test_whose_word_holds_is_what_a_slow_reference_says(config: str, asked: Asked) -> None:
    tree = load_text(config.replace("Enable = false", ""), declared=DECLARED, schema=SCHEMA)
    told = answer(tree, asked.words.split()[:3], "system.example").data
    assert isinstance(told, dict)
    if not told["session"]:
        return
    scopes = answering(tree.root, Asker(asked.address, asked.port, asked.peer))
    places = ["" if scope.kind == "global" else str(scope.at) for scope in scopes if isinstance(scope, Scope)]
    assert [each["at"] for each in told["chain"]] == places
    assert {each["option"].lower() for each in told["options"]} >= {
        "relay_domains",
        "idle_time",
        "open_relay",
        "hostname",
    }
    for option in told["options"]:
        setting = next(
            (scope.settings[key] for scope in scopes if (key := option["option"].lower()) in scope.settings), None
        )
        assert option["at"] == ("" if setting is None else str(setting.at)), option


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.sampled_from(["", "Cluster_"]), st.sampled_from(["", *BLOCKS[:4]]), st.integers(0, 3)),
        max_size=3,
        unique_by=lambda each: each[:2],
    ),
    st.integers(0, 3),
    st.sampled_from(PEERS[:3]),
)
def test_so_many_sessions_are_let_in_as_is_told(limits: list[tuple[str, str, int]], service: int, peer: str) -> None:
    scopes = "".join(
        f'Peer "{block}" {{ {word}Listener_Sessions = {limit} }}' if block else f"{word}Listener_Sessions = {limit}\n"
        for word, block, limit in limits
    )
    config = f"""
Hostname = "mx.example.com"
SpoolBase = "/var/spool"
ESMTP_Listener {{ Service_Sessions = {service} Listen ":25" {{ {scopes} }} }}
Control_Listener {{ Listen "{CONTROL}" {{ }} }}
"""

    async def story(node: Site) -> None:
        told = await explained(node, f"{peer} to :25")
        most = min((ceiling["limit"] for ceiling in told["ceilings"]), default=None)
        greetings = await node.client.call(partial(greeted, peer=peer, count=5))
        taken = 5 if most is None else most
        assert [greeting[:3] for greeting in greetings] == ["220"] * taken + ["421"] * (5 - taken)
        assert taken == 5 or {ceiling["reply"] for ceiling in told["ceilings"]} == set(greetings[taken:])

    on_a_node(config, story)


async def greeted(machine: Machine, peer: str, count: int) -> list[str]:
    """What *count* clients at *peer* are greeted with, all of them there at the same time."""
    with ExitStack() as held:
        greetings = []
        for _ in range(count):
            socket = held.enter_context(trio.socket.socket())
            await socket.bind((peer, 0))
            await socket.connect((MX, 25))
            greetings.append(await read_reply(socket))
        return greetings
