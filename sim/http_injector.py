"""Where mail comes from by HTTP: a client of the simulator's own, as stubborn as its SMTP client.

It shares no code with the product (it was written from docs/api.md), since its word is what the product is judged by.
"""

from __future__ import annotations

import json
import math
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple
from urllib.parse import urlencode

import trio

from .client import (
    LEAVES_AFTER_MS,
    LEFT,
    NOBODY,
    SAID_MAX,
    Conversation,
    FellSilent,
    Gone,
    Owed,
    Sender,
    family,
    say_nothing,
)
from .evidence import Breach
from .letter import content_of
from .scenario import Leaving

PATH = "/api/v1/messages"
_PLACE = re.compile(r"(?:messages\[([0-9]+)\]\.recipients|to)\[([0-9]+)\]")


class Broken(Gone):
    """The server says what docs/api.md does not."""


class Answer(NamedTuple):
    """What was answered: the status of HTTP, and JSON."""

    status: int
    said: Any


class HttpInjector(Sender):
    """One session's mails by HTTP: all that are due in one request of JSON, or a request each (*pipelining*, and those
    with keys); whose content is in chunks as it is."""

    _first = ""  # of the mails of a connection

    async def _round(self, silent: trio.Nursery) -> None:
        """Try every mail that is owed once, over one connection; where that falls silent, it stays in *silent*."""
        self._connected, self._first = self._now(), self.owed[0].mail.name
        self._begin(self.owed[0])  # that nobody is there is an attempt too
        try:
            with trio.CancelScope() as silence, ExitStack() as opened:
                socket = opened.enter_context(trio.socket.socket(family(self.target.address)))
                talk = Conversation(socket, silence)
                await self._connect(socket, talk)
                stream = Answers(talk)
                for mails in self._requests():
                    talk.patient_for(math.inf)
                    await self._until(mails[-1].mail.at_seconds)
                    try:
                        await self._ask(stream, mails)
                    except FellSilent:
                        silent.start_soon(say_nothing, socket, opened.pop_all())
                        raise
        except (OSError, Gone) as fault:
            self._break_off(fault)
        else:
            if silence.cancelled_caught:
                self._break_off(Gone(NOBODY))

    def _requests(self) -> Iterator[list[Owed]]:
        together: list[Owed] = []
        for owed in list(self.owed):
            if self._pipelining or owed.mail.chunks or owed.mail.key:
                yield [owed]
            else:
                together.append(owed)
        if together:
            yield together

    def _break_off(self, why: Exception) -> None:
        if isinstance(why, Broken):
            self.breaches.append(Breach(self._now(), self.target.host, self._first, str(why)))
        for owed in list(self.owed):
            self._give_up(owed, str(why))

    async def _ask(self, stream: Answers, mails: Sequence[Owed]) -> None:
        talk, sent = stream.talk, [list(owed.left) for owed in mails]
        for owed in mails:
            self._begin(owed)
            owed.notifies = not owed.mail.chunks
        leaves = next((owed.leaves for owed in mails if owed.leaves is not Leaving.NEVER), Leaving.NEVER)
        for owed in mails:
            owed.leaves = Leaving.NEVER
        octets = _chunked(mails[0]) if mails[0].mail.chunks else _together(mails)
        if leaves in (Leaving.CONTENT, Leaving.SILENCE):
            await talk.send(octets[: len(octets) // 2])
            raise (Gone if leaves is Leaving.CONTENT else FellSilent)(LEFT)
        await talk.send(octets[:-1])
        for owed in mails:  # from here on nobody knows, until there is an answer
            owed.content_sent, owed.accepted = True, tuple(owed.left)
        await talk.send(octets[-1:])
        if leaves is Leaving.ANSWER:
            await trio.sleep((1 + mails[0].mail.octets % LEAVES_AFTER_MS) / 1000)
            talk.reset()
            raise Gone(LEFT)
        self._resolve(mails, sent, await stream.next())

    def _resolve(self, mails: Sequence[Owed], sent: Sequence[list[str]], answer: Answer) -> None:
        """What became of each mail, of whose recipients those were *sent*."""
        if answer.status == 200:
            said = [[_reply(each["reply"]) for each in result["recipients"]] for result in answer.said["results"]]
        elif answer.status in (403, 422, 503):
            said = _refusals(answer.said["errors"], sent)
        elif answer.status in (408, 500, 501):
            raise Gone(f"HTTP {answer.status}")
        else:
            raise Broken(f"HTTP {answer.status}: {str(answer.said)[:SAID_MAX]}")
        if list(map(len, said)) != list(map(len, sent)):
            raise Broken("not as many replies as recipients")
        for owed, paths, replies in zip(mails, sent, said, strict=True):
            pairs = list(zip(paths, replies, strict=True))
            owed.accepted = tuple(path for path, reply in pairs if reply.startswith("2"))
            owed.refused = tuple((path, reply) for path, reply in pairs if reply.startswith("5"))
            if owed.accepted and answer.status != 200:
                raise Broken(f"somebody was accepted, and the answer is {answer.status}")
            self._judge_each(owed, min(replies))


def _reply(said: Any) -> str:
    return f"{said['code']} {said['enhanced']} {said['text']}"


def _refusals(errors: Sequence[Any], sent: Sequence[list[str]]) -> list[list[str]]:
    """What was said to each recipient, where nobody was accepted: errors name them. Nothing of it: come again."""
    said = [["451 not told"] * len(paths) for paths in sent]
    for error in errors:
        if (place := _PLACE.fullmatch(error.get("field", ""))) is not None:
            said[int(place[1] or 0)][int(place[2])] = error["description"]
    return said


def _together(mails: Sequence[Owed]) -> bytes:
    """The request that injects *mails*, as JSON."""
    messages = [
        {
            "return_path": owed.mail.reverse_path,
            "recipients": [_recipient(path, owed.mail.notify) for path in owed.left],
            "content_base64": b64encode(content_of(owed.mail)).decode(),
            "parameters": f"ENVID={owed.mail.name}",
        }
        for owed in mails
    ]
    body = json.dumps({"messages": messages}).encode()
    fields = [f"Content-Length: {len(body)}", "Content-Type: application/json"]
    return _head(PATH, [*fields, *_key(mails[0])]) + body


def _key(owed: Owed) -> list[str]:
    """Another envelope would be another message: who is left after some were refused gets a key of their own."""
    return [f"Idempotency-Key: {owed.mail.key}/{len(owed.left)}"] if owed.mail.key else []


def _recipient(path: str, notify: str) -> Any:
    return {"email": path, "parameters": f"NOTIFY={notify}"} if notify else path


def _chunked(owed: Owed) -> bytes:
    """The request that injects one mail as it is, its content cut as *owed* wants it."""
    left, parts = content_of(owed.mail), list[bytes]()
    for size in (*owed.mail.chunks, len(left)):
        chunk, left = left[:size], left[size:]
        if chunk:
            parts.append(b"%x\r\n%s\r\n" % (len(chunk), chunk))
    pairs = [("return_path", owed.mail.reverse_path), ("parameters", f"ENVID={owed.mail.name}")]
    pairs += [("to", path) for path in owed.left]
    fields = ["Transfer-Encoding: chunked", "Content-Type: message/rfc822", *_key(owed)]
    head = _head(f"{PATH}?{urlencode(pairs)}", fields)
    return b"".join((head, *parts, b"0\r\n\r\n"))


def _head(target: str, fields: Sequence[str]) -> bytes:
    return "\r\n".join((f"POST {target} HTTP/1.1", "Host: 10.0.0.25", *fields, "", "")).encode()


class Answers:
    """The answers on one connection, each with its length before it."""

    def __init__(self, talk: Conversation) -> None:
        self.talk = talk
        self._held = b""

    async def next(self) -> Answer:
        """The next one. Raises Gone, also where the server says that it is the last."""
        while b"\r\n\r\n" not in self._held:
            self._held += await self.talk.some()
        head, _, self._held = self._held.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines)
        octets = int(fields["content-length"])
        while len(self._held) < octets:
            self._held += await self.talk.some()
        body, self._held = self._held[:octets], self._held[octets:]
        return Answer(int(first.split()[1]), json.loads(body))
