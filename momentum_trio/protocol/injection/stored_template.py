"""Stored templates: contents that transmissions name. One may have two versions, a draft and what is published.

Content is judged when it is stored as that of a transmission is when it is sent: what is kept can be sent. The names
are those that users of such APIs know.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from momentum_trio.protocol.injection.flaw import Flaw, Flaws, judge, read
from momentum_trio.protocol.injection.letter import Wording
from momentum_trio.protocol.injection.stored_name import Description, Id, Name, of_names
from momentum_trio.protocol.injection.transmission import TOGETHER, Content, Data, of_content, of_data

InlineContent = Annotated[Content, Meta(extra_json_schema=TOGETHER)]


class NewTemplate(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A template that there is not yet. id: made where none is said. name: the id where none is said.

    published: at once; otherwise it is a draft.
    """

    content: InlineContent
    id: Id | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    description: Description = ""
    published: bool = False


class TemplateChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What becomes of one; what is not said stays. published: the draft is published, and is none any more."""

    content: InlineContent | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    published: bool = False


class TemplateData(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a template is shown with."""

    substitution_data: Data = {}


class TemplateHead(msgspec.Struct, frozen=True):
    """What a template is called, and which versions it has. last_update_time: ``2026-12-31T08:00:00+00:00``."""

    id: str
    name: str
    description: str
    published: bool
    has_draft: bool
    has_published: bool
    last_update_time: str


class Versions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What it says. One of the two is there."""

    draft: Content | None = None
    published: Content | None = None

    def version(self, draft: bool | UnsetType) -> Content | None:
        """That which is wanted, if there is such a one. UNSET: the draft, or else what is published."""
        if draft is UNSET:
            return self.draft or self.published
        return self.draft if draft else self.published


Template: TypeAlias = tuple[TemplateHead, Versions]
"""One template, whole."""


def parse_new(octets: bytes) -> NewTemplate:
    """A template to be, of *octets* of JSON. Raises Flaws."""
    new = read(octets, NewTemplate)
    judge(_of_new(new))
    _try(new.content)
    return new


def parse_change(octets: bytes) -> TemplateChange:
    """What is to be another, of *octets* of JSON. Raises Flaws."""
    change = read(octets, TemplateChange)
    judge(_of_change(change))
    if change.content is not UNSET:
        _try(change.content)
    return change


def parse_data(octets: bytes) -> Data:
    """What to show a template with, of *octets* of JSON. Raises Flaws."""
    data = read(octets, TemplateData).substitution_data
    judge(of_data(data, "substitution_data"))
    return data


def created(new: NewTemplate, template_id: str, now: float) -> Template:
    """The template that *new* asks for, at *now*, Unix seconds."""
    name = template_id if new.name is UNSET else new.name
    versions = Versions(published=new.content) if new.published else Versions(draft=new.content)
    return _head(template_id, name, new.description, versions, now), versions


def changed(template: Template, change: TemplateChange, now: float, *, update_published: bool) -> Template:
    """What *change* makes of *template*. update_published: its content replaces what is published, past the draft.

    Raises Flaws: nothing is published that could be replaced.
    """
    head, versions = template
    draft, published = versions.draft, versions.published
    if update_published and change.content is not UNSET:
        if published is None and not change.published:
            raise Flaws(Flaw("update_published", "nothing of it is published: 'published' does that"))
        published = change.content
    else:
        draft = draft if change.content is UNSET else change.content
        if change.published and draft is not None:
            draft, published = None, draft
    name = head.name if change.name is UNSET else change.name
    description = head.description if change.description is UNSET else change.description
    versions = Versions(draft, published)
    return _head(head.id, name, description, versions, now), versions


def shown(content: Content, data: Data) -> Content:
    """*content* as somebody with *data* reads it. Raises Flaws, as a letter to him would."""
    return content if content.email_rfc822 is not UNSET else Wording(content).shown(content, (data,))


def _try(content: Content) -> None:
    """Whether *content*, which was checked, can be sent. Raises Flaws."""
    if content.email_rfc822 is UNSET:
        Wording(content).judge()


def _head(template_id: str, name: str, description: str, versions: Versions, now: float) -> TemplateHead:
    is_published = versions.published is not None
    when = datetime.fromtimestamp(int(now), UTC).isoformat()
    return TemplateHead(template_id, name, description, is_published, versions.draft is not None, is_published, when)


def _of_new(new: NewTemplate) -> Iterator[Flaw]:
    yield from of_names(new.id, new.name)
    yield from of_content(new.content)


def _of_change(change: TemplateChange) -> Iterator[Flaw]:
    yield from of_names(UNSET, change.name)
    if change.content is not UNSET:
        yield from of_content(change.content)
