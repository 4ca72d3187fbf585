"""Where a webhook is: addresses looked up for each attempt, and those among them that it may be connected to.

The addresses that are judged are those that are connected to: nobody can have a name mean one thing when it is looked
at and another when it is used (SECURITY.md, webhooks).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from momentum_trio.net.netblock import Netblock, parse_address
from momentum_trio.net.reach import is_public
from momentum_trio.net.url import LOCALHOST, LOOPBACKS, Url

ADDRESSES_MAX = 4
"""Tried in one attempt."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""The addresses of a host by DNS; none where it has none, or nobody could say."""


class Unreachable(Exception):
    """There is no address to go to; the text says why."""


async def addresses(url: Url, networks: Sequence[Netblock], resolve: Resolve) -> Sequence[str]:
    """Where *url* may be connected to now. Raises Unreachable."""
    if url.is_loopback:
        return LOOPBACKS if url.host == LOCALHOST else (url.host,)
    found = (url.address,) if url.address else await resolve(url.host)
    if not found:
        raise Unreachable(f"{url.host} has no address")
    permitted = [address for address in found if may_be(address, networks)]
    if not permitted:
        raise Unreachable(f"{url.host} is at {found[0]}, which is not public, nor in Networks")
    return permitted[:ADDRESSES_MAX]


def may_be(text: str, networks: Sequence[Netblock]) -> bool:
    """Whether a webhook may be at the address *text*, which a name led to. Never at a loopback address."""
    address = parse_address(text)
    if address.is_loopback:
        return False
    return is_public(address) or any(block.contains(address) for block in networks)
