"""A limit over all nodes of a cluster, on whole simulated nodes over their bus: flooded, one node dead and back."""

from __future__ import annotations

import trio
from nodes_simulated import Nodes
from simulated_host import read_reply

from momentum_trio.machine import Machine
from momentum_trio.protocol.cluster.holding import LATE_SECONDS, LEASE_SECONDS

LIMIT = 40
OPTIONS = f"ESMTP_Listener {{ Cluster_Listener_Sessions = {LIMIT} }}"


class Sessions:
    """Those that clients hold at the nodes."""

    def __init__(self, nodes: Nodes, nursery: trio.Nursery) -> None:
        self.nodes, self._nursery = nodes, nursery
        self._open: dict[str, list[trio.Event]] = {name: [] for name in nodes.names}
        self.most = 0

    @property
    def count(self) -> int:
        return sum(map(len, self._open.values()))

    async def flood(self, *names: str, wanted: int = LIMIT, seconds: float = 5.0) -> int:
        """Let clients connect to *names* until *wanted* sessions are open, for *seconds* at most; how many are."""
        with trio.move_on_after(seconds):
            while self.count < wanted:
                for name in names:
                    await self._nursery.start(self._session, name)
        return self.count

    def leave(self, *names: str) -> None:
        for name in names:
            for end in self._open[name]:
                end.set()

    async def _session(self, name: str, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        try:
            await self.nodes.client.call(self._hold, name, task_status)
        except OSError:
            await trio.sleep(0.1)
            task_status.started()

    async def _hold(self, _: Machine, name: str, task_status: trio.TaskStatus[None]) -> None:
        with trio.socket.socket() as socket:
            await socket.connect((self.nodes.addresses[name], 25))
            if not (await read_reply(socket)).startswith("220"):
                await trio.sleep(0.05)
                task_status.started()
                return
            self._open[name].append(end := trio.Event())
            self.most = max(self.most, self.count)
            task_status.started()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._until_closed, socket, end)
                await end.wait()
                nursery.cancel_scope.cancel()
            self._open[name].remove(end)

    async def _until_closed(self, socket: trio.socket.SocketType, end: trio.Event) -> None:
        try:
            await socket.recv(100)
        except OSError:
            pass
        end.set()


def test_a_flood_never_has_more_and_nearly_as_many() -> None:
    async def story(nodes: Nodes) -> None:
        for name in nodes.names:
            await nodes.configure(name, more=OPTIONS)
            await nodes.ask(name, "config reload")
        await trio.sleep(2 * LATE_SECONDS)
        first, *others = nodes.names
        async with trio.open_nursery() as nursery:
            sessions = Sessions(nodes, nursery)
            assert await sessions.flood(*nodes.names) >= LIMIT * 0.95
            sessions.leave(*nodes.names)
            await trio.sleep(1)
            assert await sessions.flood(first) >= LIMIT * 0.95
            nodes.hosts[first].kill()
            await trio.sleep(LEASE_SECONDS - 1)
            assert await sessions.flood(*others, seconds=0.5) <= LIMIT * 0.1  # what the dead had may be in use
            await trio.sleep(15)
            assert await sessions.flood(*others) >= LIMIT * 0.95
            await nodes.boot(first)
            await nodes.together(*nodes.names)
            sessions.leave(others[0])
            await sessions.flood(first, seconds=10)
            assert sessions.most <= LIMIT
            assert sessions.count >= LIMIT * 0.95
            nursery.cancel_scope.cancel()

    Nodes().run(story)
