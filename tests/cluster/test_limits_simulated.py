"""A limit over all nodes of a cluster, on whole simulated nodes over their bus: flooded, one node dead and back."""

from __future__ import annotations

import trio
from nodes_simulated import Nodes
from simulated_host import read_reply

from momentum_trio.limits.leased import REACH_SECONDS
from momentum_trio.listener.seat_line import SEAT_SECONDS
from momentum_trio.machine import Machine
from momentum_trio.protocol.cluster.holding import LATE_SECONDS, LEASE_SECONDS

LIMIT = 40
OPTIONS = f"ESMTP_Listener {{ Cluster_Listener_Sessions = {LIMIT} }}"


class Sessions:
    """Those that clients hold at the nodes."""

    def __init__(self, nodes: Nodes, nursery: trio.Nursery) -> None:
        self.nodes, self._nursery = nodes, nursery
        self._open: dict[str, list[trio.Event]] = {name: [] for name in nodes.names}
        self.most = self.refused = 0

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

    async def all_at_once(self, *names: str, each: int) -> None:
        """Let so many clients connect to each of *names*, and return when all have been answered."""
        async with trio.open_nursery() as nursery:
            for name in names:
                for _ in range(each):
                    nursery.start_soon(self._nursery.start, self._session, name)

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
                self.refused += 1
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


def test_nobody_is_refused_while_the_cluster_or_a_node_begins() -> None:
    async def story(nodes: Nodes) -> None:
        for name in nodes.names:
            nodes.hosts[name].kill()
            await nodes.configure(name, more=OPTIONS)
        for name in nodes.names:
            await nodes.boot(name)
        first, *others = nodes.names
        async with trio.open_nursery() as nursery:
            sessions = Sessions(nodes, nursery)
            with trio.fail_after(SEAT_SECONDS):
                await sessions.all_at_once(*nodes.names, each=LIMIT // 4)
            assert (sessions.count, sessions.refused) == (LIMIT // 4 * len(nodes.names), 0)
            sessions.leave(first)
            nodes.hosts[first].kill()
            await trio.sleep(2 * LATE_SECONDS)
            await nodes.boot(first)
            with trio.fail_after(SEAT_SECONDS):
                await sessions.all_at_once(first, each=1)
            assert sessions.refused == 0
            began = trio.current_time()
            await sessions.all_at_once(*others, each=LIMIT)
            assert trio.current_time() - began < SEAT_SECONDS / 2  # the others are refused, and wait for nothing
            assert LIMIT * 0.95 <= sessions.count <= sessions.most <= LIMIT
            nursery.cancel_scope.cancel()

    Nodes().run(story)


def test_who_waits_for_a_majority_that_is_not_there_is_refused_in_time() -> None:
    async def story(nodes: Nodes) -> None:
        for name in nodes.names:
            nodes.hosts[name].kill()
            await nodes.configure(name, more=OPTIONS)
        alone = nodes.names[0]
        await nodes.boot(alone)
        async with trio.open_nursery() as nursery:
            sessions = Sessions(nodes, nursery)
            with trio.fail_after(REACH_SECONDS + 1):
                await sessions.all_at_once(alone, each=LIMIT + 5)
            assert (sessions.count, sessions.refused) == (0, LIMIT + 5)
            await trio.sleep(REACH_SECONDS)
            with trio.fail_after(1):
                await sessions.all_at_once(alone, each=1)
            assert sessions.count == 0
            nursery.cancel_scope.cancel()

    Nodes().run(story)
