"""Words of group communication: members, views and messages of groups (docs/protocols/msgc.md).

A member is somebody connected to the bus: ``#ec0-22787#labrat-1``, its connection's name and its node's. A group is a
word that members join. Whoever is in a group sees its views and its messages in one order, the same for all who pass
from one view to the next together (extended virtual synchrony: Moser, Amir, Melliar-Smith, Agarwal, 1994).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, TypeAlias

GROUP_OCTETS_MAX = 64
"""Length of a group's name, and of a member's."""


class Service(IntEnum):
    """What a message is promised beyond being delivered in the view it was sent in.

    FIFO: after what its sender sent before. AGREED: in the one order of all groups. SAFE: when every server of the
    view has it; in a transitional view: when every server that came along has.
    """

    FIFO = 1
    AGREED = 2
    SAFE = 3


class ViewId(NamedTuple):
    """One view of the servers: later views of one server are larger. proposer: the server that installed it."""

    epoch: int
    proposer: str


class Told(NamedTuple):
    """A message of a group, or of one member to another (group: empty). view: the one it is delivered in."""

    group: str
    sender: str
    octets: bytes
    service: Service
    view: ViewId


class GroupView(NamedTuple):
    """Who is in a group from here on, in the order of messages.

    number: of changes of this group in view *id* (joins and leaves are ordered like messages). members: their names,
    the oldest first, which is the same order for all. transitional: those who go on together, before the next regular
    view; no member is new in it. primary: whether most of the configured servers are in it. together: those of
    *members* who come from the same view as we do; others know nothing of what we were told before.
    """

    group: str
    id: ViewId
    number: int
    members: tuple[str, ...]
    transitional: bool
    primary: bool
    together: tuple[str, ...]


class Apart(NamedTuple):
    """Our connection to the bus is gone: we are in no group any more, and what we sent last may be lost.

    What follows, once we are connected again, are views in which nobody comes together with us.
    """

    why: str


GroupEvent: TypeAlias = Told | GroupView | Apart


def node_of(member: str) -> str:
    """The node of *member*: ``labrat-1`` of ``#ec0-22787#labrat-1``."""
    return member.rpartition("#")[2]
