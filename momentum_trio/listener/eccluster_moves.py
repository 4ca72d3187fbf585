"""Mail that moves here over one connection: the core of ``protocol/cluster/move.py``, and custody of what comes."""

from __future__ import annotations

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.cluster.move import Content, Left, Offered, Taking, Whole
from momentum_trio.reception.transfer import Crossing, Known, Transfers


class MovesIn:
    """name: of this node. their_name: of the other; address: his."""

    def __init__(self, transfers: Transfers, name: str, their_name: str, connection_id: str, address: str) -> None:
        self._transfers, self._their_name = transfers, their_name
        self._connection_id, self._address = connection_id, address
        self._core = Taking(name)
        self._crossing: Crossing | None = None

    @property
    def is_between_messages(self) -> bool:
        """Whether nothing is under way."""
        return self._crossing is None

    def octets_to_send(self) -> bytes:
        """What is to be said now."""
        return self._core.octets_to_send()

    async def take(self, octets: bytes) -> bytes:
        """Take what came; what is to be said. Raises RemoteProtocolError. Cancellation: the caller calls ``end``."""
        self._core.receive(octets)
        while (event := self._core.next_event()) is not None:
            match event:
                case Offered():
                    await self._offered(event)
                case Content():
                    assert self._crossing is not None
                    await self._crossing.write(event.octets)
                case Whole():
                    await self._finish()
                case Left():
                    pass
        return self._core.octets_to_send()

    async def end(self) -> None:
        """Nothing is kept of what is not in custody."""
        if (crossing := self._crossing) is not None:
            self._crossing = None
            await crossing.end()

    async def _offered(self, offered: Offered) -> None:
        match await self._transfers.offered(offered, self._their_name, self._connection_id, self._address):
            case Crossing() as crossing:
                self._crossing = crossing
                self._core.go_on()
            case Known(batch_id):
                self._core.known(batch_id)
            case Reply() as reply:
                self._core.refuse(reply)

    async def _finish(self) -> None:
        assert self._crossing is not None
        try:
            outcome = await self._crossing.finish()
        finally:
            await self.end()
        if isinstance(outcome, Reply):
            self._core.refuse(outcome)
        else:
            self._core.taken(outcome)
