"""A view of the servers."""

from __future__ import annotations

from dataclasses import dataclass, field

from momentum_trio.net.group import ViewId
from momentum_trio.protocol.msgc.message import Life, ViewKey


@dataclass(frozen=True, slots=True)
class View:
    """Servers that have agreed to be together. members: in the order of their names; the first orders all messages.

    primary: most of the peers that each of them is configured with are in it.
    """

    key: ViewKey
    members: tuple[Life, ...]
    primary: bool
    names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(life.name for life in self.members))

    @property
    def id(self) -> ViewId:
        """As clients are told of it."""
        return self.key.id

    @property
    def sequencer(self) -> str:
        """Who orders its messages."""
        return self.names[0]


def majority(names: tuple[str, ...], configured: tuple[str, ...]) -> bool:
    """Whether *names* are more than half of *configured*."""
    return 2 * len(set(names) & set(configured)) > len(set(configured))
