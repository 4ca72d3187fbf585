"""What the mail plane answers to ``trace smtp`` (spec/console.md section 7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from momentum_trio.console.command import Data
from momentum_trio.delivery.tracing import Tracer, TraceRefused, Tracers
from momentum_trio.node.link import Ask, Said


class TraceDesk:
    """For the tracers of one node."""

    def __init__(self, tracers: Tracers) -> None:
        self._tracers = tracers
        self._commands: Mapping[str, Callable[..., Awaitable[Said]]] = {
            "trace smtp add": self._add,
            "trace smtp list": self._list,
            "trace smtp remove": self._remove,
        }

    def knows(self, command: str) -> bool:
        """Whether it is one of these commands."""
        return command in self._commands

    async def answer(self, asked: Ask) -> Said:
        """The answer; *asked* is one of these commands, with as many words as it takes."""
        return await self._commands[asked.command](*asked.words)

    async def _add(self, binding: str, domain: str, path: str) -> Said:
        try:
            tracer = await self._tracers.add(binding, domain, path)
        except TraceRefused as refused:
            return Said(str(refused), failed=True)
        return Said(f"Registered smtp tracer #{tracer.number}", _fields(tracer))

    async def _list(self) -> Said:
        return Said("\n".join(map(_lines, self._tracers)), list(map(_fields, self._tracers)))

    async def _remove(self, number: str) -> Said:
        if not await self._tracers.remove(int(number)):
            return Said(f"There is no smtp tracer #{number}", failed=True)
        return Said(f"Removed smtp tracer #{number}", {"tracer": int(number), "removed": True})


def _lines(tracer: Tracer) -> str:
    return "\n".join(
        (
            f"[{tracer.number:6d}]  binding: {tracer.binding}",
            f"{'domain':>17}: {tracer.domain}",
            f"{'file':>17}: {tracer.path}",
        )
    )


def _fields(tracer: Tracer) -> Data:
    return {"tracer": tracer.number, "binding": tracer.binding, "domain": tracer.domain, "file": tracer.path}
