"""The node in this process on real sockets: what its console may ask of it, and how generations follow each other."""

from __future__ import annotations

import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.transaction import Change
from momentum_trio.console.facade import ApplyError, ListenState
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.mail.record import ListenOpened, Panic, Reconfigured, Record
from momentum_trio.node.administration import NodeAdministration
from momentum_trio.node.node import Ended, Started, run_node
from momentum_trio.spool.fault import SpoolLocked

CONFIG = """
Hostname = "mail.example.com"
SpoolBase = "{folder}/spool"
Relay_Domains = ( "example.com" )
Domain "example.com" {{ Delivery_Method = MAILDIR Maildir_Path = "{folder}/mail/%d/%l" }}
ESMTP_Listener {{ Listen "127.0.0.1:0" {{ }} }}
Control_Listener {{ Listen "{folder}/control" {{ File_Mode = 0666 }} }}
{more}
"""
LISTEN = (("esmtp_listener", ""), ("listen", "127.0.0.1:0"))


class Node:
    """A node that runs; *records* are what it published."""

    def __init__(self, folder: Path, started: Started, records: list[Record]) -> None:
        self.folder, self.started, self.records = folder, started, records

    @property
    def administration(self) -> NodeAdministration:
        return self.started.administration

    @property
    def port(self) -> int:
        (bound,) = [r.bound for r in self.administration.listeners() if r.listener == "ESMTP_Listener"]
        return int(bound.rpartition(":")[2])

    async def set(self, path: tuple[tuple[str, str], ...], option: str, value: str) -> None:
        change = Change(path, option, value)
        await self.administration.apply(change.on, (change.command(self.administration.tree),))

    def configure(self, more: str = "") -> None:
        (self.folder / "ecelerity.conf").write_text(CONFIG.format(folder=self.folder, more=more))

    def said(self, kind: type[Record]) -> list[Record]:
        return [record for record in self.records if isinstance(record, kind)]


@asynccontextmanager
async def node(folder: Path, more: str = "") -> AsyncIterator[Node]:
    """A node for the block, with *more* in its configuration; it drains at its end."""
    machine = os_machine()
    records: list[Record] = []
    machine.events.subscribe(records.append)
    path = folder / "ecelerity.conf"
    path.write_text(CONFIG.format(folder=folder, more=more))
    ended = []

    async def run(*, task_status: trio.TaskStatus[Started]) -> None:
        ended.append(await run_node(machine, str(path), task_status=task_status))

    async with trio.open_nursery() as nursery:
        made = Node(folder, await nursery.start(run), records)
        yield made
        made.administration.request_shutdown()
    assert ended == [Ended.DRAINED]


def state_of(node: Node, listener: str) -> ListenState:
    (state,) = [report.state for report in node.administration.listeners() if report.listener == listener]
    return state


async def test_started_reports_what_is_bound(tmp_path: Path) -> None:
    async with node(tmp_path) as running:
        reports = {report.listener: report for report in running.started.listens}
        assert reports["ESMTP_Listener"].state is ListenState.OPEN
        assert reports["ESMTP_Listener"].bound == f"127.0.0.1:{running.port}"
        assert reports["Control_Listener"].bound == f"{tmp_path}/control"
        notes = "\n".join(running.started.notes)
        assert "every user of this host may command the node" in notes
        assert (await running.administration.summary()).warnings
        opened = {record.endpoint for record in running.said(ListenOpened) if isinstance(record, ListenOpened)}
        assert opened == {f"127.0.0.1:{running.port}", f"{tmp_path}/control"}


async def test_certificates_that_do_not_serve_are_said_at_start(tmp_path: Path) -> None:
    more = f'TLS_Certificate = "{tmp_path}/none.pem"\nESMTP_Listener {{ Listen "127.0.0.1:0" {{ Use_SSL = true }} }}'
    async with node(tmp_path, more) as running:
        notes = [note for note in running.started.notes if "none.pem" in note]
        where = f"{tmp_path}/ecelerity.conf:8:1"
        assert notes == [f"warning: {where}: TLS_Certificate: {tmp_path}/none.pem: No such file or directory"]


async def test_a_change_is_a_generation_and_acts(tmp_path: Path) -> None:
    async with node(tmp_path) as running:
        await running.set(LISTEN, "Enable", "false")
        assert running.administration.generation == 2
        assert state_of(running, "ESMTP_Listener") is ListenState.DISABLED
        (record,) = running.said(Reconfigured)
        assert isinstance(record, Reconfigured)
        assert "enable" in record.changes[0].lower()
        await running.set(LISTEN, "Enable", "true")
        assert state_of(running, "ESMTP_Listener") is ListenState.OPEN


async def test_what_is_wrong_or_cannot_be_had_changes_nothing(tmp_path: Path) -> None:
    async with node(tmp_path) as running:
        port, tree = running.port, running.administration.tree
        with pytest.raises(ConfigErrors):
            await running.set(LISTEN, "Enable", "perhaps")
        (tmp_path / "file").write_text("")
        running.configure(f'ESMTP_Listener {{ Listen "{tmp_path}/file" {{ }} }}')
        with pytest.raises(ApplyError, match="no socket"):
            await running.administration.reload()
        running.configure("Nonsense = 1")
        with pytest.raises(ConfigErrors):
            await running.administration.reload()
        (tmp_path / "ecelerity.conf").unlink()
        with pytest.raises(ConfigErrors):
            await running.administration.reload()
        assert running.administration.tree is tree
        assert (running.administration.generation, running.port) == (1, port)


async def test_a_buffer_no_socket_takes_is_refused_before_anything_changes(tmp_path: Path) -> None:
    async with node(tmp_path) as running:
        with pytest.raises(ConfigErrors):
            await running.set(LISTEN, "TCP_Send_Buffer_Size", "3000000000")
        assert running.administration.generation == 1
        await running.set(LISTEN, "Listen_Backlog", "10")  # later changes can be made
        await running.set(LISTEN, "TCP_Recv_Buffer_Size", str(2**31 - 1))
        assert running.administration.generation == 3


async def test_to_unset_what_is_not_set_is_no_new_generation(tmp_path: Path) -> None:
    async with node(tmp_path) as running:
        tree = running.administration.tree
        for path in ((), LISTEN, (("domain", "nowhere.example"),)):
            option = "Accept_Queue_Backlog" if path == LISTEN else "Max_Retries"
            await running.administration.apply(Change(path, option, None).on, ())
        assert (running.administration.tree, running.administration.generation) == (tree, 1)


async def test_reload_reads_the_files_again(tmp_path: Path) -> None:
    async with node(tmp_path) as running:
        port = running.port
        running.configure(f'ESMTP_Listener {{ Listen "{tmp_path}/smtp" {{ }} }} Spool_Mode = 0600')
        await running.administration.reload()
        assert (tmp_path / "smtp").is_socket()
        (bound,) = [r.bound for r in running.administration.listeners() if r.endpoint == "127.0.0.1:0"]
        assert bound == f"127.0.0.1:{port}"
        assert any("Spool_Mode" in r.text for r in running.said(Panic) if isinstance(r, Panic))
        await running.administration.reload()


async def test_changes_come_one_after_the_other(tmp_path: Path) -> None:
    async with node(tmp_path) as running, trio.open_nursery() as nursery:
        for value in ("7", "8", "9", "10"):
            nursery.start_soon(running.set, (("esmtp_listener", ""),), "Idle_Time", value)
        nursery.start_soon(running.set, LISTEN, "Idle_Time", "11")
    assert running.administration.generation == 6


async def test_the_summary_counts_and_counts_from_zero(tmp_path: Path) -> None:
    async with node(tmp_path) as running:
        await trio.to_thread.run_sync(_send, running.port)
        with trio.fail_after(10):
            while (await running.administration.summary()).delivered < 2:  # noqa: ASYNC110 (nothing announces it)
                await trio.sleep(0.01)
        summary = await running.administration.summary()
        assert (summary.received, summary.delivered, summary.rejected) == (2, 2, 1)
        running.administration.reset_statistics()
        summary = await running.administration.summary()
        assert (summary.received, summary.delivered, summary.rejected) == (0, 0, 0)
        assert summary.since_reset_seconds <= summary.uptime_seconds


def _send(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        recipients = ["bob@example.com", "eve@elsewhere.example", "carol@example.com"]
        refused = client.sendmail("ann@client.example", recipients, "Subject: one\n\nHello.\n")
        assert list(refused) == ["eve@elsewhere.example"]


async def test_two_nodes_do_not_share_a_spool(tmp_path: Path) -> None:
    async with node(tmp_path):
        with pytest.RaisesGroup(SpoolLocked, flatten_subgroups=True):
            await run_node(os_machine(), str(tmp_path / "ecelerity.conf"))
