"""From HTTP to WebSocket: whether a request asks for it as RFC 6455 section 4.2.1 has it, and what it is answered."""

from __future__ import annotations

import base64
import binascii
import hashlib

from momentum_trio.protocol.http.refusal import refusal
from momentum_trio.protocol.http.request import Request
from momentum_trio.protocol.http.response import Response

VERSION = "13"
_KEY_OCTETS = 16
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def is_asked(request: Request) -> bool:
    """Whether *request* wants to go on in WebSocket, rightly or not."""
    return "websocket" in _tokens(request.field("upgrade"))


def fault(request: Request) -> Response | None:
    """Why a WebSocket cannot begin with *request*, which asks for one; None: it can."""
    if request.method != "GET" or request.version != "1.1" or request.has_body:
        return _refusal("It begins with GET, in HTTP/1.1, without a body.")
    if "upgrade" not in _tokens(request.field("connection")):
        return _refusal("Connection does not say Upgrade.", "connection")
    if request.field("sec-websocket-version") != VERSION:
        why = f"The version spoken is {VERSION}."
        answer = ("sec-websocket-version", VERSION)
        return refusal(426, "WebSocket version", why, fields=(answer, ("upgrade", "websocket")), closes=True)
    if not _is_key(request.field("sec-websocket-key")):
        return _refusal("The key is not 16 octets in base64.", "sec-websocket-key")
    return None


def accepted(request: Request) -> tuple[tuple[str, str], ...]:
    """The fields of the 101 that begins it (section 4.2.2); no subprotocol and no extension is taken up."""
    digest = hashlib.sha1((request.field("sec-websocket-key") + _GUID).encode()).digest()
    said = base64.b64encode(digest).decode()
    return (("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-accept", said))


def _refusal(why: str, field: str = "") -> Response:
    return refusal(400, "Bad WebSocket handshake", why, field=field, closes=True)


def _tokens(value: str) -> list[str]:
    return [token.strip().lower() for token in value.split(",")]


def _is_key(text: str) -> bool:
    try:
        octets = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(octets) == _KEY_OCTETS and base64.b64encode(octets).decode() == text
