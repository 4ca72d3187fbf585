"""Files that TLS needs are looked at before a configuration holds that names them (DESIGN.md, walk 3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from momentum_trio.config.chain import Chain
from momentum_trio.config.merged import Scope, ScopePath
from momentum_trio.config.option import Option
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Setting, Word
from momentum_trio.delivery.tls_options import NONE, OutboundTlsOptions
from momentum_trio.listener.control_options import ControlTlsOptions
from momentum_trio.listener.control_tls import tls_terms
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ClientTlsTerms, TlsTerms
from momentum_trio.machine.disk import Close, File, Open
from momentum_trio.net.endpoint import Endpoint, Family

_FILES = (OutboundTlsOptions.authorities, OutboundTlsOptions.certificate, OutboundTlsOptions.key)


async def unusable_certificates(machine: Machine, running: ConfigTree, wanted: ConfigTree) -> list[str]:
    """What is wrong with the TLS files that *wanted* names and *running* does not, a sentence with its place each."""
    problems = [*await _of_outbound(machine, running, wanted), *await _of_consoles(machine, running, wanted)]
    return list(dict.fromkeys(problems))


# a listener's, by Listen: each has a context of its own, of options that it and the listener set


async def _of_consoles(machine: Machine, running: ConfigTree, wanted: ConfigTree) -> list[str]:
    before = {endpoint: terms for endpoint, terms, _ in _consoles(running)}
    return [
        f"{setting.at}: {setting.name}: {problem}"
        for endpoint, terms, chain in _consoles(wanted)
        if terms is not None and terms != before.get(endpoint)
        for option, problem in await _unserved(machine, terms)
        if (setting := chain.find(option.key, option.scopes)) is not None
    ]


def _consoles(tree: ConfigTree) -> Iterator[tuple[Endpoint, TlsTerms | None, Chain]]:
    """The Listens of the console on TCP, and what the TLS of each is made of."""
    for listen in tree.listens("control_listener"):
        if listen.endpoint.family is not Family.UNIX:
            chain = tree.chain_for("control_listener", listen.endpoint, None)
            yield listen.endpoint, tls_terms(ControlTlsOptions.resolve(chain)), chain


async def _unserved(machine: Machine, terms: TlsTerms) -> list[tuple[Option[str], str]]:
    """Why no context can be made of *terms*, and the options that are at fault."""
    console = ControlTlsOptions
    named = ((console.certificate, terms.certificate), (console.key, terms.key), (console.client_ca, terms.client_ca))
    unread = [(option, problem) for option, path in named if path and (problem := await _unread(machine, path))]
    if unread:
        return unread
    assert machine.tls is not None
    for option, part in _parts(terms):
        try:
            await machine.tls.server_context(part)
        except (OSError, ValueError) as fault:
            return [(option, str(fault))]
    return []


def _parts(terms: TlsTerms) -> Iterator[tuple[Option[str], TlsTerms]]:
    """*terms* as they come together, with the option that is at fault where that much does not serve."""
    part = TlsTerms(terms.certificate, terms.key)
    yield ControlTlsOptions.certificate, part
    part = replace(part, client_ca=terms.client_ca, verify=terms.verify)
    yield ControlTlsOptions.client_ca, part
    part = replace(part, ciphers=terms.ciphers)
    yield ControlTlsOptions.ciphers, part
    yield ControlTlsOptions.protocols, terms


# outbound, by scope: there may be a Domain for each of thousands of destinations


async def _of_outbound(machine: Machine, running: ConfigTree, wanted: ConfigTree) -> list[str]:
    problems = []
    for path, named in _named(running.root, wanted.root, ()):
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
    new = [setting for option in _FILES if (setting := _new(before, scope, option.key, option.scopes)) is not None]
    if new:
        yield path, new
    for at, member in scope.members.items():
        known = None if before is None else before.members.get(at)
        yield from _named(known, member, (*path, (member.kind, member.instance)))


def _new(before: Scope | None, scope: Scope, key: str, scopes: frozenset[str]) -> Setting | None:
    """The setting *key* of *scope*, where it names another file than in *before*."""
    setting = scope.settings.get(key)
    if setting is None or scope.kind not in scopes or not _path(setting):
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
