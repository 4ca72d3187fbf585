"""Files that TLS needs are looked at before a configuration holds that names them (DESIGN.md, walk 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from momentum_trio.config.chain import Chain
from momentum_trio.config.merged import Scope, ScopePath
from momentum_trio.config.option import Option
from momentum_trio.config.scope import OUTBOUND
from momentum_trio.config.tls_options import NONE
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Setting, Word
from momentum_trio.delivery.tls_options import OutboundTlsOptions
from momentum_trio.listener.tls_options import ListenerTlsOptions
from momentum_trio.listener.tls_terms import OF_CONSOLE, tls_terms
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.machine.disk import Close, File, Open
from momentum_trio.net.endpoint import Endpoint, Family
from momentum_trio.net.netblock import Address
from momentum_trio.net.tls_terms import TlsTerms

_MAIL, _HTTP = "esmtp_listener", "http_listener"
_OF_PEERS = frozenset(option.key for option in ListenerTlsOptions.declared) | {"pathway"}
_FILES = (OutboundTlsOptions.authorities, OutboundTlsOptions.certificate, OutboundTlsOptions.key)


async def unusable_certificates(machine: Machine, running: ConfigTree | None, wanted: ConfigTree) -> list[str]:
    """What is wrong with the TLS files that *wanted* names and *running* does not, a sentence with its place each.

    running: None: nothing ran before.
    """
    problems = [*await _of_outbound(machine, running, wanted), *await _of_listeners(machine, running, wanted)]
    return list(dict.fromkeys(problems))


# listeners', by Listen: each has contexts of its own, of options that it, a Peer in it, or what is around them set


@dataclass(frozen=True, slots=True)
class _Served:
    """Clients of one Listen, for whom options hold along *chain*. within: the scopes whose files count."""

    listener: str
    endpoint: Endpoint
    chain: Chain
    within: frozenset[str]

    @property
    def terms(self) -> TlsTerms | None:
        """What their TLS is made of."""
        return tls_terms(self.chain, self.within)

    @property
    def is_nothing(self) -> bool:
        """Whether they are to have TLS from the first octet, and there is none."""
        return self.terms is None and ListenerTlsOptions.resolve(self.chain).use_ssl

    def setting(self, option: Option[Any]) -> Setting | None:
        """The one of *option* that holds."""
        return self.chain.find(option.key, option.scopes & self.within) or self.chain.find(option.key, option.scopes)


async def _of_listeners(machine: Machine, running: ConfigTree | None, wanted: ConfigTree) -> list[str]:
    served_before = () if running is None else _all_served(running)
    before = {(served.listener, served.endpoint, served.terms, served.is_nothing) for served in served_before}
    known: dict[TlsTerms, list[tuple[Option[Any], str]]] = {}  # many Listens are of the same files
    return [
        f"{setting.at}: {setting.name}: {problem}"
        for served in _all_served(wanted)
        if (served.listener, served.endpoint, served.terms, served.is_nothing) not in before
        for option, problem in await _problems(machine, served, known)
        if (setting := served.setting(option)) is not None
    ]


def _all_served(tree: ConfigTree) -> Iterator[_Served]:
    """The clients of consoles on TCP, of mail, and of HTTP over TLS; those of a Peer by themselves where that says
    something of TLS."""
    for listen in tree.listens("control_listener"):
        if listen.endpoint.family is not Family.UNIX:
            chain = tree.chain_for("control_listener", listen.endpoint, None)
            yield _Served("control_listener", listen.endpoint, chain, OF_CONSOLE)
    for listener in (_MAIL, _HTTP):
        for listen in tree.listens(listener):
            for address in (None, *_peers(tree, listener, listen)):
                chain = tree.chain_for(listener, listen.endpoint, address)
                if listener == _MAIL or ListenerTlsOptions.resolve(chain).use_ssl:
                    yield _Served(listener, listen.endpoint, chain, ListenerTlsOptions.client_ca.scopes)


def _peers(tree: ConfigTree, listener: str, listen: Scope) -> Iterator[Address]:
    for scope in (listen, tree.root.child(listener)):
        for peer in () if scope is None else scope.all("peer"):
            if _OF_PEERS.intersection(peer.settings):
                block = peer.netblock
                yield IPv6Address(block.network) if block.version == 6 else IPv4Address(block.network)


async def _problems(
    machine: Machine, served: _Served, known: dict[TlsTerms, list[tuple[Option[Any], str]]]
) -> list[tuple[Option[Any], str]]:
    """What keeps *served* from TLS. known: of terms that were looked at."""
    if served.is_nothing:
        return [(ListenerTlsOptions.use_ssl, "there is no TLS_Certificate here")]
    if (terms := served.terms) is None:
        return []
    if terms not in known:
        known[terms] = await _unserved(machine, terms)
    return known[terms]


async def _unserved(machine: Machine, terms: TlsTerms) -> list[tuple[Option[Any], str]]:
    """Why no context can be made of *terms*, and the options that are at fault."""
    options = ListenerTlsOptions
    named: list[tuple[Option[Any], str]] = [
        (options.certificate, terms.certificate),
        (options.key, terms.key),
        (options.client_ca, terms.client_ca),
        *((options.named, path) for path in terms.named),
    ]
    unread = [(option, problem) for option, path in named if path and (problem := await _unread(machine, path))]
    if unread:
        return unread
    if not await _unmade(machine, terms):
        return []
    for option, part in _parts(terms):
        if problem := await _unmade(machine, part):
            return [(option, problem)]
    return []


async def _unmade(machine: Machine, terms: TlsTerms) -> str:
    """Why no context can be made of *terms*."""
    assert machine.tls is not None
    try:
        await machine.tls.server_context(terms)
    except (OSError, ValueError) as fault:
        return str(fault)
    return ""


def _parts(terms: TlsTerms) -> Iterator[tuple[Option[Any], TlsTerms]]:
    """*terms* as they come together, with the option that is at fault where that much does not serve."""
    options, part = ListenerTlsOptions, TlsTerms(terms.certificate, terms.key)
    yield options.certificate, part
    part = replace(part, client_ca=terms.client_ca, verify=terms.verify)
    yield options.client_ca, part
    part = replace(part, ciphers=terms.ciphers)
    yield options.ciphers, part
    part = replace(part, protocols=terms.protocols)
    yield options.protocols, part
    yield options.named, terms


# outbound, by scope: there may be a Domain for each of thousands of destinations


async def _of_outbound(machine: Machine, running: ConfigTree | None, wanted: ConfigTree) -> list[str]:
    problems = []
    for path, named in _named(None if running is None else running.root, wanted.root, ()):
        unread = [
            f"{setting.at}: {setting.name}: {problem}"
            for setting in named
            if (problem := await _unread(machine, _path(setting)))
        ]
        problems += unread
        if not unread and (problem := await _unloaded(machine, wanted, path)):
            problems.append(f"{named[0].at}: {named[0].name}: {problem}")
    return problems


def _named(before: Scope | None, scope: Scope, path: ScopePath) -> Iterator[tuple[ScopePath, list[Setting]]]:
    """The scopes in *scope*, which stands at *path*, that name files which *before* does not; and those settings."""
    if scope is before:
        return
    new = [setting for option in _FILES if (setting := _new(before, scope, option.key)) is not None]
    if new:
        yield path, new
    for at, member in scope.members.items():
        known = None if before is None else before.members.get(at)
        yield from _named(known, member, (*path, (member.kind, member.instance)))


def _new(before: Scope | None, scope: Scope, key: str) -> Setting | None:
    """The setting *key* of *scope*, where it names another file than in *before*."""
    setting = scope.settings.get(key)
    if setting is None or scope.kind not in OUTBOUND or not _path(setting):
        return None
    known = None if before is None else before.settings.get(key)
    return setting if known is None or known.value != setting.value else None


def _path(setting: Setting) -> str:
    assert isinstance(setting.value, Word)
    return "" if setting.value.text.lower() == NONE else setting.value.text


async def _unread(machine: Machine, path: str) -> str:
    """Why the file at *path* cannot be read."""
    file = File(path)
    try:
        await machine.disk.perform([Open(file), Close(file)])
    except OSError as fault:
        return f"{path}: {fault.strerror or fault}"
    return ""


async def _unloaded(machine: Machine, tree: ConfigTree, path: ScopePath) -> str:
    """Why no context can be made of the files that hold in the scope at *path*."""
    options = OutboundTlsOptions.resolve(tree.chain_path(path))
    authorities, certificate, key = (
        "" if name.lower() == NONE else name for name in (options.authorities, options.certificate, options.key)
    )
    terms = ClientTlsTerms(bool(authorities), authorities, certificate, key, options.ciphers, options.protocols)
    assert machine.tls is not None
    try:
        await machine.tls.client_context(terms)
    except (OSError, ValueError) as fault:
        return str(fault)
    return ""
