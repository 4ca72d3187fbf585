"""From root to an ordinary user: whom to become, and what only root can open first.

The order (SECURITY.md, «Privileges»): the configuration is read, all that can fail is checked, ports below 1024 are
bound, and root is given up before a log, the spool or any other socket is opened, so that they are the user's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

import trio

from momentum_trio.config.floating import floating
from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.facade import ApplyError
from momentum_trio.listener.accept import SocketTerms, bind_ahead, endpoint_of, probe
from momentum_trio.listener.kind import ListenerKind
from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Identity
from momentum_trio.net.capability import capabilities
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.node.configuration import wanted
from momentum_trio.node.privilege_options import SecurityOptions

ROOT = 0


def whom_to_become(machine: Machine, tree: ConfigTree) -> Identity | None:
    """Whom a node that is root is to become; None when there is nothing to give up. Raises ApplyError."""
    if machine.process.uid != ROOT or tree.root.child("security") is None:
        return None
    options = SecurityOptions.resolve(tree.chain_scope("security"))
    if options.chroot:
        raise ApplyError([f"Security Chroot {options.chroot}: not built; a service manager's RootDirectory does it"])
    kept = capabilities(options.capabilities)
    try:
        identity = machine.process.identity(options.user, options.group, options.supplemental, kept)
    except (LookupError, OSError) as fault:
        problem = fault.strerror if isinstance(fault, OSError) else fault.args[0]
        raise ApplyError([f"Security: {problem}"]) from fault
    if identity.uid != ROOT:
        return identity
    if options.capabilities:
        raise ApplyError([f"Security Capabilities: they would not hold for User {options.user}, in every thread"])
    return None


def about_privileges(machine: Machine, tree: ConfigTree) -> tuple[str, ...]:
    """A sentence for the operator where the node stays root, or cannot become whom Security names."""
    process, options = machine.process, SecurityOptions.resolve(tree.chain_scope("security"))
    is_set = tree.root.child("security") is not None
    if process.uid == ROOT:
        if not is_set:
            return ("runs as root: there is no Security scope to say whom to become",)
        return (f"runs as root: Security's User is {options.user}",) if options.user in ("root", str(ROOT)) else ()
    ours = process.user_name(process.uid)
    if is_set and options.user not in (ours, str(process.uid)):
        return (f"runs as {ours} and was not started as root: Security's User {options.user} has no effect",)
    return ()


async def first_sockets(
    machine: Machine, tree: ConfigTree, kinds: Sequence[ListenerKind], identity: Identity | None
) -> dict[Endpoint, trio.socket.SocketType]:
    """The sockets there are before root becomes *identity*: those handed over, and those of ports below 1024.

    All are given to *identity*. Where there is none, nothing is bound.

    Raises: ApplyError, with every address that cannot be had; nothing is left open then.
    """
    found: dict[Endpoint, trio.socket.SocketType] = {}
    adopted = {} if machine.adopted is None else machine.adopted.listeners()
    for socket in [socket for group in adopted.values() for socket in group]:
        if (endpoint := endpoint_of(socket)) is None or endpoint in found:
            socket.close()
        else:
            found[endpoint] = socket
    if identity is not None:
        asked = {place.endpoint: terms for place, terms in wanted(tree, kinds).items()}
        low = {endpoint: asked[endpoint] for endpoint in asked if endpoint.is_privileged and endpoint not in found}
        try:
            await _bind_all(low, found)
        except BaseException:
            close_all(found)
            raise
        for socket in found.values():
            machine.process.give(socket, identity)
    return found


async def load_first(machine: Machine, tree: ConfigTree) -> None:
    """Where addresses float, look at those that are up: what code that takes is read while root may read everything.

    That it cannot be done is said when it is needed.
    """
    if machine.addresses is not None and floating(tree):
        with suppress(OSError):
            await machine.addresses.up()


async def _bind_all(low: Mapping[Endpoint, SocketTerms], found: dict[Endpoint, trio.socket.SocketType]) -> None:
    """Bind *low*, all of them; ask first whether somebody else is there, while nothing of ours is."""
    problems: list[str] = []
    for attempt in (_probe, _bind):
        for endpoint, terms in low.items() if not problems else ():
            try:
                await attempt(endpoint, terms, found)
            except OSError as fault:
                problems.append(f'Listen "{endpoint}": {fault.strerror or fault}')
    if problems:
        raise ApplyError(problems)


async def _probe(endpoint: Endpoint, terms: SocketTerms, found: dict[Endpoint, trio.socket.SocketType]) -> None:
    await probe(endpoint)


async def _bind(endpoint: Endpoint, terms: SocketTerms, found: dict[Endpoint, trio.socket.SocketType]) -> None:
    found[endpoint] = await bind_ahead(endpoint, terms)


def close_all(sockets: dict[Endpoint, trio.socket.SocketType]) -> None:
    """Close what no Listen took."""
    while sockets:
        sockets.popitem()[1].close()
