"""The files of the page, out of the wheel: read once, when this is imported, and found by the names of a table. No path
that a client sends ever touches the disk."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import NamedTuple

from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.route import USER, Route
from momentum_trio.protocol.http.response import Response

TEXT, HTML = "text/plain; charset=utf-8", "text/html; charset=utf-8"
STYLE, SCRIPT, IMAGE = "text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml"

_FILES = (
    ("/", "page.html", HTML),
    ("/page/api.js", "api.js", SCRIPT),
    ("/page/charts.js", "charts.js", SCRIPT),
    ("/page/cluster.js", "cluster.js", SCRIPT),
    ("/page/feed.js", "feed.js", SCRIPT),
    ("/page/icon.svg", "icon.svg", IMAGE),
    ("/page/keys.js", "keys.js", SCRIPT),
    ("/page/list.js", "list.js", SCRIPT),
    ("/page/listens.js", "listens.js", SCRIPT),
    ("/page/messages.js", "messages.js", SCRIPT),
    ("/page/notices.js", "notices.js", SCRIPT),
    ("/page/page.css", "page.css", STYLE),
    ("/page/page.js", "page.js", SCRIPT),
    ("/page/queues.js", "queues.js", SCRIPT),
    ("/page/rejections.js", "rejections.js", SCRIPT),
    ("/page/series.js", "series.js", SCRIPT),
    ("/page/sheet.js", "sheet.js", SCRIPT),
    ("/page/stories.js", "stories.js", SCRIPT),
    ("/page/theme.js", "theme.js", SCRIPT),
    ("/page/words.js", "words.js", SCRIPT),
    ("/robots.txt", "robots.txt", TEXT),
)
"""Path, name in ``momentum_trio/web``, media type."""


class _File(NamedTuple):
    """octets: of the file. tag: names them and no other (RFC 9110 section 8.8.3)."""

    octets: bytes
    media_type: str
    tag: str

    async def answer(self, exchange: Exchange) -> Response:
        """The file, unless the client has it already."""
        fields = (("etag", self.tag), ("cache-control", "no-cache"))
        if self.tag in _tags(exchange.request.field("if-none-match")):
            return Response(304, media_type="", fields=fields)
        return Response(200, self.octets, self.media_type, fields)


def _tags(text: str) -> list[str]:
    """The tags of an If-None-Match field; a weak one is as good here (RFC 9110 section 13.1.2)."""
    return [tag.strip().removeprefix("W/") for tag in text.split(",")]


def _file(name: str, media_type: str) -> _File:
    octets = resources.files("momentum_trio.web").joinpath(name).read_bytes()
    return _File(octets, media_type, f'"{hashlib.sha256(octets).hexdigest()[:32]}"')


FILES = tuple(Route("GET", path, _file(name, media_type).answer, USER) for path, name, media_type in _FILES)
