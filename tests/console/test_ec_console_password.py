"""``ec_console user@host:port``: the password typed, in a file, in the environment; right and wrong."""

from __future__ import annotations

import base64
import io
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import pytest
import trio
from console_host import console_host
from test_console_authentication import CANARY, written
from test_ec_console import Ran, ec_console, terminal

from momentum_trio.cli import ec_ctl
from momentum_trio.protocol.console.frame import Authenticate, Banner
from momentum_trio.protocol.console.server import Server

DEMANDED = "Authorization required for console session"


async def test_scripts_give_it_in_a_file_or_in_the_environment(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"{CANARY}\nmore\n")
    secret.chmod(0o600)
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        endpoint = f"ann@{host.endpoint}"
        assert await ec_console("--password-file", str(secret), endpoint, "pid") == Ran(0, "4711\n", "")
        known = {"EC_CONSOLE_PASSWORD": CANARY}
        assert await ec_console(endpoint, environment=known, typed="pid\nconfig get blackhole\n") == Ran(
            1, "4711\nOption 'Blackhole' is not set in scope ''.\n", ""
        )
        assert await ec_console(host.endpoint, "pid", environment=known | {"LOGNAME": "ann"}) == Ran(0, "4711\n", "")
        assert await ec_console(
            "--password-file", str(secret), endpoint, "pid", environment={"EC_CONSOLE_PASSWORD": "wrong"}
        ) == Ran(0, "4711\n", "")
        secret.chmod(0o640)
        ran = await ec_console("--password-file", str(secret), endpoint, "pid")
        assert (ran.status, ran.out) == (1, "")
        assert "is not for its owner alone" in ran.err


async def test_a_wrong_one_is_tried_once_and_said(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        ran = await ec_console(f"ann@{host.endpoint}", "pid", environment={"EC_CONSOLE_PASSWORD": "wrong"})
        assert ran == Ran(1, "", f"ec_console: ann@{host.endpoint}: authentication failed\n")
        ran = await ec_console(f"ann@{host.endpoint}", "pid", environment={"EC_CONSOLE_PASSWORD": ""}, typed=CANARY)
        assert (ran.status, ran.out) == (1, "")
        assert f"{DEMANDED}: no terminal to ask at" in ran.err


@pytest.mark.parametrize("kept", ["AuthLoginParameters", "AuthCramMD5Parameters", "AuthDigestMD5Parameters"])
async def test_every_mechanism(kept: str, tmp_path: Path) -> None:
    (options,) = (line for line in written(tmp_path).splitlines() if kept in line)
    async with console_host(tmp_path / "control", options, tcp=True) as host:
        ran = await ec_console(f"ann@{host.endpoint}", "pid", environment={"EC_CONSOLE_PASSWORD": CANARY})
        assert ran == Ran(0, "4711\n", "")


async def test_a_server_that_does_not_prove_to_know_the_secret_gets_no_command() -> None:
    asked: list[object] = []

    async def pretend(stream: trio.SocketStream) -> None:
        server = Server(Banner((1,), "ecelerity", "0.1.0", node="mx1", mechanisms=("DIGEST-MD5",)))
        server.begin()
        await stream.send_all(server.octets_to_send())
        async for octets in stream:
            server.receive(bytes(octets))
            while (event := server.next_event()) is not None:
                asked.append(event)
                if event == Authenticate("DIGEST-MD5"):
                    server.challenge(base64.b64encode(b'nonce="n",algorithm=md5-sess').decode())
                else:
                    server.welcome("ann")
            await stream.send_all(server.octets_to_send())

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, pretend, 0, host="127.0.0.1"))
        endpoint = f"ann@127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        ran = await ec_console(endpoint, "pid", environment={"EC_CONSOLE_PASSWORD": CANARY})
        nursery.cancel_scope.cancel()
    assert ran == Ran(1, "", f"ec_console: {endpoint}: the server does not prove that it knows the password\n")
    assert [type(event) for event in asked] == [Authenticate, Authenticate]


async def test_typed_at_a_terminal(tmp_path: Path) -> None:
    options = written(tmp_path) + "Timeout = 60 Enable_Authorization = true"
    more = 'Authorization { Role "ann" { allow = ( "^pid$" ) } }'
    async with console_host(tmp_path / "control", options, tcp=True, more=more) as host:
        prompt = rf"[0-2]\d:[0-5]\d:[0-5]\d ann@{re.escape(host.endpoint)}> "
        async with terminal(host, tmp_path, user="ann") as screen:
            shown = await screen.until("Password:")
            assert DEMANDED in shown
            screen.type("wrong\n")
            shown = await screen.until("Password:")
            assert "authentication failed" in shown
            screen.type(f"{CANARY}\n")
            shown += await screen.until(prompt)
            screen.type("pid\n")
            shown += await screen.until(prompt)
            assert "\r\n4711\r\n" in shown
            screen.type("summary\n")
            assert "Not Authorized for this command" in await screen.until(prompt)
            # the server drops it; the password is still known
            for connection in host.connections:
                connection.socket.shutdown(2)
            screen.type("pid\n")
            assert "(connected again)\r\n4711\r\n" in await screen.until(prompt)
            screen.type("quit\n")
            assert await screen.end() == 0
        assert CANARY not in shown
        assert CANARY not in (tmp_path / "history").read_text()


async def test_typed_at_a_terminal_for_a_place_with_an_ipv6_address(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True, address="::1", peer="::1") as host:
        assert host.endpoint.startswith("[::1]:")
        prompt = rf"[0-2]\d:[0-5]\d:[0-5]\d ann@{re.escape(host.endpoint)}> "
        async with terminal(host, tmp_path, user="ann") as screen:
            await screen.until("Password:")
            screen.type(f"{CANARY}\n")
            await screen.until(prompt)
            screen.type("authz id\n")
            assert '<AuthzInformation username="ann">' in await screen.until(prompt)
            screen.type("quit\n")
            assert await screen.end() == 0


@pytest.mark.parametrize("reached", ["tcp", "unix"])
async def test_ec_ctl_reloads_as_whoever_it_proves_to_be(reached: str, tmp_path: Path) -> None:
    tcp = reached == "tcp"
    more = 'Authorization { Role "ann" { allow = ( "^config reload$" ) } }'
    options = written(tmp_path) + "Enable_Authorization = true"
    (tmp_path / "pw").write_text(f"{CANARY}\n")
    (tmp_path / "pw").chmod(0o600)
    (tmp_path / "mx.conf").write_text("")
    async with console_host(tmp_path / "control", options, tcp=tcp, more=more) as host:
        place = f"ann@{host.endpoint}" if tcp else host.endpoint
        words = ["-c", str(tmp_path / "mx.conf"), "--console"]

        async def reload(*arguments: str) -> tuple[int, str, str]:
            with trio.fail_after(60), redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as errors:
                status = await trio.to_thread.run_sync(ec_ctl.main, [*words, *arguments, "reload"])
            return status, out.getvalue(), errors.getvalue()

        assert await reload(place, "--password-file", str(tmp_path / "pw")) == (0, "Reconfigured.\n", "")
        assert (await reload("nonsense:"))[0] == 2
        if tcp:
            tool = [sys.executable, "-m", "momentum_trio.cli.ec_ctl", *words, place, "reload"]
            ran = await trio.run_process(tool, capture_stderr=True, check=False)  # where no terminal is
            assert (ran.returncode, DEMANDED in ran.stderr.decode()) == (1, True)
            (tmp_path / "pw").write_text("wrong\n")
            status, _, said = await reload(place, "--password-file", str(tmp_path / "pw"))
            assert (status, "authentication failed" in said) == (1, True)


async def test_typed_wrong_as_often_as_the_server_lets_one(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", written(tmp_path), tcp=True) as host:
        async with terminal(host, tmp_path, user="ann") as screen:
            for _ in range(3):
                await screen.until("Password:")
                screen.type("wrong\n")
            await screen.until(f"ec_console: ann@{re.escape(host.endpoint)}: authentication failed")
            assert await screen.end() == 1
