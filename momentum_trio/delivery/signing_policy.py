"""Who signs what: the opendkim scopes of one configuration, asked by the author's domain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from momentum_trio.config.chain import Chain
from momentum_trio.config.merged import Scope
from momentum_trio.delivery.dkim_options import DEFERRED, DkimDomainOptions, DkimModuleOptions
from momentum_trio.protocol.dkim.canonical import Canon


@dataclass(frozen=True, slots=True)
class Identity:
    """One signature that is to be made. The names are those of SignatureTerms, the rest those of the options."""

    domain: str
    selector: str
    key_path: str
    digest: str
    header_canon: Canon
    body_canon: Canon
    names: tuple[str, ...]
    guarded: frozenset[str]
    lifetime_seconds: int
    condition: str
    kept_seconds: float
    missing_seconds: float
    defers: bool


class SigningPolicy:
    """The opendkim scopes that are enabled. Immutable but for its memory, which has a place for each Dkim_Domain."""

    def __init__(self, root: Scope) -> None:
        """root: the file level of a tree."""
        modules = [(scope, DkimModuleOptions.resolve(Chain((scope,)))) for scope in root.all("opendkim")]
        self._modules = [(scope, options) for scope, options in modules if options.enabled]
        self.keys_max = max((options.key_cache_max for _, options in self._modules), default=0)
        self._identities: dict[tuple[int, str], tuple[Identity, ...]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is signed at all."""
        return not self._modules

    def identities(self, author: str) -> tuple[Identity, ...]:
        """The signatures that mail from the domain *author* gets, those of each module in the order of the file."""
        found = (self._of_module(number, author) for number in range(len(self._modules)))
        return tuple(identity for identities in found for identity in identities)

    def _of_module(self, number: int, author: str) -> tuple[Identity, ...]:
        """Those of the Dkim_Domain of *author*, else of the nearest parent that signs for its subdomains."""
        module, options = self._modules[number]
        domain = author
        while domain:
            scope = module.child("dkim_domain", domain)
            if scope is not None:
                of_domain = DkimDomainOptions.resolve(Chain((scope, module)))
                if domain == author or of_domain.signs_subdomains:
                    break
            domain = domain.partition(".")[2]
        else:
            return ()
        known = self._identities.get((number, domain))
        if known is None:
            known = self._identities[number, domain] = tuple(_identities(domain, options, of_domain))
        return known


def _identities(domain: str, module: DkimModuleOptions, options: DkimDomainOptions) -> Iterator[Identity]:
    names = tuple(dict.fromkeys((*module.names, *module.guarded_names)))
    signing = options.base_domain or domain
    for selector in options.selectors:
        yield Identity(
            domain=signing,
            selector=selector,
            key_path=options.key_path.replace("%{d}", signing).replace("%{s}", selector),
            digest=options.digest,
            header_canon=Canon(options.header_canon),
            body_canon=Canon(options.body_canon),
            names=tuple(name for name in names if name not in module.skipped_names),
            guarded=frozenset(module.guarded_names),
            lifetime_seconds=module.lifetime_hours * 3600,
            condition=options.condition,
            kept_seconds=options.kept_seconds,
            missing_seconds=options.missing_seconds,
            defers=options.on_failure == DEFERRED,
        )
