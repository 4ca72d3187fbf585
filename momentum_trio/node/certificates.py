"""Files that TLS needs are looked at before a configuration holds that names them (DESIGN.md, walk 3)."""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.config.merged import Scope, ScopePath
from momentum_trio.config.tls_options import NONE
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Setting, Word
from momentum_trio.delivery.tls_options import OutboundTlsOptions
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.machine.disk import Close, File, Open

_FILES = (OutboundTlsOptions.authorities, OutboundTlsOptions.certificate, OutboundTlsOptions.key)


async def unusable_certificates(machine: Machine, running: ConfigTree, wanted: ConfigTree) -> list[str]:
    """What is wrong with the TLS files that *wanted* names and *running* does not, a sentence with its place each."""
    problems = []
    for path, named in _named(running.root, wanted.root, ()):
        unread = [problem for setting in named if (problem := await _unread(machine, setting))]
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


async def _unread(machine: Machine, setting: Setting) -> str:
    file = File(_path(setting))
    try:
        await machine.disk.perform([Open(file), Close(file)])
    except OSError as fault:
        return f"{setting.at}: {setting.name}: {file.path}: {fault.strerror or fault}"
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
