"""Why a peer's session goes as it goes: who answers for him, the Peers that hold him or not, the conversation, the
ceilings, and every option as it holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from momentum_trio.config.authentication_options import SmtpAuthenticationOptions
from momentum_trio.config.chain import Chain
from momentum_trio.config.merged import Scope
from momentum_trio.config.option import Option, Options
from momentum_trio.config.tree import ConfigTree
from momentum_trio.listener.ceiling_rule import ceilings_of, cluster_ceilings_of
from momentum_trio.listener.control_options import ControlOptions
from momentum_trio.listener.ecstream_options import EcstreamOptions
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.failure_options import FailureOptions
from momentum_trio.listener.http_options import HttpOptions
from momentum_trio.listener.listen_options import CeilingOptions, ListenOptions
from momentum_trio.listener.proxy_options import ProxyOptions
from momentum_trio.listener.record_options import RecordOptions
from momentum_trio.listener.tls_options import ListenerTlsOptions
from momentum_trio.mail.reply import Reply
from momentum_trio.net.netblock import Address, Netblock
from momentum_trio.node.explanation.admission import Admission, admission
from momentum_trio.node.explanation.conversation import Asked, Conversation, Turn
from momentum_trio.node.explanation.origin import (
    Asking,
    Effective,
    asking,
    effective,
    effective_all,
    scope_at,
    scope_words,
    without_effect,
)
from momentum_trio.node.explanation.outbound import Delivery, deliver
from momentum_trio.node.explanation.place import SERVICES, Listen, listen_of, others_at
from momentum_trio.node.explanation.question import CONTROL, NULL, Inbound
from momentum_trio.node.explanation.witness import Read, Witness
from momentum_trio.protocol.smtp import replies
from momentum_trio.reception.client import Client, Identity
from momentum_trio.reception.mail_authentication_options import AuthenticationResultsOptions
from momentum_trio.reception.milter_options import MilterOptions
from momentum_trio.reception.policy.modules import PHASES, Modules
from momentum_trio.reception.policy.phase import PolicyPhase
from momentum_trio.reception.policy.row import DNSBL, bypassed
from momentum_trio.reception.policy_options import PolicyOptions
from momentum_trio.reception.reception_options import ReceptionOptions
from momentum_trio.reception.screening_options import ScreeningOptions

SMTP = "esmtp_listener"
MISSES_SHOWN_MAX = 5  # Peers that do not hold the address, the nearest first

OF_SESSIONS: dict[str, tuple[type[Options], ...]] = {
    "control_listener": (ControlOptions, ListenOptions, ListenerTlsOptions),
    "eccluster_listener": (ListenOptions,),
    "ecstream_listener": (
        CeilingOptions,
        EcstreamOptions,
        ListenOptions,
        ListenerTlsOptions,
        ProxyOptions,
        ReceptionOptions,
        SessionOptions,
        SmtpAuthenticationOptions,
    ),
    SMTP: (
        AuthenticationResultsOptions,
        CeilingOptions,
        FailureOptions,
        ListenOptions,
        ListenerTlsOptions,
        ProxyOptions,
        ReceptionOptions,
        RecordOptions,
        ScreeningOptions,
        SessionOptions,
        SmtpAuthenticationOptions,
    ),
    "http_listener": (
        CeilingOptions,
        HttpOptions,
        ListenOptions,
        ListenerTlsOptions,
        ProxyOptions,
        ReceptionOptions,
        SessionOptions,
    ),
    "msgcserver_listener": (ListenOptions,),
}
"""What the sessions of a listener read, and its socket."""

CEILING_REPLY: Reply = replies.CONCURRENCY


@dataclass(frozen=True, slots=True)
class PeerSeen:
    """A Peer scope and the address in question. bits: how many of the *prefix* bits the two have in common.

    prefix: -1: it is of another family.
    """

    scope: str
    at: str
    holds: bool
    bits: int
    prefix: int


@dataclass(frozen=True, slots=True)
class Ceiling:
    """A limit on sessions at once. counts: whose sessions it counts together, in words. limit: 0 is none."""

    option: Effective
    limit: int
    counts: str


@dataclass(frozen=True, slots=True)
class Explained:
    """A turn of the conversation with its options as they hold."""

    turn: Turn
    options: tuple[Effective, ...]
    delivery: Delivery | None = None


@dataclass(frozen=True, slots=True)
class Session:
    """What is said, and the checks that content would meet after it."""

    conversation: tuple[Explained, ...] = ()
    content: tuple[tuple[Asked, tuple[Effective, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why *peer*'s session goes as it goes.

    refused: why there is none at all; then the rest is empty. others: Listens that take other addresses of this one's.
    chain: the scopes asked, most specific first. conversation, content: of an ESMTP listener. options: all of them.
    idle: options set on the way although nothing reads them. policy: rows that a session asks and an explanation does
    not, in their order. admission: at a console.
    """

    peer: str
    to: str
    refused: str = ""
    listener: str = ""
    listen: str = ""
    listen_at: str = ""
    others: tuple[str, ...] = ()
    chain: tuple[Asking, ...] = ()
    peers: tuple[PeerSeen, ...] = ()
    peers_missed_count: int = 0
    ceilings: tuple[Ceiling, ...] = ()
    conversation: tuple[Explained, ...] = ()
    content: tuple[tuple[Asked, tuple[Effective, ...]], ...] = ()
    options: tuple[Effective, ...] = ()
    idle: tuple[Effective, ...] = ()
    policy: tuple[str, ...] = ()
    admission: Admission | None = None


def explain(tree: ConfigTree, asked: Inbound, system_hostname: str) -> Explanation:
    """The explanation of *asked* by *tree*. Raises ValueError when the question leaves something open."""
    peer, found = _peer_words(asked), listen_of(tree, asked)
    to = "" if asked.local is None else str(asked.local)
    if isinstance(found, str):
        return Explanation(peer, to, refused=found)
    assert asked.peer is not None
    witness = Witness(tree)
    chain = tree.chain_for(found.listener, found.endpoint, asked.peer)
    session = Session()
    if found.listener == SMTP:
        client = _client(asked, found, asked.peer)
        session = _session(tree, Conversation(witness, chain, client, system_hostname), asked, system_hostname)
    peers, more = _peers(tree, chain, found, asked.peer)
    relevant = _relevant(chain, found.listener, witness.reads)
    whichever = asked.local is None or asked.anywhere or asked.local.is_wildcard
    return Explanation(
        peer=peer,
        to=str(found.endpoint) if whichever else to,
        listener=tree.schema.scope_name(found.listener),
        listen=scope_words(tree, found.scope),
        listen_at=scope_at(found.scope),
        others=others_at(tree, found) if whichever else (),
        chain=asking(tree, chain),
        peers=peers,
        peers_missed_count=more,
        ceilings=tuple(_ceilings(tree, chain, found.listener)),
        conversation=session.conversation,
        content=session.content,
        options=effective_all(tree, chain, relevant),
        idle=without_effect(tree, chain, relevant),
        policy=tuple(_policy(tree, chain)) if found.listener == SMTP else (),
        admission=admission(tree, chain, asked) if found.listener == CONTROL else None,
    )


def _policy(tree: ConfigTree, chain: Chain) -> Iterator[str]:
    """The rows that need DNS, or are a user's: nothing of his is run for an explanation."""
    left_out = bypassed(ReceptionOptions.resolve(chain).context)
    zones = ScreeningOptions.resolve(chain).zones
    if zones and DNSBL not in left_out:
        yield f"{DNSBL} in mailfrom: {', '.join(map(str, zones))}"
    for row in Modules.of(tree.root).names:
        if row not in left_out:
            yield f"{row} in {', '.join(phase.value for phase in PolicyPhase if phase in PHASES[row])}"
    for scope in tree.root.all("policy"):
        if scope.instance not in left_out:
            module = PolicyOptions.resolve(tree.chain_scope("policy", scope.instance)).module
            yield f"{scope.instance} in the phases that {module} has ({scope.at})"
    for scope in tree.root.all("milter"):
        if scope.instance not in left_out:
            address = MilterOptions.resolve(tree.chain_scope("milter", scope.instance)).address
            yield f"{scope.instance}, the milter at {address} ({scope.at})"


def _peer_words(asked: Inbound) -> str:
    return "a Unix peer" if asked.by_unix else str(asked.peer)


def _client(asked: Inbound, listen: Listen, peer: Address) -> Client:
    identity = Identity(asked.authenticated, "AUTH") if asked.authenticated else None
    who = "" if asked.by_unix else str(peer)
    return Client("", peer, who, str(listen.endpoint), asked.by_unix, identity=identity)


# peers


def _peers(tree: ConfigTree, chain: Chain, listen: Listen, address: Address) -> tuple[tuple[PeerSeen, ...], int]:
    """The Peers that hold *address*, in their order, and the nearest that do not; how many more of those there are."""
    matched = [scope for scope in chain.scopes if isinstance(scope, Scope) and scope.kind == "peer"]
    known = {id(scope) for scope in matched}
    containers = [scope for scope in (listen.scope, tree.root.child(listen.listener)) if scope is not None]
    missed = [peer for scope in containers for peer in scope.all("peer") if id(peer) not in known]
    missed.sort(key=lambda peer: -_bits_agreeing(peer.netblock, address))
    near, more = missed[:MISSES_SHOWN_MAX], max(0, len(missed) - MISSES_SHOWN_MAX)
    seen = [_seen(tree, scope, address, holds=True) for scope in matched]
    return (*seen, *(_seen(tree, scope, address, holds=False) for scope in near)), more


def _seen(tree: ConfigTree, scope: Scope, address: Address, *, holds: bool) -> PeerSeen:
    block = scope.netblock
    bits, prefix = _bits_agreeing(block, address), block.prefix if block.version == address.version else -1
    return PeerSeen(scope_words(tree, scope), scope_at(scope), holds, max(bits, 0), prefix)


def _bits_agreeing(block: Netblock, address: Address) -> int:
    """How many bits of *block*'s prefix *address* has as well; -1: it is of another family."""
    if block.version != address.version:
        return -1
    differing = (block.network ^ int(address)).bit_length()
    return min(address.max_prefixlen - differing, block.prefix)


# ceilings


def _ceilings(tree: ConfigTree, chain: Chain, listener: str) -> Iterator[Ceiling]:
    options = (CeilingOptions.listener_sessions_max, CeilingOptions.service_sessions_max)
    for option, (key, limit) in zip(options, ceilings_of(listener, SERVICES[listener], chain), strict=True):
        if limit:
            yield Ceiling(effective(tree, chain, option), limit, _counted(tree, key))
    for option, key, limit in cluster_ceilings_of(listener, SERVICES[listener], chain):
        yield Ceiling(effective(tree, chain, option), limit, f"{_counted(tree, key)}, on all nodes of the cluster")


def _counted(tree: ConfigTree, key: tuple[str, ...]) -> str:
    """Whose sessions the counter *key* counts."""
    what, of, *path = key
    if what == "service_sessions":
        return f"all sessions of the service {of}"
    if not path:
        return f"all sessions of {tree.schema.scope_name(of)}"
    kind, instance, *within = path
    inside = "".join(f' in Listen "{listen}"' for listen in within)
    return f'the sessions of {tree.schema.scope_name(kind)} "{instance}"{inside}'


# the conversation


def _session(tree: ConfigTree, held: Conversation, asked: Inbound, system_hostname: str) -> Session:
    """As much of a session as *asked* about; where a recipient is accepted, up to the 354."""
    conversation, transaction = tuple(_converse(tree, held, asked, system_hostname)), held.transaction
    if held.over or transaction is None or not transaction.forward_paths:
        return Session(conversation)
    content = tuple((check, _as_they_hold(tree, check.options)) for check in held.content_checks())
    data = held.say("DATA")
    return Session((*conversation, Explained(data, _as_they_hold(tree, data.options))), content)


def _converse(tree: ConfigTree, held: Conversation, asked: Inbound, system_hostname: str) -> Iterator[Explained]:
    """The greeting, then as much of a session as was asked about."""
    greeting = held.greet()
    yield Explained(greeting, _as_they_hold(tree, greeting.options))
    turn = greeting
    for line in _lines(asked):
        if held.over or (turn.said.startswith("MAIL") and not turn.taken):
            return
        turn = held.say(line)
        delivery, transaction = None, held.transaction
        if turn.taken and transaction is not None and (recipient := transaction.asked) is not None:
            delivery = deliver(tree, recipient.domain, held.bindings[0], system_hostname)
        yield Explained(turn, _as_they_hold(tree, turn.options), delivery)


def _lines(asked: Inbound) -> Iterator[str]:
    """What he says: EHLO as a client of his address would, unless it is given."""
    if asked.hello or asked.reverse_path is not None or asked.forward_paths:
        yield asked.hello or f"EHLO {_literal(asked)}"
    if asked.reverse_path is not None or asked.forward_paths:
        yield f"MAIL FROM:{_bracketed(asked.reverse_path or NULL)}"
    for path in asked.forward_paths:
        yield f"RCPT TO:{_bracketed(path)}"


def _literal(asked: Inbound) -> str:
    if asked.by_unix or asked.peer is None:
        return "localhost"
    return f"[IPv6:{asked.peer}]" if asked.peer.version == 6 else f"[{asked.peer}]"


def _bracketed(path: str) -> str:
    return path if path.startswith("<") else f"<{path}>"


def _as_they_hold(tree: ConfigTree, reads: Sequence[Read]) -> tuple[Effective, ...]:
    return tuple(effective(tree, read.chain, read.option) for read in reads)


# options


def _relevant(chain: Chain, listener: str, reads: Sequence[Read]) -> list[Option[Any]]:
    """The options a session of *listener* acts on: those of its groups, and what was read of its chain meanwhile."""
    of_groups = [option for group in OF_SESSIONS[listener] for option in group.declared]
    return [*of_groups, *(read.option for read in reads if read.chain is chain)]
