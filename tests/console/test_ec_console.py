"""``ec_console`` as a process: one-shot, batch, and interactive on a terminal."""

from __future__ import annotations

import os
import pty
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import trio
from console_host import Host, console_host

from momentum_trio.cli.console_link import Endpoint
from momentum_trio.cli.ec_console import command_line

TOOL = [sys.executable, "-m", "momentum_trio.cli.ec_console"]
SECONDS = 20


@dataclass
class Ran:
    status: int
    out: str
    err: str


async def ec_console(*arguments: str, typed: str = "", environment: dict[str, str] | None = None) -> Ran:
    with trio.fail_after(SECONDS):
        done = await trio.run_process(
            [*TOOL, *arguments],
            stdin=typed.encode(),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env=os.environ | (environment or {}),
        )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


async def test_one_command_its_answer_and_its_status(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        assert await ec_console(host.endpoint, "version") == Ran(0, "ecelerity version: 0.1.0\n", "")
        assert await ec_console(f"ann@{host.endpoint}", "config", "get", "blackhole") == Ran(
            1, "Option 'Blackhole' is not set in scope ''.\n", ""
        )
        assert await ec_console("--json", host.endpoint, "pid") == Ran(0, '{\n  "pid": 4711\n}\n', "")
        assert await ec_console(host.endpoint, "--json", "pid") == Ran(0, '{\n  "pid": 4711\n}\n', "")


async def test_the_endpoint_is_taken_from_the_environment(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        assert await ec_console("pid", environment={"CONTROL": host.endpoint}) == Ran(0, "4711\n", "")


async def test_over_tcp(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", tcp=True) as host:
        assert await ec_console(host.endpoint, "pid") == Ran(0, "4711\n", "")
    async with console_host(tmp_path / "control", tcp=True, peer="192.0.2.1") as host:
        ran = await ec_console(host.endpoint, "pid")
        assert (ran.status, ran.out) == (1, "")
        assert "loopback only" in ran.err


async def test_commands_from_standard_input_up_to_quit(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        typed = "pid\n\n  config set suspend_delivery on  \nquit\nshutdown\n"
        assert await ec_console(host.endpoint, typed=typed) == Ran(0, "4711\nSuspend_Delivery = on\n", "")
        assert not host.administration.shutting_down
        assert await ec_console(host.endpoint, typed="nonsense\npid\n") == Ran(
            1, "Unknown command 'nonsense'. Try 'help'.\n4711\n", ""
        )


@pytest.mark.parametrize(
    "words", [["config set relay_hosts ( 192.0.2.1 )"], ["config", "set", "relay_hosts", "(", "192.0.2.1", ")"]]
)
async def test_a_command_in_one_word_or_in_many(words: list[str], tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        assert (await ec_console(host.endpoint, *words)).out == "Relay_Hosts = (\n  192.0.2.1\n  )\n"


async def test_nobody_there(tmp_path: Path) -> None:
    ran = await ec_console(str(tmp_path / "nothing"), "pid")
    asked = "No such file or directory: is the host running, and does its Control_Listener listen there?"
    assert ran == Ran(1, "", f"ec_console: {tmp_path / 'nothing'}: {asked}\n")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead"))
    refused = "Connection refused: nobody listens there; is the host running?"
    assert await ec_console(str(tmp_path / "dead"), "pid") == Ran(
        1, "", f"ec_console: {tmp_path / 'dead'}: {refused}\n"
    )
    assert (await ec_console("127.0.0.1:99999", "pid")).status == 2
    (tmp_path / "plain").touch()
    assert (await ec_console(str(tmp_path / "plain"), "pid")).status == 1


async def test_a_server_that_is_no_console_is_told_from_one(tmp_path: Path) -> None:
    async def smtp(stream: trio.SocketStream) -> None:
        await stream.send_all(b"220 mx1 ESMTP\r\n")

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, smtp, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        ran = await ec_console(f"127.0.0.1:{port}", "pid")
        nursery.cancel_scope.cancel()
    assert ran.status == 1
    assert "not a frame of this protocol" in ran.err


async def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    silent = trio.socket.socket(trio.socket.AF_UNIX)
    with silent:
        await silent.bind(str(tmp_path / "silent"))
        silent.listen(1)
        ran = await ec_console("--timeout", "0.2", str(tmp_path / "silent"), "pid")
    assert ran.status == 1
    assert "nothing for 0.2 seconds" in ran.err


async def test_a_reader_that_goes_away_is_no_trace(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        command = " ".join([*TOOL, host.endpoint, "help", "|", "true"])
        done = await trio.run_process(["bash", "-c", command], capture_stderr=True, check=False)
        assert done.stderr == b""


def test_a_single_command_imports_no_trio() -> None:
    code = (
        "import sys; from momentum_trio.cli import ec_console; status = ec_console.main(['/nonexistent/2025', 'pid']);"
        "sys.exit(status * 10 + ('trio' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 10


async def test_help_says_how_it_is_used() -> None:
    ran = await ec_console("--help")
    assert ran.status == 0
    assert "[[user@]endpoint] [command ...]" in ran.out
    assert "default: $CONTROL, else /tmp/2025" in ran.out


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/tmp/2025", Endpoint("/tmp/2025", path="/tmp/2025")),
        ("var/console", Endpoint("var/console", path="var/console")),
        ("john@/tmp/2025", Endpoint("john@/tmp/2025", path="/tmp/2025", user="john")),
        ("127.0.0.1:2025", Endpoint("127.0.0.1:2025", host="127.0.0.1", port=2025)),
        ("john@mx1.example:2025", Endpoint("john@mx1.example:2025", host="mx1.example", port=2025, user="john")),
        ("[::1]:2025", Endpoint("[::1]:2025", host="::1", port=2025)),
        (":2025", Endpoint(":2025", host="127.0.0.1", port=2025)),
    ],
)
def test_endpoints(text: str, expected: Endpoint) -> None:
    assert Endpoint.parse(text) == expected
    assert Endpoint.looks_like_one(text)


@pytest.mark.parametrize("text", ["", "localhost", "a:0", "a:70000", "::1:25", "a:b", "@a:1", "[a:1", "ssh://a:1x"])
def test_what_is_no_endpoint(text: str) -> None:
    if "/" not in text:
        with pytest.raises(ValueError, match="expected /path"):
            Endpoint.parse(text)


@pytest.mark.parametrize("word", ["summary", "ec_logger:ec_logger1", "config", "json"])
def test_commands_are_not_taken_for_endpoints(word: str) -> None:
    assert not Endpoint.looks_like_one(word)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["summary"], "summary"),
        (["config set a b"], "config set a b"),
        (["config", "set", "a", "b c"], 'config set a "b c"'),
        (["config", "set", "a", "b#c"], 'config set a "b#c"'),
        (["config", "set", "a", ""], 'config set a ""'),
        (["config", "set", "a", '"b c"'], 'config set a "b c"'),
        (["config", "set", "a", "( b c )"], "config set a ( b c )"),
        (["config", "set", "a", "(", "b", ")"], "config set a ( b )"),
        (["config", "set", "a", 'say "b"'], r'config set a "say \"b\""'),
        (["config", "set", "a", "b\nc"], r'config set a "b\nc"'),
        (["config", "set", "a", "^b\\d"], "config set a ^b\\d"),
        (["config", "set", "a", "="], "config set a ="),
    ],
)
def test_words_of_a_shell_become_a_line(words: Sequence[str], line: str) -> None:
    assert command_line(words) == line


# interactive


class Terminal:
    """The master's end of a pseudo terminal. seen: what was shown since the last ``until``."""

    def __init__(self, master: int, process: trio.Process) -> None:
        self.master, self.process, self._seen = master, process, ""

    async def until(self, pattern: str) -> str:
        """Read until *pattern* is shown; what was shown up to and with it."""
        with trio.fail_after(SECONDS):
            while (found := re.search(pattern, self._seen)) is None:
                await trio.lowlevel.wait_readable(self.master)
                self._seen += os.read(self.master, 65536).decode()
        shown, self._seen = self._seen[: found.end()], self._seen[found.end() :]
        return shown

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    async def end(self) -> int:
        with trio.fail_after(SECONDS):
            return await self.process.wait()


PROMPT = r"[0-2]\d:[0-5]\d:[0-5]\d {}> "


@asynccontextmanager
async def terminal(
    host: Host, tmp_path: Path, *arguments: str, user: str = "", **variables: str
) -> AsyncIterator[Terminal]:
    master, slave = pty.openpty()
    environment = (
        os.environ
        | {
            "EC_CONSOLE_HISTORY": str(tmp_path / "history"),
            "INPUTRC": "/dev/null",
            "TERM": "dumb",
            "PAGER": "sed s/^/paged:/",
            "COLUMNS": "400",
            "LINES": "5",
        }
        | variables
    )
    try:
        process = await trio.lowlevel.open_process(
            [*TOOL, *arguments, variables.get("ENDPOINT", f"{user}@{host.endpoint}" if user else host.endpoint)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,  # or a password would be asked for at the terminal of whoever runs the tests
        )
        os.close(slave)
        try:
            yield Terminal(master, process)
        finally:
            if process.poll() is None:
                process.kill()
            await process.wait()
    finally:
        os.close(master)


async def test_an_interactive_session(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        prompt = PROMPT.format(re.escape(host.endpoint))
        async with terminal(host, tmp_path) as screen:
            assert (
                (await screen.until(prompt))
                .replace("\r", "")
                .startswith(
                    "##############################################\n"
                    "# ecelerity version: 0.1.0\n"
                    "# Copyright (c) the momentum-trio authors\n"
                    "# Licensed under the Apache License, Version 2.0\n"
                    "##############################################\n"
                )
            )
            screen.type("pid\n")
            assert "\r\n4711\r\n" in await screen.until(prompt)
            # completed by the server: a command, a scope, an instance, an option
            screen.type("conf\tse\tESMTP_L\tlisten *\tenable false\n")
            shown = await screen.until(prompt)
            assert "        Enable = false\r\n" in shown
            assert host.administration.descriptions == [('set ESMTP_Listener Listen "*:2525" Enable false',)]
            screen.type("config set http_basic_auth s3cret\n")
            await screen.until(prompt)
            screen.type("\\pager\n")
            assert "Paging is on." in await screen.until(prompt)
            screen.type("help\n")
            assert "paged:pid " in await screen.until(prompt)
            screen.type("quit\n")
            assert await screen.end() == 0
        history = (tmp_path / "history").read_text()
        assert "enable false" in history.lower()
        assert "s3cret" not in history
        assert (tmp_path / "history").stat().st_mode & 0o777 == 0o600


async def test_an_idle_session_is_opened_again_when_it_is_needed(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", "Timeout = 1") as host:
        prompt = PROMPT.format(re.escape(host.endpoint))
        async with terminal(host, tmp_path) as screen:
            await screen.until(prompt)
            await host.ended.wait()
            screen.type("pid\n")
            assert "(connected again)\r\n4711\r\n" in await screen.until(prompt)
            screen.type("\x04")
            assert await screen.end() == 0


async def test_control_characters_do_not_reach_the_terminal(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        prompt = PROMPT.format(re.escape(host.endpoint))
        async with terminal(host, tmp_path, "--json") as screen:
            await screen.until(prompt)
            await host.ask('config set spoolbase "a\x1b]0;owned\x07b"')
            screen.type("config get spoolbase\n")
            shown = await screen.until(prompt)
            assert "\x1b]0;" not in shown
            assert "owned" in shown


@pytest.mark.parametrize(
    ("variables", "is_coloured"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
async def test_colours_where_the_terminal_has_them(
    variables: dict[str, str], tmp_path: Path, *, is_coloured: bool
) -> None:
    async with console_host(tmp_path / "control") as host:
        prompt = PROMPT.format(re.escape(host.endpoint))
        async with terminal(host, tmp_path, **variables) as screen:
            assert ("\x1b[1m" in await screen.until(prompt)) is is_coloured
            screen.type("nonsense\n")
            shown = await screen.until(prompt)
            assert ("\x1b[31mUnknown command 'nonsense'. Try 'help'.\r\n\x1b[0m" in shown) is is_coloured
            screen.type("pid\n")
            assert "\x1b[31m" not in await screen.until(prompt)
            screen.type("quit\n")
            assert await screen.end() == 0


async def test_a_history_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "history").write_text("pid\n")
    (tmp_path / "history").chmod(0o644)
    async with console_host(tmp_path / "control") as host:
        prompt = PROMPT.format(re.escape(host.endpoint))
        async with terminal(host, tmp_path) as screen:
            await screen.until(prompt)
            screen.type("\x1b[A\n")  # the line before this one
            assert "\r\n4711\r\n" in await screen.until(prompt)
            screen.type("version\nquit\n")
            assert await screen.end() == 0
    assert (tmp_path / "history").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "history").read_text().split() == ["pid", "pid", "version"]


@pytest.mark.parametrize("place", ["localhost:{}", "ann@127.0.0.1:{}", ":{}"])
async def test_the_prompt_has_the_place_as_it_was_given(place: str, tmp_path: Path) -> None:
    async with console_host(tmp_path / "control", tcp=True) as host:
        endpoint = place.format(host.endpoint.rpartition(":")[2])
        async with terminal(host, tmp_path, ENDPOINT=endpoint) as screen:
            await screen.until(PROMPT.format(re.escape(endpoint)))
            screen.type("pid\n")
            assert "\r\n4711\r\n" in await screen.until(re.escape(endpoint))


async def test_paging_is_switched_off_again(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        prompt = PROMPT.format(re.escape(host.endpoint))
        async with terminal(host, tmp_path) as screen:
            await screen.until(prompt)
            for paged in ("on", "off"):
                screen.type("\\pager\n")
                assert f"Paging is {paged}." in await screen.until(prompt)
                screen.type("help\n")
                assert ("paged:" in await screen.until(prompt)) is (paged == "on")
                screen.type("pid\n")  # shorter than the terminal: as it is
                assert "paged:" not in await screen.until(prompt)
