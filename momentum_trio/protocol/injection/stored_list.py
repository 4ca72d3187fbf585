"""Stored recipient lists: recipients that transmissions name. They are judged as those of a transmission are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from momentum_trio.protocol.injection.flaw import Flaw, judge, read
from momentum_trio.protocol.injection.stored_name import Description, Id, Name, of_names
from momentum_trio.protocol.injection.transmission import Data, Recipient, Recipients, of_metadata, of_recipients

ATTRIBUTES_OCTETS_MAX: Final = 1_000

_NAMES: Final = ("name", "description", "attributes")


class NewList(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A list that there is not yet. id: made where none is said. name: the id where none is said.

    attributes: of the list, for those who keep it; nothing here depends on them.
    """

    recipients: Recipients
    id: Id | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    description: Description = ""
    attributes: Data = {}


class ListChange(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What becomes of one; what is not said stays. recipients: all of them."""

    recipients: Recipients | UnsetType = UNSET
    name: Name | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    attributes: Data | UnsetType = UNSET


class ListHead(msgspec.Struct, frozen=True):
    """What a list is called, and how many recipients it has."""

    id: str
    name: str
    description: str
    attributes: Data
    total_accepted_recipients: int


RecipientList: TypeAlias = tuple[ListHead, list[Recipient]]
"""One list, whole."""


def parse_new(octets: bytes) -> NewList:
    """A list to be, of *octets* of JSON. Raises Flaws."""
    new = read(octets, NewList)
    judge(_of(new.id, new.name, new.attributes, new.recipients))
    return new


def parse_change(octets: bytes) -> ListChange:
    """What is to be another, of *octets* of JSON. Raises Flaws."""
    change = read(octets, ListChange)
    judge(_of(UNSET, change.name, change.attributes, change.recipients))
    return change


def created(new: NewList, list_id: str) -> RecipientList:
    """The list that *new* asks for."""
    name = list_id if new.name is UNSET else new.name
    return ListHead(list_id, name, new.description, new.attributes, len(new.recipients)), new.recipients


def changed(held: RecipientList, change: ListChange) -> RecipientList:
    """What *change* makes of *held*."""
    head, recipients = held
    recipients = recipients if change.recipients is UNSET else change.recipients
    said = {name: value for name in _NAMES if (value := getattr(change, name)) is not UNSET}
    return replace(head, total_accepted_recipients=len(recipients), **said), recipients


def _of(
    list_id: str | UnsetType,
    name: str | UnsetType,
    attributes: Data | UnsetType,
    recipients: list[Recipient] | UnsetType,
) -> Iterator[Flaw]:
    yield from of_names(list_id, name)
    if attributes is not UNSET:
        yield from of_metadata(attributes, "attributes", ATTRIBUTES_OCTETS_MAX)
    if recipients is not UNSET:
        yield from of_recipients(recipients, as_it_is=False)
