"""A secret typed at the console is in no answer, no record and no history (SECURITY.md, Secrets)."""

from __future__ import annotations

from pathlib import Path

import pytest
from console_host import console_host

CANARY = "s3cret-canary"
ASKED = ("get http_basic_auth", "eval http_basic_auth", "show", "showrecurse")


@pytest.mark.parametrize(
    "line",
    [
        f"config set http_basic_auth {CANARY}",
        f"config set HTTP_Basic_Auth = {CANARY}",
        f"config set http_basic_auth={CANARY}",
        f'config set "http_basic_auth" "{CANARY}"',
        f"config set http_basic_auth'{CANARY}'",
        f"config set http_basic_auth({CANARY})",
        f"config set http_basic_auth ( {CANARY}",
        f"config set http_basic_auth [ {CANARY} ]",
        f"config set http_basic_auth '{CANARY}",
        f"config set nonsense http_basic_auth {CANARY}",
        f"confg set http_basic_auth {CANARY}",
        f"json config set http_basic_auth {CANARY}",
        f"http_basic_auth\t{CANARY}",
        f"config set http_basic_aut {CANARY}",
        f"config set esmtp_listener outbound_smtp_auth_passs = {CANARY}",
        f"config set ac_auth x http_basic_auth {CANARY}",
    ],
)
async def test_the_secret_is_seen_nowhere(line: str, tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        console = await host.connect()
        _, text, confidential = await console.ask_all(line)
        assert confidential
        asked = [f"{form}config {what}" for form in ("", "json ") for what in ASKED]
        seen = [text, repr(host.records), repr(host.administration.descriptions)]
        seen += [(await console.ask(question))[1] for question in asked]
        assert not [text for text in seen if CANARY in text]


async def test_a_secret_in_a_transaction_is_seen_nowhere(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        console, other = await host.connect(), await host.connect()
        seen = []
        for who, line in (
            (console, "config begin"),
            (console, f"config set http_basic_auth {CANARY}"),
            (console, "config replay"),
            (console, "json config replay"),
            (console, "config show"),
            (other, f"config set http_basic_auth other-{CANARY}"),
            (console, "config commit"),
            (console, "json config commit"),
            (other, "write config"),
            (other, "json write config"),
        ):
            seen.append((await who.ask(line))[1])
        assert "HTTP_Basic_Auth has been set" in seen[6]
        assert "HTTP_Basic_Auth = ***" in seen[8]
        seen += [repr(host.records), repr(host.administration.descriptions)]
        assert not [text for text in seen if CANARY in text]


async def test_a_line_without_a_secret_is_kept_whole(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        console = await host.connect()
        for line in ("config get http_basic_auth", "config set hostname http_basic_auth", "config set blackhole true"):
            assert not (await console.ask_all(line))[2]
        for line in ("ec_logger:ec_logger1 reopen logs", "json ec_logger:ec_logger1 reopen logs"):
            assert not (await console.ask_all(line))[2]
