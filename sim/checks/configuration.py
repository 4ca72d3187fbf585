"""What a host's configuration says: read from its plan, as the host reads it from its disk."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.include import DirectoryListing, ErrorOfReading, Loader, Supply
from momentum_trio.config.merged import Scope
from momentum_trio.config.schema import Schema
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Word
from momentum_trio.delivery.delivery_options import GATEWAY_METHODS, DeliveryOptions
from momentum_trio.node.schema import DECLARED

from ..scenario import HostPlan

TREES_KEPT = 64
DEFAULT = "default"  # the binding group and binding of mail that none was chosen for


@lru_cache(maxsize=1)
def known_schema() -> Schema:
    """Of all that the product declares; made once, it does not change."""
    return Schema.load(DECLARED)


@lru_cache(maxsize=TREES_KEPT)  # pure: a campaign judges the same plans over and over
def configuration_of(plan: HostPlan) -> ConfigTree | None:
    """The tree a host of *plan* starts with; None when its text is wrong, or it has none."""
    texts = dict(plan.files)
    loader = Loader.on_host(plan.config, known_schema(), dict(plan.environment), plan.name)
    while wanted := loader.wanted():
        for path in wanted:
            loader.supply(path, _found(texts, path))
    try:
        return loader.finish()
    except ConfigErrors:
        return None


def root_of(plan: HostPlan) -> Scope | None:
    """The file level of what a host of *plan* starts with."""
    tree = configuration_of(plan)
    return tree.root if tree is not None else None


def words(root: Scope | None, option: str) -> Iterator[str]:
    """What *option* (lower case) is set to, in any scope."""
    for scope in root.walk() if root is not None else ():
        setting = scope.settings.get(option)
        if setting is not None and isinstance(setting.value, Word):
            yield setting.value.text


def goes_by_mx(plan: HostPlan, domain: str) -> bool:
    """Whether a host of *plan* asks DNS where mail for *domain* goes, and has no gateway, route or mailbox for it.

    Of mail that no binding was chosen for.
    """
    tree = configuration_of(plan)
    if tree is None:
        return False
    chain = tree.chain_outbound(DEFAULT, DEFAULT, domain)
    options = DeliveryOptions.resolve(chain)
    routed = any("routes" in scope.settings for scope in chain.scopes)
    return options.method in GATEWAY_METHODS and options.gateway is None and not routed


def is_false(word: str) -> bool:
    """Whether a boolean's *word* means no (spec/config-language.md, scalar values)."""
    return word.lower() in ("off", "false", "disabled", "0")


def _found(texts: dict[str, bytes], path: str) -> Supply:
    if path in texts:
        return texts[path]
    inside = f"{path.rstrip('/')}/"
    names = [name[len(inside) :] for name in texts if name.startswith(inside)]
    return DirectoryListing([name for name in names if "/" not in name]) if names else ErrorOfReading()
