"""Fields we put in front of content: Received (RFC 5321 section 4.4), Date and Message-ID; Return-Path is delivery's.

Received has the original's shape (spec/listeners.md section 2.5):

    Received: from [192.0.2.5] ([192.0.2.5:47780] helo=client)
            by HOST (envelope-from <a@b>)
            (momentum-trio 0.1.0) with ESMTPS (cipher=TLS_AES_256_GCM_SHA384)
            id 00/00-02001-C6DD1CA4; Tue, 29 Sep 2009 10:11:56 +0000
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from momentum_trio import __version__
from momentum_trio.mail.header import Scan
from momentum_trio.reception.client import Client
from momentum_trio.reception.transaction import Transaction

PRODUCT = f"momentum-trio {__version__}"
HELLO_CHARACTERS_MAX = 255

_NOT_PLAIN = re.compile("[^!-~\xa1-\U0010ffff]")
_SPECIAL_IN_COMMENT = re.compile(r"[()\\]")
_PLAIN = re.compile(r"[!-'*-\[\]-~]*")  # as nearly all is


def in_comment(text: str) -> str:
    """*text* as it may stand in a comment (RFC 5322 section 3.2.2): one line, printable, parentheses escaped.

    Beyond ASCII there is only what came with SMTPUTF8, where it is permitted (RFC 6532 section 3.2).
    """
    if _PLAIN.fullmatch(text):
        return text
    return _SPECIAL_IN_COMMENT.sub(r"\\\g<0>", _NOT_PLAIN.sub("?", text))


def received_opening(client: Client) -> str:
    """The part of Received that is the same for all mail of *client*, up to ``by``."""
    address = f"[IPv6:{client.peer_text}]" if client.peer_address.version == 6 else f"[{client.peer_text}]"
    hello = in_comment(client.hello_domain[:HELLO_CHARACTERS_MAX])
    named = f" helo={hello}" if hello else ""
    return f"Received: from {address} ([{in_comment(client.peer or 'unix')}]{named})\r\n\tby "


def _with(transaction: Transaction) -> str:
    """By RFC 3848 and RFC 6531 section 3.7.3: S for TLS, A for AUTH; then the original's comment on the cipher.

    Other protocols than SMTP are called what the mainlog calls them.
    """
    client = transaction.client
    tls, identity = client.tls, client.identity
    if client.protocol != "esmtp":
        word = client.protocol.upper()
    elif not client.extended:
        word = "SMTP"
    else:
        word = "UTF8SMTP" if transaction.smtputf8 else "ESMTP"
        word += f"{'S' if tls is not None else ''}{'A' if identity is not None and identity.is_proved else ''}"
    return word if tls is None else f"{word} (cipher={in_comment(tls.cipher)})"


def message_id(batch_id: str, host: str) -> str:
    """What stands in Message-ID, made from the batch id: ``00.00.02001.C6DD1CA4@HOST``."""
    return f"{batch_id.replace('/', '.').replace('-', '.')}@{host}"


def received_begun(transaction: Transaction, opening: str) -> str:
    """The Received field of mail with the envelope of *transaction*, up to the id. opening: ``received_opening``."""
    return (
        f"{opening}{transaction.rules.received_hostname} (envelope-from <{in_comment(transaction.reverse_path_given)}>)"
        f"\r\n\t({PRODUCT}) with {_with(transaction)}\r\n\tid "
    )


def added_fields(
    transaction: Transaction,
    scan: Scan,
    received: str,
    batch_id: str,
    date: str,
    more: Sequence[tuple[str, str]] = (),
) -> bytes:
    """What goes in front of the content of *transaction*, whose header section *scan* has seen.

    received: ``received_begun``; empty: no such field. date: the time of reception, as a Date field writes it. more:
    fields of policy, behind Received.
    """
    rules = transaction.rules
    fields = f"{received}{batch_id}; {date}\r\n" if received else ""
    if more:
        fields += "".join(f"{name}: {value}\r\n" for name, value in more)
    if not scan.has_date and rules.options.date_header == "ifneeded":
        fields += f"Date: {date}\r\n"
    if not scan.has_message_id and rules.options.message_id_header == "ifneeded":
        fields += f"Message-ID: <{message_id(batch_id, rules.received_hostname)}>\r\n"
    if scan.section_octets and not scan.begins_with_field:
        fields += "\r\n"  # all of the content is body, and the fields above are the header section
    return fields.encode("utf-8", "replace")
