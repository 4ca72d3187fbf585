"""Mail goes to the best of a domain's mail exchangers that is well, and to a worse one before it is put off.

An independent reading of the scenario's MX records (RFC 5321 section 5.1). An exchanger is *well* where nothing struck
it, or what lies between, for a while, and no behaviour of its sink turns clients away before MAIL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from momentum_trio.delivery.delivery_options import DeliveryOptions
from momentum_trio.mail.path import split
from momentum_trio.mail.record import Delivered, Failed
from momentum_trio.mail.stage import Stage

from ..evidence import Evidence, Violation
from ..life import Life
from ..scenario import DnsAnswer, Program, Scenario, Turn
from .configuration import configuration_of, root_of, words
from .custody import disturbed
from .excuses import DEFAULT, name_of
from .timed import timed

NAME = "best_mx_first"
HOST_FAILURE_RETRY_SECONDS = 120.0  # for so long an address that failed is left alone, where nobody says otherwise
CALM_SECONDS = 40.0  # beside that: an attempt that was under way, names that were remembered
NOT_THERE = (Stage.NOT_CONNECTED, Stage.READING_BANNER, Stage.DURING_EHLO)


@dataclass(frozen=True, slots=True)
class Exchanger:
    """preference: the lowest is best. host: the simulated host that has its addresses; empty: nobody is there."""

    preference: int
    host: str


def best_mx_first(evidence: Evidence) -> Iterator[Violation]:
    """One for each message that went to a worse exchanger, or to none, though a better one was well."""
    told: dict[tuple[Life, str], None] = {}
    hosts = {address: plan.name for plan in evidence.scenario.hosts for address in plan.addresses}
    for life, record, at in timed(evidence):
        if not isinstance(record, Delivered | Failed) or (life, record.message_id) in told:
            continue
        exchangers = _exchangers(evidence.scenario, life, record)
        if len(exchangers) < 2:
            continue
        took = hosts.get(record.peer_address, "")
        if isinstance(record, Delivered):
            mine = min((one.preference for one in exchangers if one.host == took), default=None)
            better = [one for one in exchangers if mine is None or one.preference < mine]
        else:
            better = exchangers if record.stage in NOT_THERE and not record.permanent else []
        well = [one.host for one in better if one.host and one.host != took and _well(evidence, life, one.host, at)]
        if well:
            told[life, record.message_id] = None
            went = f"went to {took or record.peer_address}" if isinstance(record, Delivered) else "was put off"
            text = f"{life}: {record.message_id} for {record.forward_path} {went}, though {well[0]} was well"
            yield Violation(NAME, text, at, host=life.host.name)


def _exchangers(scenario: Scenario, life: Life, record: Delivered | Failed) -> list[Exchanger]:
    """Of the record's domain, where it goes by MX; none where it does not."""
    domain = split(record.forward_path)[1]
    tree, plan = configuration_of(scenario.host(life.host.name)), name_of(scenario, domain)
    if tree is None or plan is None or plan.answer is not DnsAnswer.TRUE:
        return []
    chain = tree.chain_outbound(record.binding_group or DEFAULT, record.binding or DEFAULT, domain)
    if DeliveryOptions.resolve(chain).gateway is not None or any("routes" in scope.settings for scope in chain.scopes):
        return []
    pairs = (text.split() for text in plan.mx)
    return [Exchanger(int(preference), _host(scenario, name)) for preference, name in pairs]


def _host(scenario: Scenario, name: str) -> str:
    name = name.lower().removesuffix(".")
    plan = name_of(scenario, name)
    if plan is not None:
        return plan.hosts[0] if plan.hosts and plan.answer is DnsAnswer.TRUE else ""
    return name if any(host.name == name for host in scenario.hosts) else ""


def _well(evidence: Evidence, life: Life, host: str, at: float) -> bool:
    plan = evidence.scenario.host(host)
    before = (Turn.CONNECT, Turn.EHLO)
    if plan.program is not Program.SINK or any(one.turn in before for one in plan.sink.behaviours):
        return False
    root = root_of(evidence.scenario.host(life.host.name))
    alone = max(map(float, words(root, "host_failure_retry")), default=HOST_FAILURE_RETRY_SECONDS)
    return not disturbed(evidence, (host, life.host.name), at - alone - CALM_SECONDS, at)
