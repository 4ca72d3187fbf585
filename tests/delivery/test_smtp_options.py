"""Every option of delivery by SMTP, in every scope it may stand in, set in the file and at the console; its effect.

The cases are generated from the declarations: an option without a probe here fails ``test_each_option_has_a_probe``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from scripted_server import SILENCE
from test_smtp_delivery import EIGHT_BIT, PLAIN_HELLO, SECOND_SOURCE, SMALL, Road
from test_smtp_offers import offering

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.config.option import Option
from momentum_trio.config.schema import Schema
from momentum_trio.config.transaction import parse_path
from momentum_trio.config.tree import ConfigTree
from momentum_trio.delivery.blackhole import Blackhole
from momentum_trio.delivery.delivery_options import DeliveryOptions
from momentum_trio.delivery.errand import Outfit
from momentum_trio.delivery.lmtp import Lmtp
from momentum_trio.delivery.lmtp_options import LmtpOptions
from momentum_trio.delivery.method import Attempt, Carrier
from momentum_trio.delivery.outcome import Delivered, Outcome
from momentum_trio.delivery.route import Route, Routes
from momentum_trio.delivery.smtp_options import SmtpOptions
from momentum_trio.node.schema import DECLARED

SCHEMA = Schema.load(DECLARED)
BASE = 'Hostname = "mx.example"\n'
SECONDS = 17


def load(text: str) -> ConfigTree:
    return load_text(text, schema=SCHEMA, declared=DECLARED)


@dataclass
class Trip(Road):
    """A road whose route a configuration tree chooses, for mail to d.example through the binding b of the group g."""

    tree: ConfigTree = field(default_factory=lambda: load(""))
    route: Route = field(init=False)

    def attempts(self, batch: Any) -> list[Attempt]:
        self.route = route = Routes([]).choose(self.tree, "g", "b", "d.example")
        self.extended = route.word == "ESMTP"
        self.server.lmtp = route.word == "LMTP"
        return [Attempt(batch, m, route.domain, 0, route.chain, route.gateway) for m in batch.messages]

    def carrier(self, outfit: Outfit) -> Carrier:
        return Lmtp(outfit) if self.route.word == "LMTP" else super().carrier(outfit)

    def go(self, content: bytes, serve: Mapping[str, Any]) -> list[Outcome]:
        batch = self.accept("bob@d.example", "carol@d.example", content=content)
        return self.run(lambda: self.attempt(self.attempts(batch)), **serve)


Seen = Callable[[Trip, list[Outcome]], object]


def line(number: int) -> Seen:
    """The line of that number that the server was told."""
    return lambda trip, outcomes: trip.server.lines[number] if trip.server.lines else ""


def arrives(trip: Trip, outcomes: list[Outcome]) -> bool:
    return all(isinstance(outcome, Delivered) for outcome in outcomes)


def gives_up(trip: Trip, outcomes: list[Outcome]) -> bool:
    """Whether the wait was as long as the option says."""
    return SECONDS <= trip.seconds <= SECONDS + 3


@dataclass(frozen=True)
class Probe:
    """value: what the option is set to. effect: what is then seen; without it, something else is."""

    value: str
    effect: object
    seen: Seen
    answers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = SMALL
    serve: Mapping[str, Any] = field(default_factory=dict)
    gateway: str = "sink"


def waits(stage: str) -> Probe:
    return Probe(str(SECONDS), True, gives_up, {stage: SILENCE})


def authenticates(value: str, user: str, password: str) -> Probe:
    token = b64encode(f"\0{user}\0{password}".encode()).decode()
    return Probe(value, f"AUTH PLAIN {token}", line(1), offering("AUTH PLAIN"))


PROBES: dict[str, Probe] = {
    "Remote_SMTP_Port": Probe("2525", True, arrives, serve={"port": 2525}),
    "EHLO_Hostname": Probe("out.example", "EHLO out.example", line(0)),
    "Max_Recipients_Per_Batch": Probe("1", 2, lambda trip, outcomes: len(trip.server.taken)),
    "Connect_Timeout": Probe(str(SECONDS), True, gives_up, gateway="silent"),
    "EHLO_Timeout": waits("banner"),
    "MailFrom_Timeout": waits("MAIL"),
    "Rcptto_Timeout": waits("RCPT"),
    "Body_Timeout": waits("BODY"),
    "RSET_Timeout": Probe(str(SECONDS), True, gives_up, {"RCPT TO:<bob@d.example>": "550 no", "RSET": SILENCE}),
    "Send_8BitMime": Probe("no", "MAIL FROM:<ann@c>", line(1), content=EIGHT_BIT),
    "Transform_8BitMime_Content": Probe("no", True, arrives, PLAIN_HELLO, EIGHT_BIT),
    "Use_IPv6": Probe("true", True, arrives, serve={"family": trio.socket.AF_INET6}),
    "Bind_Address": Probe(SECOND_SOURCE, [SECOND_SOURCE], lambda trip, outcomes: trip.server.peers),
    "Idle_Timeout": Probe(str(SECONDS), SECONDS, lambda trip, outcomes: trip.feed.idle_seconds),
    "XCLIENT": Probe("required", "XCLIENT ADDR=192.0.2.1", line(1), offering("XCLIENT ADDR")),
    "Outbound_SMTP_AUTH_Type": authenticates("PLAIN", "ann", "secret"),
    "Outbound_SMTP_AUTH_User": authenticates("eve", "eve", "secret"),
    "Outbound_SMTP_AUTH_Pass": authenticates("other", "ann", "other"),
    "Outbound_SMTP_AUTH_In_Clear": authenticates("true", "ann", "secret"),
    "LMTP_Port": Probe("2525", True, arrives, serve={"port": 2525}),
    "Gateway": Probe("sink", True, arrives, gateway=""),
    "Delivery_Method": Probe("SMTP", "HELO mx.example", line(0)),
}
AUTHENTICATION = {
    "Outbound_SMTP_AUTH_Type": "PLAIN",
    "Outbound_SMTP_AUTH_User": "ann",
    "Outbound_SMTP_AUTH_Pass": "secret",
    "Outbound_SMTP_AUTH_In_Clear": "true",
}
TOGETHER = {
    "RSET_Timeout": "Max_Recipients_Per_Batch = 1",
    "LMTP_Port": "Delivery_Method = LMTP",
} | {
    name: " ".join(f"{other} = {value}" for other, value in AUTHENTICATION.items() if other != name)
    for name in AUTHENTICATION
}
"""What else must be set for the option to matter."""

ROUTING = {option.name: option for option in (DeliveryOptions.gateway, DeliveryOptions.method)}
OPTIONS: dict[str, Option[Any]] = {
    option.name: option for option in (*SmtpOptions.declared, *LmtpOptions.declared)
} | ROUTING
PLACES = {
    "global": "SETTING",
    "domain": 'Domain "DOMAIN" { SETTING }',
    "binding_group": 'Binding_Group "g" { SETTING }',
    "binding": 'Binding_Group "g" { Binding "b" { SETTING } }',
    "binding's domain": 'Binding_Group "g" { Binding "b" { Domain "DOMAIN" { SETTING } } }',
}
PATHS = {
    "global": "",
    "domain": "domain DOMAIN ",
    "binding_group": "binding_group g ",
    "binding": "binding_group g binding b ",
    "binding's domain": "binding_group g binding b domain DOMAIN ",
}
CASES = [
    (name, place, way)
    for name, option in OPTIONS.items()
    for place in PLACES
    if set(place.split("'s ")) <= option.scopes
    for way in ("file", "console")
]


def test_each_option_has_a_probe() -> None:
    assert set(OPTIONS) == set(PROBES)


def observe(name: str, text: str = "", command: str = "") -> object:
    probe = PROBES[name]
    base = f'Domain "d.example" {{ Gateway = "{probe.gateway}" }}' if probe.gateway else ""
    tree = load(f"{BASE}{base}\n{TOGETHER.get(name, '')}\n{text}\n")
    if command:
        path, (option, value) = parse_path(command.split(" "), tree)
        tree = tree.set(path, option, value)
    trip = Trip(probe.answers, tree=tree)
    silent = trip.world.host("silent", "10.0.0.66")
    trip.world.link(trip.mx, silent)[0].blocked = True
    return probe.seen(trip, trip.go(probe.content, probe.serve))


@pytest.mark.parametrize(("name", "place", "way"), CASES)
def test_the_option_acts(name: str, place: str, way: str) -> None:
    """Those of a conversation stand in the Domain of the gateway, those of routing in the one of the mail."""
    probe = PROBES[name]
    domain = "d.example" if name in ROUTING else probe.gateway
    if way == "file":
        setting = f"{name} = {probe.value}"
        seen = observe(name, PLACES[place].replace("DOMAIN", domain).replace("SETTING", setting))
    else:
        seen = observe(name, command=f"{PATHS[place].replace('DOMAIN', domain)}{name.lower()} {probe.value}")
    assert seen == probe.effect


@pytest.mark.parametrize("name", PROBES)
def test_without_the_option_something_else_is_seen(name: str) -> None:
    assert observe(name) != PROBES[name].effect


# Routes


@pytest.mark.parametrize(
    ("text", "domain", "port"),
    [
        # spec/options.json, Gateway: options of the original domain's stanza no longer apply
        ('Domain "d.example" { Gateway = "gate" Remote_SMTP_Port = 26 }', "gate", 25),
        ('Domain "d.example" { Gateway = "gate" } Domain "gate" { Remote_SMTP_Port = 26 }', "gate", 26),
        ('Domain "d.example" { Gateway = "[fd00::9]" } Domain "[IPv6:fd00::9]" { Remote_SMTP_Port = 26 }', None, 26),
        ('Gateway = "gate" Remote_SMTP_Port = 26', "gate", 26),
        ('Domain "d.example" { Remote_SMTP_Port = 26 }', "d.example", 26),
        # a gateway does not have one of its own
        ('Domain "d.example" { Gateway = "gate" } Domain "gate" { Gateway = "other" }', "gate", 25),
    ],
)
def test_the_gateway_is_the_routing_domain(text: str, domain: str | None, port: int) -> None:
    route = Routes([]).choose(load(text), "default", "default", "d.example")
    assert route.domain == (domain or "[ipv6:fd00::9]")
    assert SmtpOptions.resolve(route.chain).port == port


def test_what_the_queue_asks_is_the_domains_own() -> None:
    tree = load('Domain "d.example" { Gateway = "gate" Retry_Interval = 7 } Domain "gate" { Retry_Interval = 9 }')
    assert Routes([]).choose(tree, "default", "default", "d.example").options.retry_interval == 7


def test_mail_that_stays_here_knows_no_gateway() -> None:
    tree = load('Gateway = "gate" Domain "d.example" { Delivery_Method = BLACKHOLE }')
    route = Routes([Blackhole()]).choose(tree, "default", "default", "d.example")
    assert (route.domain, route.gateway) == ("d.example", None)


@pytest.mark.parametrize("value", ["2001:db8::1", '"a b"', "mx.example:0", '"[x]"'])
def test_a_gateway_that_is_none_is_an_error(value: str) -> None:
    with pytest.raises(ConfigErrors, match="Gateway"):
        load(f"Gateway = {value}")
