"""Children of a simulated process: other lives on the same host, and the link between the two.

A message takes the time of a Unix socket. What was sent before its sender died is still received; sockets under way
are references to their descriptions, dropped with whoever would have received them.
"""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.contract import Roles, check_message

from .sockets.credentials import Credentials
from .sockets.sharing import Passage
from .sockets.stream import StreamSocket

if TYPE_CHECKING:
    from .host import Life

LINK_OCTETS = 212_992  # net.core.wmem_default
MESSAGE_COST_OCTETS = 768  # what the kernel counts for a small message beside its octets
FAILED = 1


@dataclass(frozen=True, slots=True)
class Message:
    """One message under way or unread."""

    octets: bytes
    passages: tuple[Passage, ...]

    @property
    def cost(self) -> int:
        """What it takes of the sender's buffer."""
        return len(self.octets) + MESSAGE_COST_OCTETS


class SimLink:
    """``machine.contract.ProcessLink``: one end, a descriptor of one life."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._path = life.host.network.unix_path(life.host)
        self._far = self
        self._under_way: deque[Message | None] = deque()  # to this end; None: the far end's end
        self._unread: deque[Message] = deque()
        self._held_octets = 0
        self._ended = False
        self._closed = False
        self._changed = trio.Event()
        life.open_descriptor(self)

    @property
    def alive(self) -> bool:
        """Whether the process at this end is."""
        return self._life.alive

    def join(self, far: SimLink) -> None:
        """Make *self* and *far* the two ends of one link."""
        self._far, far._far = far, self

    async def send(self, octets: bytes, sockets: Sequence[trio.socket.SocketType] = ()) -> None:
        """One message, when there is room."""
        check_message(octets, sockets)
        await trio.lowlevel.checkpoint()
        while True:
            if self._closed:
                raise trio.ClosedResourceError("this end of the link is closed")
            if self._far._closed:
                raise trio.BrokenResourceError("the other process is gone")
            if self._far._held_octets < LINK_OCTETS:
                break
            await self._changed.wait()
        self.put(octets, sockets)

    def put(self, octets: bytes, sockets: Sequence[trio.socket.SocketType]) -> None:
        """Have one message under way."""
        message = Message(octets, tuple(Passage(each) for each in checked(sockets)))
        self._far._held_octets += message.cost
        self._life.host.trace("link", life=self._life, octets=len(octets), sockets=len(sockets))
        self._far._expect(message)

    async def receive(self) -> tuple[bytes, Sequence[trio.socket.SocketType]]:
        """The next message."""
        await trio.lowlevel.checkpoint()
        while True:
            if self._closed:
                raise trio.ClosedResourceError("this end of the link is closed")
            if self._unread:
                break
            if self._ended:
                raise trio.EndOfChannel
            await self._changed.wait()
        message = self._unread.popleft()
        self._held_octets -= message.cost
        self._far._wake()
        return message.octets, self._sockets_of(message)

    def _sockets_of(self, message: Message) -> list[trio.socket.SocketType]:
        arrived: list[trio.socket.SocketType] = []
        for index, passage in enumerate(message.passages):
            try:
                arrived.append(passage.arrive(self._life))
            except OSError:
                for other in message.passages[index + 1 :]:
                    other.drop()
                for socket in arrived:
                    socket.close()
                raise
        return arrived

    def close(self) -> None:
        """Close this end."""
        self.kernel_close()
        self._wake()

    def kernel_close(self) -> None:
        """Its process is dead, or closes it: what nobody will read is dropped, the other end learns of it."""
        if self._closed:
            return
        for message in self._end():
            for passage in message.passages:
                passage.drop()
        self._far._expect(None)
        self._far._wake()

    def vanish(self) -> None:
        """The machine lost power: the other process is gone as well."""
        for message in self._end():
            for passage in message.passages:
                passage.vanish()

    def _end(self) -> list[Message]:
        """Be closed. Returns what was not read."""
        self._closed = True
        self._life.close_descriptor(self)
        unread = [message for message in (*self._unread, *self._under_way) if message is not None]
        self._unread.clear()
        self._under_way.clear()
        return unread

    def _expect(self, item: Message | None) -> None:
        if not self._closed:
            self._under_way.append(item)
            self._life.host.kernel.after(self._path.latency_seconds, self._arrive, ties=self._path.draws)

    def _arrive(self) -> None:
        """What was sent first is here."""
        if self._under_way:
            item = self._under_way.popleft()
            if item is None:
                self._ended = True
            else:
                self._unread.append(item)
            self._wake()

    def _wake(self) -> None:
        """Something changed: who waits looks again."""
        self._changed.set()
        self._changed = trio.Event()


def checked(sockets: Sequence[trio.socket.SocketType]) -> list[StreamSocket]:
    """All of *sockets*, if all can be handed over. EBADF for one that is closed."""
    streams = []
    for each in sockets:
        assert isinstance(each, StreamSocket), f"{each!r} is no simulated stream"
        each.shared()
        streams.append(each)
    return streams


class SimChild:
    """``machine.contract.Child``."""

    def __init__(self, life: Life, link: SimLink) -> None:
        self.link = link
        self.returned = False
        self._life = life
        self._signal = signal.SIGKILL

    @property
    def pid(self) -> int:
        return self._life.credentials.pid

    def signal(self, name: str) -> None:
        if self._life.alive and self.link.alive:  # the dead signal nobody
            self._signal = signal.Signals[name]  # if that is what it dies of
            self._life.signal(name)

    async def wait(self) -> int:
        await self._life.died.wait()
        if self.returned:
            return 0
        return FAILED if self._life.error is not None else -self._signal


class SimSpawn:
    """``machine.contract.Spawn``: a child is another life on the host. One whose role raises fails the whole run."""

    def __init__(self, life: Life) -> None:
        self._life = life

    @property
    def _roles(self) -> Roles:
        return self._life.host.roles if self._life.parent is None else {}

    async def __call__(self, role: str, sockets: Sequence[trio.socket.SocketType] = ()) -> SimChild:
        function = self._roles[role]
        check_message(role.encode(), sockets)
        checked(sockets)
        await trio.lowlevel.checkpoint()
        parent, host = self._life, self._life.host
        ours = SimLink(parent)
        life = host._new_life()
        inherit(life, parent)
        theirs = SimLink(life)
        ours.join(theirs)
        child = SimChild(life, ours)
        ours.put(role.encode(), sockets)

        async def be(machine: Machine) -> None:
            await function(machine, theirs)
            child.returned = life.alive

        host.world.nursery.start_soon(life.run, be, (), {}, name=f"{life}")
        return child


def inherit(child: Life, parent: Life) -> None:
    """What a process has from the one that started it."""
    child.parent = parent
    child.credentials = Credentials(child.credentials.pid, parent.credentials.uid, parent.credentials.gid)
    child.umask = parent.umask
    child.environment = dict(parent.environment)
    child.descriptors_max, child.descriptors_hard_max = parent.descriptors_max, parent.descriptors_hard_max
