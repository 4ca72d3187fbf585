"""The command lines of a client's mail transaction, and why one need not be begun (RFC 5321 section 4.1.1)."""

from __future__ import annotations

from typing import Final

from momentum_trio.mail.dsn import Notify, escaped
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp.client_event import Attributes, ClientTerms, Transaction
from momentum_trio.protocol.smtp.client_extensions import Extensions

PATH_OCTETS_MAX: Final = 1000
"""Longest path that goes into a command line; the grammar of RFC 5321 section 4.5.3.1.3 allows 256."""

PATH_UNSENDABLE: Final = Reply.of("553 5.6.7 [internal] the address cannot stand in a command line")
UTF8_PATH: Final = Reply.of("553 5.6.7 [internal] the address needs SMTPUTF8, which the server does not offer")
UTF8: Final = Reply.of("550 5.6.7 [internal] the message needs SMTPUTF8, which the server does not offer")
EIGHT_BIT: Final = Reply.of("554 5.6.3 [internal] the content has 8-bit octets and the server does not offer 8BITMIME")
BINARY: Final = Reply.of(
    "554 5.6.3 [internal] the content is binary or has a lone CR or LF, and the server does not offer BINARYMIME"
)


def mail_line(transaction: Transaction, extensions: Extensions, terms: ClientTerms) -> str:
    """``MAIL`` with what the server offers and the transaction needs."""
    return f"MAIL FROM:<{transaction.reverse_path}>{mail_parameters(transaction, extensions, terms)}"


def mail_parameters(transaction: Transaction, extensions: Extensions, terms: ClientTerms) -> str:
    """Those of ``MAIL``, each with a blank in front."""
    line = f" SIZE={transaction.octets}" if extensions.size else ""
    if transaction.binary:
        line += " BODY=BINARYMIME"
    elif transaction.eight_bit and extensions.eight_bit and terms.declares_eight_bit:
        line += " BODY=8BITMIME"
    if extensions.smtputf8 and needs_smtputf8(transaction):
        line += " SMTPUTF8"
    if terms.credentials is not None and extensions.mechanisms:
        line += " AUTH=<>"  # RFC 4954 section 5: who has submitted it is not vouched for
    if extensions.dsn:
        returns, envelope_id = transaction.returning
        line += f" RET={returns}" if returns else ""
        line += f" ENVID={escaped(envelope_id)}" if envelope_id else ""
    return line


def rcpt_line(transaction: Transaction, place: int, extensions: Extensions) -> str:
    """``RCPT`` for one forward-path."""
    return f"RCPT TO:<{transaction.forward_paths[place]}>{rcpt_parameters(transaction, place, extensions)}"


def rcpt_parameters(transaction: Transaction, place: int, extensions: Extensions) -> str:
    """Those of ``RCPT``, each with a blank in front."""
    line = ""
    if extensions.dsn and transaction.wishes:
        notify, original_recipient = transaction.wishes[place]
        if notify is not Notify.UNSET:
            line += f" NOTIFY={','.join(str(word.name) for word in notify)}"
        if original_recipient:
            kind, _, address = original_recipient.partition(";")
            line += f" ORCPT={kind};{escaped(address)}"
    return line


def xclient_line(origin: Attributes, extensions: Extensions) -> str:
    """``XCLIENT`` with those of the attributes that the server takes."""
    words = [f"{name}={escaped(text)}" for name, text in origin if name in extensions.xclient]
    return " ".join(("XCLIENT", *words))


def needs_smtputf8(transaction: Transaction) -> bool:
    """Whether *transaction*, or a path of it, can go only to a server with SMTPUTF8 (RFC 6531 section 3.2)."""
    return (
        transaction.smtputf8
        or not transaction.reverse_path.isascii()
        or not all(map(str.isascii, transaction.forward_paths))
    )


def refusal_of_path(path: str, extensions: Extensions) -> Reply | None:
    """Why *path* cannot be said to this server, or None."""
    if not (path.isprintable() and len(path) <= PATH_OCTETS_MAX):
        return PATH_UNSENDABLE
    return None if path.isascii() or extensions.smtputf8 else UTF8_PATH


def refusal(transaction: Transaction, extensions: Extensions, terms: ClientTerms) -> Reply | None:
    """Why the server need not be asked about *transaction* at all, or None."""
    if (reply := refusal_of_path(transaction.reverse_path, extensions)) is not None:
        return reply
    if transaction.smtputf8 and not extensions.smtputf8:
        return UTF8
    if 0 < extensions.size_max < transaction.octets:  # RFC 1870 section 5
        text = f"[internal] {transaction.octets} octets, and the server takes at most {extensions.size_max}"
        return Reply(552, "5.3.4", (text,))
    if transaction.binary:
        return None if extensions.binary else BINARY
    if transaction.eight_bit and not extensions.eight_bit and not terms.sends_eight_bit_anyway:
        return EIGHT_BIT
    return None
