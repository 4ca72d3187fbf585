"""The bounce classification of spec/logs.md section 4: kinds of failure, and what a sender should make of each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import Final


class Category(Enum):
    """What a sender should make of a failure."""

    UNDETERMINED = "Undetermined"
    HARD = "Hard"
    SOFT = "Soft"
    BLOCK = "Block"
    ADMIN = "Admin"


class BounceClass(IntEnum):
    """A classification. The value is what the bouncelog writes."""

    UNDETERMINED = 1
    INVALID_RECIPIENT = 10
    SOFT = 20
    DNS_FAILURE = 21
    MAILBOX_FULL = 22
    TOO_LARGE = 23
    TIMEOUT = 24
    ADMIN_FAILURE = 25
    NO_RECIPIENT = 30
    GENERIC = 40
    MAIL_BLOCK = 50
    SPAM_BLOCK = 51
    SPAM_CONTENT = 52
    ATTACHMENT = 53
    RELAYING_DENIED = 54
    AUTO_REPLY = 60
    TRANSIENT = 70
    SUBSCRIBE = 80
    UNSUBSCRIBE = 90
    CHALLENGE_RESPONSE = 100

    @property
    def category(self) -> Category:
        """What a sender should make of a failure of this class."""
        return _CATEGORIES[self]


_HARD: Final = frozenset((BounceClass.INVALID_RECIPIENT, BounceClass.NO_RECIPIENT, BounceClass.UNSUBSCRIBE))
_BLOCK: Final = frozenset(each for each in BounceClass if 50 <= each < 60)
_ADMIN: Final = frozenset((BounceClass.ADMIN_FAILURE, BounceClass.SUBSCRIBE))
_CATEGORIES: Final[Mapping[BounceClass, Category]] = MappingProxyType(
    {
        each: Category.UNDETERMINED
        if each is BounceClass.UNDETERMINED
        else Category.HARD
        if each in _HARD
        else Category.BLOCK
        if each in _BLOCK
        else Category.ADMIN
        if each in _ADMIN
        else Category.SOFT
        for each in BounceClass
    }
)
