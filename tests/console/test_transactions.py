"""Transactions as operators see them: two of them, at two consoles of one node, over its real Unix socket.

``ann> `` and ``bob> `` type, ``ann! `` and ``bob! `` what fails; the lines up to the next one are the answer.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from console_host import Console, console_host

from momentum_trio.console.facade import ApplyError

CONVERSATIONS = {
    "changes hold together": """
ann> config begin
Transaction begun.
ann> config set hostname mx2.example.com
Hostname = mx2.example.com
ann> config unset domain example.net message_expiration
"Message_Expiration" has been unset. Effective value is now:
        Message_Expiration = 86400
ann! config get domain example.net message_expiration
Option 'Message_Expiration' is not set in scope 'Domain example.net'.
bob> config get hostname
Hostname = "mx1.example.com"
bob> config get domain example.net message_expiration
        Message_Expiration = 900
ann> config replay
config set Hostname mx2.example.com
config unset Domain "example.net" Message_Expiration
ann> json config replay
[
  "config set Hostname mx2.example.com",
  "config unset Domain \\"example.net\\" Message_Expiration"
]
ann> config commit
Committed: 2 changes. Generation 2 holds.
bob> config get hostname
Hostname = "mx2.example.com"
ann! config commit
no transaction is under way
""",
    "the first commit wins": """
ann> config begin
Transaction begun.
bob> config begin
Transaction begun.
ann> config set hostname a.example.com
Hostname = a.example.com
bob> config set hostname b.example.com
Hostname = b.example.com
bob> config unset domain example.net
Scope "Domain example.net" has been unset.
ann> config set domain example.net max_retries 5
        Max_Retries = 5
ann> config commit
Committed: 2 changes. Generation 2 holds.
bob! config commit
Another change was first, and this transaction is about the same:
  Hostname has been set
  Domain example.net Max_Retries has been set
Commit failed: nothing has changed, and the transaction goes on.
bob> config replay
config set Hostname b.example.com
config unset Domain "example.net"
bob! json config commit
{
  "error": "Commit failed: nothing has changed, and the transaction goes on",
  "conflicts": [
    "Hostname has been set",
    "Domain example.net Max_Retries has been set"
  ]
}
bob> config rollback
Rolled back: 2 changes dropped.
bob> config get hostname
Hostname = "a.example.com"
""",
    "what does not touch the same is made on what runs": """
ann> config begin
Transaction begun.
ann> config set hostname a.example.com
Hostname = a.example.com
bob> config set message_expiration 5
Message_Expiration = 5
bob> config set domain example.org message_expiration 5
        Message_Expiration = 5
ann> config set domain example.org max_retries 5
        Max_Retries = 5
ann> config commit
Committed: 2 changes. Generation 4 holds.
ann> config show domain example.org
Message_Expiration = 5
Max_Retries = 5
ann> config get message_expiration
Message_Expiration = 5
""",
    "from scratch": """
ann> config begin from scratch
Transaction begun from scratch.
ann> config showrecurse
ann> config set hostname new.example.com
Hostname = new.example.com
bob> config set max_retries 5
Max_Retries = 5
ann! config commit
Another change was first, and this transaction is about the same:
  Max_Retries has been set
Commit failed: nothing has changed, and the transaction goes on.
ann> config rollback
Rolled back: 1 change dropped.
ann! config begin from nothing
usage: config begin [from scratch]
""",
    "one at a time": """
ann! config rollback
no transaction is under way
ann! config replay
no transaction is under way
ann> json config begin
{
  "generation": 1,
  "from_scratch": false
}
ann! config begin
a transaction is under way (0 changes): commit it or roll it back first
ann! config reload
a transaction is under way: commit it or roll it back first
Reconfigure failed
ann! config writeback
a transaction is under way: commit it or roll it back first
Nothing was written
ann> json config commit
{
  "generation": 1,
  "changes": 0,
  "confirm_within_seconds": null
}
""",
    "a wrong value leaves the transaction as it was": """
ann> config begin
Transaction begun.
ann! config set max_retries soon
Max_Retries: expected one of auto, none, or a whole number, 0 or more
ann> config replay
ann> config set http_basic_auth ann:s3cret
HTTP_Basic_Auth = ***
(without effect: nothing reads it yet)
ann> config replay
config set HTTP_Basic_Auth ***
""",
    "what runs has changed so that it does not fit": """
bob> config set pathway p idle_time 5
        Idle_Time = 5
ann> config begin
Transaction begun.
ann> config set esmtp_listener pathway p
        Pathway = p
bob> config unset pathway p
Scope "Pathway p" has been unset.
ann! config commit
console:1:1: Pathway: there is no Pathway 'p'
  write Pathway "p" { ... }
Commit failed: nothing has changed, and the transaction goes on.
""",
    "a commit that has to be confirmed": """
ann> config begin
Transaction begun.
ann> config set hostname a.example.com
Hostname = a.example.com
ann! config commit confirmed
usage: config commit [confirmed SECONDS]
ann! config commit confirmed 0
expected a whole number of seconds from 1 to 86400, not '0'
ann! config commit confirmed 86401
expected a whole number of seconds from 1 to 86400, not '86401'
ann> config commit confirmed 60
Committed: 1 change. Generation 2 holds.
It is rolled back in 60 seconds, unless 'config confirm' comes before.
bob> config confirm
Confirmed. Generation 2 holds.
ann! config confirm
no commit waits to be confirmed
ann> config begin
Transaction begun.
ann> config set hostname b.example.com
Hostname = b.example.com
ann> json config commit confirmed 60
{
  "generation": 3,
  "changes": 1,
  "confirm_within_seconds": 60.0
}
bob> config rollback
Rolled back: the commit that was not confirmed. Generation 4 holds what was before it.
ann> config get hostname
Hostname = "a.example.com"
""",
}

_TYPED = re.compile(r"(ann|bob)([>!]) (.*)")


def exchanges(conversation: str) -> list[tuple[str, str, str, str]]:
    """Who, mark, line and answer of each exchange."""
    found: list[tuple[str, str, str, str]] = []
    for line in conversation.strip("\n").split("\n"):
        if typed := _TYPED.fullmatch(line):
            found.append((typed[1], typed[2], typed[3], ""))
        else:
            who, mark, said, answer = found[-1]
            found[-1] = (who, mark, said, f"{answer}{line}\n")
    return found


@pytest.mark.parametrize("conversation", CONVERSATIONS.values(), ids=list(CONVERSATIONS))
async def test_transcript(conversation: str, tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        consoles: dict[str, Console] = {"ann": await host.connect(), "bob": await host.connect()}
        for who, mark, typed, answer in exchanges(conversation):
            status, text = await consoles[who].ask(typed)
            assert text == answer, typed
            assert status == {">": "ok", "!": "error"}[mark], typed


async def test_a_commit_that_cannot_be_put_into_effect_says_all_and_keeps_the_transaction(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        console = await host.connect()
        await console.ask("config begin")
        await console.ask("config set hostname a.example.com")
        host.administration.problem = ApplyError(["no such address", "nor that"])
        status, text = await console.ask("config commit")
        assert (status, text.split("\n")[:2]) == ("error", ["no such address", "nor that"])
        host.administration.problem = None
        assert host.administration.generation == 1
        assert (await console.ask("config commit"))[1] == "Committed: 1 change. Generation 2 holds.\n"


async def test_a_transaction_ends_with_its_session(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        console = await host.connect()
        await console.ask("config begin")
        await console.ask("config set hostname a.example.com")
        console.socket.close()
        assert await host.ask("config commit") == ("error", "no transaction is under way\n")
        assert host.administration.generation == 1


async def test_what_is_completed_within_a_transaction_is_what_it_has_made(tmp_path: Path) -> None:
    async with console_host(tmp_path / "control") as host:
        console, other = await host.connect(), await host.connect()
        await console.ask("config begin")
        await console.ask("config set domain new.example max_retries 5")
        assert await console.complete("config show domain ") == (19, ("example.net", "new.example"))
        assert await other.complete("config show domain ") == (19, ("example.net",))
        assert await other.complete("config begin ") == (13, ("from",))
        assert await other.complete("config begin from ") == (18, ("scratch",))
        assert await other.complete("config commit ") == (14, ("confirmed",))
