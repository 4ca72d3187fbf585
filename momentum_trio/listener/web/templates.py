"""``/api/v1/templates``: contents that are kept, as drafts and published, and sent by their ids."""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import asdict

from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.flawed import queried
from momentum_trio.listener.web.page import Window
from momentum_trio.listener.web.route import USER, Command, Operation, Route
from momentum_trio.listener.web.stored import (
    PATH,
    KeptResult,
    admitted_id,
    heads_of,
    kept,
    missing,
    removed,
    stored_of,
    telling,
)
from momentum_trio.protocol.http.refusal import refusal
from momentum_trio.protocol.http.response import Response, of_json
from momentum_trio.protocol.injection.stored_template import (
    NewTemplate,
    TemplateChange,
    TemplateData,
    TemplateHead,
    changed,
    created,
    parse_change,
    parse_data,
    parse_new,
    shown,
)
from momentum_trio.protocol.injection.transmission import Content

REQUEST_OCTETS_MAX: Final = 4 * 1024 * 1024
"""Of JSON, with a template. Two such versions of one are kept."""
DATA_OCTETS_MAX: Final = 1024 * 1024
"""Of JSON, with what one is shown with."""

ALL: Final = "/api/v1/templates"
ONE: Final = "/api/v1/templates/{id}"


class Which(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which version. draft: false: what is published. Where it is not said: the draft, or else what is published."""

    draft: bool | UnsetType = UNSET


class How(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Where content goes. update_published: it replaces what is published, and no draft is made of it."""

    update_published: bool = False


class ShownTemplate(TemplateHead, frozen=True):
    """One template with one version. published: whether that is the published one."""

    content: Content


class TemplateResult(msgspec.Struct, frozen=True):
    """The answer."""

    results: ShownTemplate


class Templates(msgspec.Struct, frozen=True):
    """Templates by id. next: the cursor of the page behind this one; null: there is none."""

    results: list[TemplateHead]
    next: str | None


class Preview(msgspec.Struct, frozen=True):
    """A version as a recipient reads it: its templates are rendered."""

    results: Content


async def get_all(exchange: Exchange) -> Response:
    """What they are called. Raises: as ``telling`` tells."""
    return of_json(Templates(*await heads_of(exchange, stored_of(exchange).templates)))


async def post(exchange: Exchange) -> Response:
    """Keep one that is not there yet. Raises: as ``telling`` tells."""
    new = parse_new(await exchange.body.whole(REQUEST_OCTETS_MAX))
    template_id = await admitted_id(exchange, new.id, "template create")
    if isinstance(template_id, Response):
        return template_id
    shelf = stored_of(exchange).templates
    template = created(new, template_id, exchange.services.machine.clock.now())
    return kept(await shelf.create(template_id, template), shelf, template_id)


async def get(exchange: Exchange) -> Response:
    """One, with one version of it. Raises: as ``telling`` tells."""
    found = await _version(exchange)
    if isinstance(found, Response):
        return found
    head, content, is_draft = found
    said = asdict(head) | {"published": not is_draft}
    return of_json(TemplateResult(ShownTemplate(**said, content=content)))


async def put(exchange: Exchange) -> Response:
    """Change one. Raises: as ``telling`` tells."""
    how = queried(exchange, How)
    change = parse_change(await exchange.body.whole(REQUEST_OCTETS_MAX))
    shelf, template_id = stored_of(exchange).templates, exchange.parameters["id"]
    now = exchange.services.machine.clock.now()
    into = partial(changed, change=change, now=now, update_published=how.update_published)
    return kept(await shelf.change(template_id, into), shelf, template_id)


async def delete(exchange: Exchange) -> Response:
    """Keep one no more, neither version. Raises: as ``telling`` tells."""
    return await removed(exchange, stored_of(exchange).templates)


async def preview(exchange: Exchange) -> Response:
    """Show one as a recipient with these data would read it. Raises: as ``telling`` tells."""
    data = parse_data(await exchange.body.whole(DATA_OCTETS_MAX))
    found = await _version(exchange)
    return found if isinstance(found, Response) else of_json(Preview(shown(found[1], data)))


async def _version(exchange: Exchange) -> tuple[TemplateHead, Content, bool] | Response:
    """What the path and the query name, and whether it is the draft; or that there is no such thing."""
    which = queried(exchange, Which)
    shelf = stored_of(exchange).templates
    template = await shelf.get(exchange.parameters["id"])
    if template is None:
        return missing(shelf)
    head, versions = template
    content = versions.version(which.draft)
    if content is None:
        return refusal(
            404, "Not found", f"Of this template there is no {'draft' if which.draft else 'published version'}."
        )
    return head, content, content is versions.draft


TEMPLATES = Route(
    "GET",
    ALL,
    telling(get_all),
    Command("template list"),
    Operation("Stored templates", "What they are called, a page at a time.", gives={200: Templates}, query=Window),
)
CREATION = Route(
    "POST",
    ALL,
    telling(post),
    USER,
    Operation(
        "Store a template",
        "Its content is judged as that of a transmission. 409: there is one of that id. For those who may say 'template"
        " create {id}' at a console.",
        takes=NewTemplate,
        gives={200: KeptResult},
    ),
)
TEMPLATE = Route(
    "GET",
    ONE,
    telling(get),
    Command("template show {id}"),
    Operation("One stored template", "With one of its versions.", gives={200: TemplateResult}, query=Which, path=PATH),
)
CHANGE = Route(
    "PUT",
    ONE,
    telling(put),
    Command("template update {id}"),
    Operation(
        "Change a stored template",
        "What is not said stays. Content becomes the draft, and 'published' publishes that.",
        takes=TemplateChange,
        gives={200: KeptResult},
        query=How,
        path=PATH,
    ),
)
REMOVAL = Route(
    "DELETE",
    ONE,
    telling(delete),
    Command("template delete {id}"),
    Operation("Delete a stored template", gives={200: KeptResult}, path=PATH),
)
PREVIEW = Route(
    "POST",
    f"{ONE}/preview",
    telling(preview),
    Command("template preview {id}"),
    Operation(
        "A stored template as a recipient reads it",
        "422: no message can be made of it with these data.",
        takes=TemplateData,
        gives={200: Preview},
        query=Which,
        path=PATH,
    ),
)
