"""What leads to the hosts of a domain: in this order a Gateway, Routes, the target of static_routes, then DNS."""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.host_options import HostOptions
from momentum_trio.delivery.smtp_options import SmtpOptions
from momentum_trio.net.next_hop import NextHop
from momentum_trio.net.route_item import RouteItem
from momentum_trio.reception.reception_options import NameOptions, ReceptionOptions


@dataclass(frozen=True, slots=True)
class Target:
    """What leads to hosts. Equal ones have the same.

    domain: the routing domain. gateway, routes: what the configuration says instead of DNS. best_only: of the MXs those
    of the lowest preference alone. waits: for the addresses of all of them. ours: names of this host.
    """

    domain: str
    gateway: NextHop | None = None
    routes: tuple[RouteItem, ...] = ()
    use_ipv6: bool = False
    best_only: bool = False
    waits: bool = True
    ours: frozenset[str] = frozenset()

    @property
    def is_published(self) -> bool:
        """Whether its hosts are those that the domain itself published: then its policies hold for them."""
        own = self.gateway is None and all(item.mx and item.hop is None for item in self.routes)
        return own and not self.domain.startswith("[")


def target_of(
    domain: str, gateway: NextHop | None, chain: Chain, static_target: NextHop | None, system_hostname: str
) -> Target:
    """What leads to the hosts of the routing domain *domain* along its *chain*.

    static_target: of the scope ``static_routes``.
    """
    options, reception = HostOptions.resolve(chain), ReceptionOptions.resolve(chain)
    use_ipv6 = SmtpOptions.resolve(chain).use_ipv6
    if gateway is None and not options.routes:
        gateway = static_target
    if gateway is not None:
        return Target(domain, gateway, use_ipv6=use_ipv6)
    relayed = domain in reception.relay_domains
    return Target(
        domain,
        None,
        options.routes,
        use_ipv6,
        options.use_best_only and (relayed or domain in reception.bounce_domains),
        options.fully_resolve or relayed,
        frozenset((NameOptions.resolve(chain).hostname.lower(), system_hostname.lower())),
    )
