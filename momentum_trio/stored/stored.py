"""What a host keeps for requests to inject, and requests made whole with it."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET

from momentum_trio.machine import Machine
from momentum_trio.protocol.injection.flaw import Flaw, Flaws
from momentum_trio.protocol.injection.stored_list import ListHead
from momentum_trio.protocol.injection.stored_template import TemplateHead, Versions
from momentum_trio.protocol.injection.transmission import (
    Content,
    Recipient,
    StoredRecipients,
    Transmission,
    TransmissionContent,
    whole,
)
from momentum_trio.stored.shelf import Shelf, Sort

TEMPLATES_MAX: Final = 1_000
TEMPLATE_OCTETS_MAX: Final = 8 * 1024 * 1024
"""Of both versions of one, as JSON."""
LISTS_MAX: Final = 1_000
LIST_OCTETS_MAX: Final = 16 * 1024 * 1024

TEMPLATES: Final = Sort(
    "template",
    msgspec.json.Decoder(TemplateHead),
    msgspec.json.Decoder(Versions),
    TEMPLATES_MAX,
    TEMPLATE_OCTETS_MAX,
)
LISTS: Final = Sort(
    "recipient list",
    msgspec.json.Decoder(ListHead),
    msgspec.json.Decoder(list[Recipient]),
    LISTS_MAX,
    LIST_OCTETS_MAX,
)


class Stored:
    """The shelves of one host, below *folder*."""

    def __init__(self, machine: Machine, folder: str) -> None:
        self.templates = Shelf(machine, f"{folder}/templates", TEMPLATES)
        self.lists = Shelf(machine, f"{folder}/recipient-lists", LISTS)

    async def whole(self, transmission: Transmission) -> Transmission:
        """*transmission* with what it takes from here in its place.

        Raises Flaws: there is no such thing; StoreFault. Cancellation: nothing has changed.
        """
        content = recipients = None
        if transmission.content.template_id is not UNSET:
            content = await self._content(transmission.content.template_id, transmission.content)
        if isinstance(transmission.recipients, StoredRecipients):
            recipients = await self._recipients(transmission.recipients.list_id)
        return whole(transmission, content, recipients)

    async def _content(self, template_id: str, asked: TransmissionContent) -> Content:
        template = await self.templates.get(template_id)
        if template is None:
            raise Flaws(Flaw("content.template_id", "there is no such template"))
        is_draft = asked.use_draft_template is True
        version = template[1].version(draft=is_draft)
        if version is None:
            lacking = (
                "there is no draft of it" if is_draft else "it is not published: use_draft_template sends its draft"
            )
            raise Flaws(Flaw("content.template_id", lacking))
        return version

    async def _recipients(self, list_id: str) -> list[Recipient]:
        found = await self.lists.get(list_id)
        if found is None:
            raise Flaws(Flaw("recipients.list_id", "there is no such recipient list"))
        return found[1]
