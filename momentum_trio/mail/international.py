"""Addresses beyond ASCII (RFC 6531 section 3.3): domains become A-labels, so that one domain has one name.

A domain is written in two ways, ``bücher.example`` and ``xn--bcher-kva.example`` (RFC 5890 section 2.3.2.1); lists of
domains, DNS and logs know the second alone. IDNA 2008 holds: case alone is mapped, and what it forbids is refused.
"""

from __future__ import annotations

import unicodedata

import idna


def a_labels(domain: str) -> str:
    """*domain* with its U-labels as A-labels. Raises ValueError where it is no domain in IDNA 2008."""
    return idna.encode(unicodedata.normalize("NFC", domain.lower()), strict=True).decode("ascii")
