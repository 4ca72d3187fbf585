"""Which Listen gets a connection: of those that are enabled and built, the specific one before a wildcard."""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.config.check import LISTENER_KINDS
from momentum_trio.config.merged import Scope
from momentum_trio.config.tree import ConfigTree
from momentum_trio.listener.listen_options import ListenOptions
from momentum_trio.net.endpoint import Endpoint, Family, accepting
from momentum_trio.node.explanation.origin import Effective, effective, scope_at, scope_words
from momentum_trio.node.explanation.question import Inbound

DEFAULT_LISTENER = "esmtp_listener"
SERVICES = {
    "control_listener": "Control",
    "eccluster_listener": "ECCluster",
    "ecstream_listener": "ECStream",
    "esmtp_listener": "SMTP",
    "http_listener": "HTTP",
    "msgcserver_listener": "MSGC",
}
"""The listeners, with the service that Service_Sessions counts; a test compares it with the table."""

LISTENS_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Listen:
    """A Listen of the configuration. enable: the option, as it holds for its socket."""

    listener: str
    scope: Scope
    endpoint: Endpoint
    enable: Effective
    is_open: bool


def listens(tree: ConfigTree, listener: str = "") -> list[Listen]:
    """Every Listen, of *listener* or of all, in the order of the text."""
    found = []
    for kind in [listener] if listener else LISTENER_KINDS:
        for scope in tree.listens(kind):
            chain = tree.chain_for(kind, scope.endpoint, None)
            enabled = ListenOptions.resolve(chain).enable
            enable = effective(tree, chain, ListenOptions.enable)
            found.append(Listen(kind, scope, scope.endpoint, enable, enabled))
    return found


def listen_of(tree: ConfigTree, asked: Inbound) -> Listen | str:
    """The Listen that gets the connection *asked* about; or why nobody does, in a sentence.

    Raises ValueError when the question leaves open which Listen is meant.
    """
    every = [listen for listen in listens(tree, asked.listener) if _reaches(asked, listen.endpoint)]
    opened = [listen for listen in every if listen.is_open]
    if asked.local is None:
        return _only(asked, every, opened)
    if asked.anywhere:
        return _on_port(asked.local.port, every, opened)
    found = accepting([listen.endpoint for listen in opened], asked.local)
    if found is not None:
        return next(listen for listen in opened if listen.endpoint == found)
    return _shut(str(asked.local), [listen for listen in every if listen.endpoint.overlaps(asked.local)])


def _reaches(asked: Inbound, endpoint: Endpoint) -> bool:
    """Whether the peer's family is the socket's."""
    if asked.local is None or asked.anywhere:
        if endpoint.family is Family.UNIX:
            return asked.local is None and asked.by_unix
        return not asked.by_unix and asked.peer is not None and _family(asked) is endpoint.family
    return True


def _family(asked: Inbound) -> Family:
    return Family.INET6 if asked.peer is not None and asked.peer.version == 6 else Family.INET


def _only(asked: Inbound, every: list[Listen], opened: list[Listen]) -> Listen | str:
    """The only Listen there is for him; of the ESMTP listener, if none was named."""
    listener = asked.listener or DEFAULT_LISTENER
    there = [listen for listen in opened if listen.listener == listener]
    if len(there) > 1:
        raise ValueError(f"connects to which Listen? 'to' one of {_named(there)}")
    return there[0] if there else _shut("", [listen for listen in every if listen.listener == listener])


def _on_port(port: int, every: list[Listen], opened: list[Listen]) -> Listen | str:
    """The Listen that ``:PORT`` means: any address's, else the only one on that port."""
    there = [listen for listen in opened if listen.endpoint.port == port]
    if wildcard := [listen for listen in there if listen.endpoint.is_wildcard]:
        return wildcard[0]
    if len(there) > 1:
        raise ValueError(f"several Listens have port {port}: 'to' one of {_named(there)}")
    return there[0] if there else _shut(f":{port}", [listen for listen in every if listen.endpoint.port == port])


def _shut(place: str, closed: list[Listen]) -> str:
    """Why there is nobody at *place*."""
    if not closed:
        return f"no Listen that his family reaches is there{f' for {place}' if place else ''}"
    listen = closed[0]
    return f"Listen {listen.endpoint} ({scope_at(listen.scope)}) is disabled: Enable = {_said(listen.enable)}"


def _said(option: Effective) -> str:
    return f"{option.text} at {option.at} ({option.scope})" if option.at else f"{option.text} by default"


def _named(there: list[Listen]) -> str:
    more = ", ..." if len(there) > LISTENS_SHOWN_MAX else ""
    return ", ".join(str(listen.endpoint) for listen in there[:LISTENS_SHOWN_MAX]) + more


def others_at(tree: ConfigTree, found: Listen) -> tuple[str, ...]:
    """More specific Listens that take, of the addresses *found* listens on, their own."""
    every = [listen for listen in listens(tree) if listen.is_open and listen.endpoint != found.endpoint]
    if not found.endpoint.is_wildcard:
        return ()
    inside = [listen for listen in every if listen.endpoint.overlaps(found.endpoint)]
    return tuple(f"{scope_words(tree, listen.scope)} ({scope_at(listen.scope)})" for listen in inside)
