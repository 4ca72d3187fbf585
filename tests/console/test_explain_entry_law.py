"""What ``config explain control`` tells of a console is what a client of it gets: asked, then tried."""

from __future__ import annotations

import json
import tempfile
from ipaddress import ip_address
from pathlib import Path

import trio
from console_host import Console, Host, console_host
from hypothesis import given, settings
from hypothesis import strategies as st
from test_console_authentication import CANARY, DIGEST, REALM

from momentum_trio.console.authority import NOT_AUTHORIZED
from momentum_trio.mail.record import Authorized
from momentum_trio.node.explanation.answer import answer
from momentum_trio.protocol.console.frame import Banner, Farewell, Welcome

LINES = ("pid", "version", "json pid", "config get blackhole", "no such command", "config set http_basic_auth s3cret")
PATTERNS = ("^pid$", "^config", "get", "(a+)+$", "version|pid")
ROLES = ("ann", "staff", "nobody", "anonymous")

back_ends = st.sets(st.sampled_from(("Digest", "Cram", "Login", "scheme")))
truths = st.sampled_from(("", "true", "false"))
options = st.builds(
    lambda **said: {name: value for name, value in said.items() if value},
    Always_Allow=truths,
    Always_Deny=st.sampled_from(("", "", "true", "false")),
    Enable_Authentication=truths,
    Enable_Authorization=truths,
)
definitions = st.dictionaries(st.sampled_from(ROLES), st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=2))


def options_of(folder: Path, offered: set[str], said: dict[str, str], of_peer: dict[str, str]) -> str:
    (folder / "digests").write_text(f"ann:{REALM}:{DIGEST}\n")
    (folder / "passwords").write_text(f"ann:{CANARY}\n")
    (folder / "groups").write_text("staff:ann,anonymous\n")
    where = {
        "Digest": f'AuthDigestMD5Parameters = [ uri = "digest://{folder}/digests" ]',
        "Cram": f'AuthCramMD5Parameters = [ uri = "file://{folder}/passwords" ]',
        "Login": f'AuthLoginParameters = [ uri = "file://{folder}/passwords" ]',
        "scheme": 'AuthCramMD5Parameters = [ uri = "ecauth://" ]',
    }
    lines = [where[name] for name in sorted(offered)]
    lines += [f"{name} = {value}" for name, value in said.items()]
    lines += [f'AuthorizationParameters = [ uri = "groups://{folder}/groups" ]']
    lines += ["Peer 192.0.2.0/24 {", *(f"{name} = {value}" for name, value in of_peer.items()), "}"]
    return "\n".join(lines)


def roles_of(defined: dict[str, list[str]]) -> str:
    roles = (f"Role {name} {{ allow = ( {' '.join(map(json.dumps, held))} ) }}" for name, held in defined.items())
    return f"Authorization {{ {' '.join(roles)} }}"


async def tried(host: Host, mechanisms: list[str], line: str) -> dict[str, object]:
    """What a client gets: who he is, how he can prove it, and whether he may say *line*, by which role."""
    console: Console = await host.connect()
    began = await console.greet()
    if isinstance(began, Farewell):
        return {"let_in": False, "why": began.why}
    assert isinstance(began, Banner)
    got: dict[str, object] = {"let_in": True, "mechanisms": list(began.mechanisms), "user": began.user}
    if began.mechanisms:
        assert await console.authenticate(began.mechanisms[0], "ann", CANARY) == Welcome("ann")
        got["user"] = "ann"
    _, text = await console.ask(line)
    (record,) = [record for record in host.records if isinstance(record, Authorized)]
    assert (NOT_AUTHORIZED in text) is not record.accepted
    return got | {"allowed": record.accepted, "role": record.role, "line": record.command}


@settings(max_examples=45, deadline=None)
@given(
    back_ends,
    options,
    options,
    definitions,
    st.sampled_from(LINES),
    st.sampled_from(("unix", "127.0.0.1", "192.0.2.7")),
)
def test_what_is_told_is_what_a_session_gets(
    offered: set[str],
    said: dict[str, str],
    of_peer: dict[str, str],
    defined: dict[str, list[str]],
    line: str,
    peer: str,
) -> None:
    async def try_it(folder: Path) -> None:
        of_peer.pop("Enable_Authentication", None)  # not valid in a Peer of a console
        text = options_of(folder, offered, said, of_peer)
        where = "127.0.0.1" if peer == "unix" else str(ip_address(peer))
        tcp = peer != "unix"
        async with console_host(folder / "control", text, tcp=tcp, peer=where, more=roles_of(defined)) as host:
            words = ["control", peer, "to", host.endpoint, "user", "ann", "role", "staff", "command", line]
            data = answer(host.administration.tree, words, "mx").data
            assert isinstance(data, dict)
            told = data["console"]
            assert isinstance(told, dict)
            got = await tried(host, list(told["mechanisms"]), line)
            assert told["let_in"] is got["let_in"]
            if not got["let_in"]:
                assert told["why"] == got["why"]
                return
            assert (list(told["mechanisms"]), told["user"]) == (got["mechanisms"], got["user"])
            judged = told["command"]
            assert isinstance(judged, dict)
            assert (judged["allowed"], judged["role"]) == (got["allowed"], got["role"])
            assert str(judged["line"]).removeprefix("json ") == str(got["line"])
            assert bool(judged["at"]) is bool(got["role"])

    with tempfile.TemporaryDirectory() as folder:
        trio.run(try_it, Path(folder))
