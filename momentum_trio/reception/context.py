"""The connection and message contexts as the rejectlog prints them (spec/listeners.md section 2.8)."""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.mail.path import domain_of, local_part_of
from momentum_trio.reception.client import Client
from momentum_trio.reception.rules import Rules
from momentum_trio.reception.transaction import Tally, Transaction

Context = tuple[tuple[str, str], ...]


def connection_context(client: Client, rules: Rules, tally: Tally, transaction: Transaction | None) -> Context:
    """The connection context as the rejectlog prints it: name and value of what is known, in its order.

    rules, transaction: of the mail transaction, where there is one.
    """
    pairs = [("pathway", rules.pathway)]
    if client.hello_line:
        pairs += [("ehlo_string", client.hello_line), ("ehlo_domain", client.hello_domain)]
    if tally.receptions:
        pairs.append(("connection_message_count", str(tally.receptions)))
    if tally.recipients:
        pairs.append(("connection_rcpt_count", str(tally.recipients)))
    if transaction is not None and transaction.forward_paths:
        pairs.append(("message_rcpt_count", str(len(transaction.forward_paths))))
    if rules.client_may_relay or (transaction is not None and transaction.is_of_relayed_sender):
        pairs.append(("can_relay", "true"))
    if client.is_early_talker:
        pairs.append(("early_talker", "yes"))
    if client.bad_count:
        pairs.append(("conntrol_bad_commands", str(client.bad_count)))
    if client.unrecognized_count:
        pairs.append(("conntrol_unrecognized_commands", str(client.unrecognized_count)))
    if client.received_count:
        pairs.append(("mail_loop_header_count", str(client.received_count)))
    found = (*pairs, *_of_tls(client), *_of_identity(client))
    set_for_him = rules.options.context
    if not (set_for_him or client.context):
        return found
    return tuple({**dict(set_for_him), **dict(found), **(client.context or {})}.items())


def _of_tls(client: Client) -> Iterator[tuple[str, str]]:
    tls = client.tls
    if tls is None:
        return
    yield "tls", "on"
    yield "tls_cipher", tls.cipher
    yield "tls_cipher_algbits", str(tls.bits)
    yield "tls_cipher_usebits", str(tls.bits)
    if tls.is_verified and not client.is_spoken_for:
        yield "tls_client_cert_subject", tls.subject
        yield "tls_client_cert_subject_cn", tls.subject_cn
        yield "tls_client_cert_issuer", tls.issuer
        yield "tls_client_cert_issuer_cn", tls.issuer_cn
        yield "tls_client_verified", "yes"


def _of_identity(client: Client) -> Iterator[tuple[str, str]]:
    if client.identity is not None:
        yield "auth_name", client.identity.mechanism
        yield "auth_status", "pass"
        yield "auth_user", client.identity.user
    elif client.auth_failure:
        yield "auth_status", client.auth_failure


def message_context(transaction: Transaction | None) -> Context:
    """What is known of the mail transaction; nothing when there is none."""
    if transaction is None:
        return ()
    pairs = [
        ("mailfrom_domain", domain_of(transaction.reverse_path)),
        ("mailfrom_string", transaction.line),
        ("mailfrom_localpart", local_part_of(transaction.reverse_path)),
    ]
    if (asked := transaction.asked) is not None:
        pairs += [
            ("rcptto_domain", asked.domain),
            ("rcptto_string", asked.line),
            ("rcptto_localpart", local_part_of(asked.path)),
        ]
    if transaction.is_undated:
        pairs.append(("rfc2822_date_missing", "true"))
    return tuple({**dict(pairs), **transaction.variables}.items()) if transaction.variables else tuple(pairs)
