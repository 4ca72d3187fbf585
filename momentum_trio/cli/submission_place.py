"""Where a program on this host hands over mail: a Listen of ESMTP_Listener, as the configuration has it."""

from __future__ import annotations

import socket
from collections.abc import Iterator

from momentum_trio.cli.configuration import default_file, load, schema
from momentum_trio.cli.console_link import Endpoint as Place
from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.tree import ConfigTree
from momentum_trio.listener.listen_options import ListenOptions
from momentum_trio.net.endpoint import Endpoint, Family
from momentum_trio.reception.reception_options import NameOptions

LOOPBACK = {"*": "127.0.0.1", "::": "[::1]"}


class Nowhere(Exception):
    """There is no such place; the text says why."""


def submission_place(file: str) -> tuple[Place, str]:
    """The best Listen (a Unix socket, else one on loopback, else any), and the host's name.

    file: the configuration; empty for the host's own. Raises Nowhere.
    """
    file = file or default_file()
    try:
        tree, _ = load(file, schema())
    except ConfigErrors as wrong:
        raise Nowhere(f"{wrong.errors[0]}; --server says where the host is without it") from None
    found = sorted(_endpoints(tree), key=_distance)
    if not found:
        raise Nowhere(f"{file}: ESMTP_Listener has no Listen that is enabled")
    name = NameOptions.resolve(tree.chain_global()).hostname or socket.gethostname()
    return Place.parse(_text(found[0])), name


def _endpoints(tree: ConfigTree) -> Iterator[Endpoint]:
    for scope in tree.listens("esmtp_listener"):
        endpoint = scope.endpoint
        options = ListenOptions.resolve(tree.chain_for("esmtp_listener", endpoint, None))
        if options.enable and (endpoint.family is Family.UNIX or endpoint.port):
            yield endpoint


def _distance(endpoint: Endpoint) -> int:
    if endpoint.family is Family.UNIX:
        return 0
    return 1 if endpoint.is_loopback or endpoint.is_wildcard else 2


def _text(endpoint: Endpoint) -> str:
    if endpoint.family is Family.UNIX:
        return endpoint.path
    address = endpoint.address
    bracketed = f"[{address}]" if endpoint.family is Family.INET6 else address
    return f"{LOOPBACK.get(address, bracketed)}:{endpoint.port}"
