"""Fields we put in front of content: Return-Path and Received (RFC 5321 section 4.4), Date and Message-ID."""

from __future__ import annotations

from momentum_trio import __version__
from momentum_trio.reception.client import Client
from momentum_trio.reception.transaction import Transaction

PRODUCT = f"momentum-trio {__version__}"
HELLO_OCTETS_MAX = 255

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SECONDS_PER_DAY = 86_400
