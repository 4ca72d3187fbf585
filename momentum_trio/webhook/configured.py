"""The webhooks that a configuration names."""

from __future__ import annotations

from momentum_trio.config.tree import ConfigTree
from momentum_trio.webhook.webhook_options import WebhookOptions

SCOPE = "webhook"


def configured(tree: ConfigTree) -> dict[str, WebhookOptions]:
    """Those of *tree* that can work, by name."""
    return {name: options for name, options in _all(tree).items() if not _lacking(options)}


def unused(tree: ConfigTree) -> tuple[str, ...]:
    """A sentence for each webhook of *tree* that cannot work."""
    return tuple(
        f"webhook {name} is told nothing: it has no {' and no '.join(lacking)}"
        for name, options in _all(tree).items()
        if (lacking := _lacking(options))
    )


def _all(tree: ConfigTree) -> dict[str, WebhookOptions]:
    return {
        scope.instance: WebhookOptions.resolve(tree.chain_scope(scope.kind, scope.instance))
        for scope in tree.root.all(SCOPE)
    }


def _lacking(options: WebhookOptions) -> list[str]:
    return [name for name, held in (("URL", options.url), ("Signing_Secret", options.secrets)) if not held]
