"""Options of finding the hosts of a domain: DNS, routes, and hosts that are not gone to."""

from __future__ import annotations

from momentum_trio.config.chain import Chain
from momentum_trio.config.host_kind import ADDRESS_LIST, NEXT_HOP, NO_HOSTS
from momentum_trio.config.kind import BOOLEAN, COUNT, PATH, SECONDS, show_list, words_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import GLOBAL, OUTBOUND, scopes
from momentum_trio.config.value import Value
from momentum_trio.net.next_hop import NextHop
from momentum_trio.net.route_item import RouteItem

STATIC_ROUTES = scopes("static_routes")
DOMAIN_AND_GLOBAL = GLOBAL | scopes("domain")


def _routes(value: Value) -> tuple[RouteItem, ...]:
    return tuple(RouteItem.parse(text) for text in words_of(value, "a list of routes"))


ROUTES: Kind[tuple[RouteItem, ...]] = Kind("string-list", _routes, lambda items: show_list(item.text for item in items))


class HostOptions(Options):
    """Where mail for a domain goes."""

    routes = Option(
        "Routes",
        ROUTES,
        (),
        DOMAIN_AND_GLOBAL,
        "Hosts that mail goes to instead of those in DNS, in order: a host, __mx__ (the domain's own MX set), or"
        " smtp://HOST?pref=P&ttl=T&port=O&type=mx|a. A Gateway comes before them.",
    )
    use_best_only = Option(
        "Only_Use_Best_MX_For_Relay_Domains",
        BOOLEAN,
        True,
        GLOBAL,
        "Of domains in the global Relay_Domains or Bounce_Domains use the MXs of the lowest preference alone.",
    )
    fully_resolve = Option(
        "Fully_Resolve_Before_SMTP",
        BOOLEAN,
        True,
        OUTBOUND,
        "Wait for the addresses of all MXs before connecting, so that the best is tried first; domains in Relay_Domains"
        " always wait.",
    )
    prohibited = Option(
        "Prohibited_Hosts",
        ADDRESS_LIST,
        NO_HOSTS,
        GLOBAL,
        "Addresses and blocks; mail for a domain with such an address fails (551 5.4.6). Hosts that the configuration"
        " names are gone to all the same.",
    )
    skipped = Option(
        "Skip_Hosts",
        ADDRESS_LIST,
        NO_HOSTS,
        GLOBAL,
        "Addresses and blocks that are passed over; the other hosts of the domain are used.",
    )
    failure_retry = Option(
        "Host_Failure_Retry",
        SECONDS,
        120.0,
        DOMAIN_AND_GLOBAL,
        "After a connection to an address failed, that address is left alone so long.",
    )
    metrics_lifetime = Option(
        "Address_Metrics_Lifetime",
        SECONDS,
        1800.0,
        GLOBAL,
        "How long after its last use it is remembered how well an address could be reached.",
    )
    metrics_cleanse_interval = Option(
        "Address_Metrics_Cleanse_Interval", SECONDS, 3600.0, GLOBAL, "How often such memories are swept."
    )


class DnsOptions(Options):
    """How DNS is asked, and what is made of it when it does not answer."""

    failures_to_purge = Option(
        "DNS_Failures_To_Purge",
        COUNT,
        10,
        DOMAIN_AND_GLOBAL,
        "After so many failed look-ups in a row, counted at most once each Retry_Interval, mail of the domain fails"
        " (554 5.4.4). 0: never.",
    )
    failures_fallback_to_a = Option(
        "MX_Failures_Fallback_To_A",
        COUNT,
        3,
        DOMAIN_AND_GLOBAL,
        "After so many failed look-ups of its MXs, counted in the same way, the domain's own address is looked up"
        " instead. 0: never.",
    )
    expire_interval = Option(
        "DNS_Expire_Interval", SECONDS, 10.0, GLOBAL, "A look-up that failed is not made again sooner."
    )
    purge_interval = Option(
        "DNS_Cache_Purge_Interval", SECONDS, 60.0, GLOBAL, "How often stale entries of the DNS cache are dropped."
    )
    ttl_min = Option("Min_DNS_TTL", SECONDS, 0.0, GLOBAL, "Hosts of a domain are remembered at least so long.")
    ttl_max = Option("Max_DNS_TTL", SECONDS, 4294967295.0, GLOBAL, "Hosts of a domain are looked up again after that.")
    fallback_to_tcp = Option(
        "DNS_Fallback_To_TCP",
        BOOLEAN,
        True,
        GLOBAL,
        "Ask again over TCP when an answer over UDP is truncated; otherwise such a look-up has failed.",
    )
    resolv_conf = Option(
        "Resolv_Conf",
        PATH,
        "",
        GLOBAL,
        "File that names the nameservers, instead of /etc/resolv.conf: nameserver, options timeout, attempts, retrans,"
        " retry; the rest is ignored.",
    )
    trusted = Option(
        "Trusted_Nameservers",
        ADDRESS_LIST,
        NO_HOSTS,
        GLOBAL,
        "Nameservers besides those on loopback that validate DNSSEC and whose path to us nobody can touch: DANE relies"
        " on them.",
        ours=True,
    )


class StaticRouteOptions(Options):
    """The scope ``static_routes``."""

    enabled = Option("enabled", BOOLEAN, True, STATIC_ROUTES, "Whether the target takes any mail.")
    target = Option(
        "Target",
        NEXT_HOP,
        None,
        STATIC_ROUTES,
        "The one host that all mail goes to which no Gateway and no Routes take elsewhere.",
    )


def static_target(chain: Chain) -> NextHop | None:
    """Where all mail goes that nothing else takes elsewhere. chain: of the scope ``static_routes``."""
    options = StaticRouteOptions.resolve(chain)
    return options.target if options.enabled else None
