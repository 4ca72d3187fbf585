"""The HTTP API of a simulated node, as its tests ask it."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple

import trio
from simulated_host import Site, send_all, write_file

from momentum_trio.machine import Machine

OPEN, GUARDED = 2081, 2082
CONFIG = f"""
Hostname = "mail.example.com"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" )
Domain "example.com" {{ Delivery_Method = MAILDIR Maildir_Path = "/var/mail/%d/%l" }}
ec_logger "all" {{ acctlog = "/var/log/accounts" }}
ESMTP_Listener {{ Listen ":25" {{ }} }}
HTTP_Listener {{
  Listen "127.0.0.1:{OPEN}" {{ }}
  Listen "127.0.0.1:{GUARDED}" {{ AuthPlainParameters = [ uri = "file:///etc/secrets" ] }}
}}
Pathway small {{ Max_Message_Size = 1000 }}
Authorization {{
  Role ann {{ allow = ( "^listeners$" "^version$" "^config eval esmtp_listener Idle_Time$" ) }}
  Role bob {{ allow = ( "^.*$" ) }}
}}
"""
JSON = {"Content-Type": "application/json"}
MESSAGE = b"Subject: 1\r\n\r\nOne.\r\n"
WHOLE = {"Content-Type": "message/rfc822"}


class Answer(NamedTuple):
    """What was answered: the status, and the JSON."""

    status: int
    said: Any

    @property
    def errors(self) -> list[tuple[str, str]]:
        """The codes and the fields of a refusal."""
        return [(each["code"], each.get("field", "")) for each in self.said["errors"]]


async def _asked(machine: Machine, port: int, request: bytes) -> bytes:
    with trio.fail_after(60), trio.socket.socket() as socket:
        await socket.connect(("127.0.0.1", port))
        with suppress(ConnectionError):  # it may be answered before all of it was sent
            await send_all(socket, request)
        answer = b""
        while octets := await socket.recv(65536):
            answer += octets
        return answer


class Api:
    """The API of the node at *site*, asked from its own host."""

    def __init__(self, site: Site) -> None:
        self.site = site

    async def ask(
        self, method: str, path: str, body: Any = None, *, user: str = "", fields: dict[str, str] = JSON, key: str = ""
    ) -> Answer:
        octets = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        head = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", f"Content-Length: {len(octets)}"]
        head += [f"{name}: {value}" for name, value in fields.items()] if octets else []
        head += [f"Idempotency-Key: {key}"] if key else []
        head += [f"Authorization: Basic {b64encode(f'{user}:secret'.encode()).decode()}"] if user else []
        request = "\r\n".join([*head, "", ""]).encode() + octets
        answer = await self.site.mx.call(_asked, GUARDED if user else OPEN, request)
        first, _, rest = answer.partition(b"\r\n")
        return Answer(int(first.split()[1]), json.loads(rest.partition(b"\r\n\r\n")[2]))

    async def inject(self, path: str = "to=bob@example.com", body: bytes = MESSAGE, **more: Any) -> Answer:
        return await self.ask("POST", f"/api/v1/messages?return_path=a@x.example&{path}", body, fields=WHOLE, **more)


def told(story: Callable[[Api], Awaitable[None]], config: str = CONFIG, seed: int = 1) -> Site:
    """A node with *config*, of which the *story* is told."""
    site = Site(seed)

    async def main() -> None:
        await site.mx.call(write_file, "/etc/secrets", b"ann:secret\nbob:secret\n")
        await site.configure(config)
        await site.boot()
        await story(Api(site))

    site.world.run(main)
    return site


def transmission(*recipients: Any, **more: Any) -> dict[str, Any]:
    content = {"from": "a@x.example", "subject": "Hi {{n}}", "text": "Hi {{n}}"}
    whole = [{"address": each} if isinstance(each, str) else each for each in recipients]
    return {"return_path": "a@x.example", "recipients": whole, "content": content} | more
