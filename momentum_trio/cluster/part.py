"""What the cluster module is made of, and what its parts are given (contracts).

A part has a topic of its own: what one node publishes on it reaches that part of every node in the group, the sender's
too, in the agreed order. Nothing here awaits: a part that has to wait runs a task of its own.
"""

from __future__ import annotations

from typing import Protocol

from momentum_trio.net.group import GroupView, Service


class Part(Protocol):
    """One concern of the cluster module: replication of one object, election of addresses, limits, the console."""

    @property
    def topic(self) -> str:
        """Its word, at most 32 octets."""
        ...

    def told(self, sender: str, octets: bytes) -> None:
        """*sender* (a member's name; it may be us) has published *octets*, or sent them to us alone.

        Octets come from other nodes, whose version may be another. Raises ValueError where they say nothing: then
        they are counted and dropped, and nothing has changed.
        """
        ...

    def view(self, view: GroupView) -> None:
        """The view of the part's group from here on, transitional ones too, in the order of ``told``."""
        ...

    def apart(self) -> None:
        """We are cut off from the bus: no view holds. What was published meanwhile is lost."""
        ...


class Assembly(Protocol):
    """What a part may do: speak to the others of its group."""

    @property
    def member(self) -> str:
        """Our member's name in the group; empty while we are cut off."""
        ...

    def publish(self, topic: str, octets: bytes, service: Service = Service.AGREED) -> bool:
        """Tell all of the group; False when we are cut off or too much waits: then nobody is told."""
        ...

    def tell(self, member: str, topic: str, octets: bytes) -> bool:
        """Tell *member* alone, in the order of our own publications; False as ``publish``."""
        ...
