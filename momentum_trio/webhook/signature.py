"""How a batch is signed: as Standard Webhooks has it, so that receivers have a library for it already.

``webhook-id`` names the batch, ``webhook-timestamp`` is when it was sent, ``webhook-signature`` has a ``v1,BASE64`` for
each secret: HMAC-SHA256 of ``ID.TIMESTAMP.BODY``. A secret ``whsec_...`` is base64, any other is its own octets.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Sequence

PREFIX = "whsec_"


def headers(secrets: Sequence[str], batch_id: str, timestamp: int, body: bytes) -> list[tuple[str, str]]:
    """The fields that a request with *body* has. timestamp: Unix seconds."""
    signed = b"%s.%d.%s" % (batch_id.encode(), timestamp, body)
    signatures = (base64.b64encode(hmac.digest(key_of(secret), signed, "sha256")).decode() for secret in secrets)
    return [
        ("webhook-id", batch_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", " ".join(f"v1,{signature}" for signature in signatures)),
    ]


def key_of(secret: str) -> bytes:
    """The octets that *secret* stands for."""
    if secret.startswith(PREFIX):
        try:
            return base64.b64decode(secret[len(PREFIX) :], validate=True)
        except binascii.Error:
            pass
    return secret.encode()
