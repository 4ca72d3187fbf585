"""What the mail plane does for the cluster module: mail of a binding moves to another node. Asked over the link."""

from __future__ import annotations

from momentum_trio.cluster.channel import NodePlace
from momentum_trio.delivery.move import Moves
from momentum_trio.delivery.operations import Which
from momentum_trio.msgc.msgc_options import Place
from momentum_trio.node.link import Ask, Said

MOVE_MAIL = "move mail"


def move_mail(binding_group: str, binding: str, to: NodePlace) -> Ask:
    """Ask that the mail of a binding that is not being tried be handed over to a node. Answered when it was, or not.

    The data of the answer: ``moved``, ``left``, ``why`` (``delivery.move.Moved``); it failed if any is left.
    """
    return Ask(MOVE_MAIL, (binding_group, binding, to.name, to.place.host, str(to.place.port)))


class MoveDesk:
    """For one queue."""

    def __init__(self, moves: Moves) -> None:
        self._moves = moves

    def knows(self, command: str) -> bool:
        """Whether it is asked here."""
        return command == MOVE_MAIL

    async def answer(self, asked: Ask) -> Said:
        """Cancellation: as ``Moves.move``."""
        binding_group, binding, name, host, port = asked.words
        to = NodePlace(name, Place(host, int(port)))
        moved = await self._moves.move(Which(None, binding, binding_group), to)
        text = f"Moved {moved.moved} messages of {binding_group}/{binding} to {name}"
        if moved.why:
            text += f"; {moved.left} stay: {moved.why}"
        return Said(text, moved._asdict(), failed=bool(moved.why))
