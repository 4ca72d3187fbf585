"""Who hands messages over to another node: the core of ``protocol/cluster/move.py`` over one connection."""

from __future__ import annotations

from typing import NoReturn

from momentum_trio.cluster.channel import Broken, Channel, answers, misplaced
from momentum_trio.protocol.cluster.eccluster import Mail, Said, parts
from momentum_trio.protocol.cluster.move import CHUNK_OCTETS_MAX, HandedOver, Handing, Kept, Ready, Wanted
from momentum_trio.protocol.cluster.moved_message import Dictionaries, Metadata
from momentum_trio.protocol.msgc.frame import RemoteProtocolError

Event = Ready | Wanted | HandedOver | Kept


class Handover:
    """Over *channel*. name: of this node.

    is_uncertain: all of a message was sent, and what became of it was not heard: the other node may have it.
    """

    def __init__(self, channel: Channel, name: str) -> None:
        self._channel, self._core = channel, Handing(name)
        self.is_uncertain = False

    async def begin(self) -> None:
        """Until the first message may be offered. Raises Broken."""
        await self._until(Ready)

    async def hand_over(
        self, key: str, metadata: Metadata, dictionaries: Dictionaries, content: bytes
    ) -> HandedOver | Kept:
        """One message: whether the other node has it durably, or it stays here. Raises Broken: see is_uncertain.

        Cancellation: as when the connection breaks.
        """
        self._core.offer(key, metadata, dictionaries)
        event = await self._until(Wanted, HandedOver, Kept)
        if isinstance(event, Wanted):
            for at in range(0, len(content), CHUNK_OCTETS_MAX):
                self._core.content(content[at : at + CHUNK_OCTETS_MAX])
                await self._send()
            self._core.end_content()
            self.is_uncertain = True
            event = await self._until(HandedOver, Kept)
            self.is_uncertain = False
        assert isinstance(event, HandedOver | Kept)
        return event

    async def quit(self) -> None:
        """Say that nothing more comes. Raises Broken."""
        self._core.quit()
        await self._send()

    async def _until(self, *due: type[Event]) -> Event:
        while True:
            await self._send()
            event = await self._next()
            if event is not None:
                if isinstance(event, due):
                    return event
                await self._refuse(f"{type(event).__name__} is not due")
            for answer in await answers(self._channel):
                if not isinstance(answer, Said):
                    await misplaced(self._channel, answer)
                self._core.receive(answer.octets)

    async def _next(self) -> Event | None:
        try:
            event = self._core.next_event()
        except RemoteProtocolError as error:
            await self._refuse(error.why)
        await self._send()
        return event

    async def _send(self) -> None:
        if octets := self._core.octets_to_send():
            await self._channel.send([Mail(part) for part in parts(octets)])

    async def _refuse(self, why: str) -> NoReturn:
        error = RemoteProtocolError(why)
        await self._channel.refuse(error.code, why)
        raise Broken(error.code, why, by_peer=False)
