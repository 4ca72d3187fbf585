"""The webhooks of a node: begun, retuned and ended as the configuration says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

import trio

from momentum_trio.config.tree import ConfigTree
from momentum_trio.mail.record import Level, Panic
from momentum_trio.protocol.events.cursor import Cursor
from momentum_trio.webhook.configured import configured
from momentum_trio.webhook.webhook import Outfit, Webhook
from momentum_trio.webhook.webhook_options import WebhookOptions


class Webhooks:
    """Those of one node. tree: the configuration that holds."""

    def __init__(self, outfit: Outfit, tree: Callable[[], ConfigTree]) -> None:
        self._outfit, self._tree = outfit, tree
        self._nursery: trio.Nursery | None = None
        self._working: dict[str, Webhook] = {}
        self._ending: dict[str, Webhook] = {}
        self._closed = False

    def __iter__(self) -> Iterator[Webhook]:
        """Those that work, by name."""
        return iter(sorted(self._working.values(), key=lambda each: each.name))

    def begin(self, nursery: trio.Nursery) -> None:
        """Tell them, in *nursery*, of all that has happened in this life."""
        self._nursery = nursery
        self._settle(configured(self._tree()), 0)

    def reconfigured(self) -> None:
        """Another configuration holds. Who is new is told of what happens from now on."""
        if self._nursery is not None and not self._closed:
            self._settle(configured(self._tree()), self._outfit.hub.number)

    async def close(self) -> None:
        """Tell them no more, and keep what has happened for the next life. Cancellation: that may lack some then."""
        self._closed = True
        self._settle({}, 0)
        for ending in self._ending.values():
            await ending.over.wait()

    def _settle(self, wanted: Mapping[str, WebhookOptions], after: int) -> None:
        for name in self._working.keys() - wanted.keys():
            self._ending[name] = gone = self._working.pop(name)
            gone.close()
            if not self._closed and gone.waiting:
                self._say(f"webhook {name} is gone from the configuration; {gone.waiting} events wait should it return")
        for name, options in wanted.items():
            if name in self._working:
                self._working[name].retune(options)
            else:
                self._begin(name, options, after)

    def _begin(self, name: str, options: WebhookOptions, after: int) -> None:
        """Let *name* be told of events behind number *after*."""
        assert self._nursery is not None
        folder, cursor = f"{self._outfit.base}/{folder_name(name)}", Cursor(self._outfit.hub.life, after)
        hook = Webhook(self._outfit, name, folder, options, cursor, self._ending.pop(name, None))
        self._working[name] = hook
        self._nursery.start_soon(hook.run)

    def _say(self, text: str) -> None:
        machine = self._outfit.machine
        machine.events.publish(Panic(machine.clock.now(), Level.NOTICE, text))


def folder_name(name: str) -> str:
    """What the folder of the webhook *name* is called: no two have one, and none is above another."""
    return quote(name, safe="").replace(".", "%2E")
