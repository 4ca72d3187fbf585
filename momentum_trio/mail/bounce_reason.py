"""What kind of failure a reply tells of, from words and codes.

A reply is looked at as words: lower case, everything but letters and digits a blank, addresses left out (anybody may be
called spam@example.com). WORDS is asked from top to bottom, the first phrase found decides; a ``*`` in a phrase stands
for any words. What no phrase knows is classed by its enhanced code (CODES), then by its basic code. Reasons of our own,
``[internal]``, are all in INTERNAL.

A temporary reply is never hard: whatever it says of the recipient, it may be well tomorrow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from momentum_trio.mail.bounce_class import BounceClass, Category

REASON_CHARACTERS_MAX: Final = 600  # of a reply: what follows is not looked at

_TOLD_BY_TEMPORARY_CODES: Final = frozenset(
    (
        BounceClass.SOFT,
        BounceClass.DNS_FAILURE,
        BounceClass.MAILBOX_FULL,
        BounceClass.TOO_LARGE,
        BounceClass.TIMEOUT,
    )
)

INTERNAL: Final = (
    (
        BounceClass.TIMEOUT,
        """
        connection timed out, exceeded max time without delivery, exceeded max retries without delivery, delivery
        not attempted message expired
        """,
    ),
    (
        BounceClass.DNS_FAILURE,
        """
        domain lookup failed, no mx or a for domain, no valid hosts, private loopback address
        """,
    ),
    (
        BounceClass.INVALID_RECIPIENT,
        """
        null mx domain does not accept mail
        """,
    ),
    (
        BounceClass.TRANSIENT,
        """
        connection closed by remote host
        """,
    ),
    (
        BounceClass.ADMIN_FAILURE,
        """
        blackholed, message manually purged, discarded by policy, rejected by policy
        """,
    ),
)

WORDS: Final = (
    (
        BounceClass.CHALLENGE_RESPONSE,
        """
        challenge response, confirm that you are human, click the link * to have your message delivered, sender
        verification * click, requires confirmation * sender
        """,
    ),
    (
        BounceClass.RELAYING_DENIED,
        """
        relaying denied, relay denied, relay access denied, relaying is denied, relaying not allowed, relay not
        permitted, relaying not permitted, relaying is not allowed, relay operation rejected, relaying prohibited,
        relaying disallowed, unable to relay, unauthorized relay, not permitted to relay, not allowed to relay,
        authentication is required for relay, we do not relay, we don t relay, no relaying allowed, no third party
        relaying, cannot relay, rejected relay attempt, that domain isn t in my list of allowed rcpthosts, is not a
        local domain, not a gateway, tenantattribution * relay
        """,
    ),
    (
        BounceClass.ATTACHMENT,
        """
        prohibited attachment, attachment type, attachment * not allowed, attachment * blocked, attachments are not,
        attachments * not accepted, banned attachment, banned file, blocked file type, executable attachment,
        executable attachments, file extension * not, forbidden attachment, illegal attachment, disallowed
        attachment, unacceptable attachment, content presents a potential security issue, virus found, virus
        detected, virus infected, contains a virus, contains virus, contains malware, infected message, infected
        with, malware detected
        """,
    ),
    (
        BounceClass.SPAM_BLOCK,
        """
        spamhaus, spamcop, sorbs, barracudacentral, barracudanetworks com reputation, senderbase, senderscore,
        surriel, uceprotect, dnsbl, rbl, rbls, abuseat, cbl, njabl, mailspike, backscatterer, invaluement, uribl,
        surbl, psbl, nixspam, manitu, trendmicro com reputation, cloudmark * csi, csi cloudmark com, proofpoint com,
        ipcheck proofpoint, talosintelligence, fortiguard, block list, blocklist, blocklisted, block listed, black
        list, blacklist, blacklisted, black listed, deny list, denylist, denylisted, on a list of known spam, real
        time blackhole, realtime blackhole, is listed by, poor reputation, bad reputation, low reputation,
        reputation * ip, ip * reputation, reputation score, sender reputation, banned sending ip, banned sender,
        known spammer, source of spam, spam source, sends spam, spam from your, sending spam, spam has been detected
        from, user complaints, complaint rate, too many complaints, too much spam, too many spam, excessive spam,
        suspicious due to the, unsolicited mail originating from your ip, unusual rate of unsolicited, ip address
        has been blocked, ip address is blocked, ip has been blocked, ip is blocked, ip blocked, your ip * blocked,
        your network * blocked, dynamic ip, dynamic address, dialup, dynamic pool, residential ip, part of their
        network is on our, hvu b1, rly b1, tss04, tss09, is listed at, is listed in, are listed in
        """,
    ),
    (
        BounceClass.SPAM_CONTENT,
        """
        spam message, spam content, spam detected, spam score, spam filter, spam rejected, spam block, considered
        spam, considered to be spam, considered unsolicited, determined to be spam, looks like spam, look like spam,
        looks like unsolicited, likely spam, likely unsolicited, likely suspicious, appears to be spam, appears to
        be unsolicited, appears to be bulk, suspected spam, suspected to be spam, probably spam, probable spam,
        seems to be spam, is spam, as spam, is unsolicited, contains spam, spam like, spamassassin, rejected due to
        spam, rejected for spam, antispam, anti spam, unsolicited bulk, unsolicited commercial, unsolicited content,
        junk mail, bulk mail, spam url, blocked url, url * blocked, links * blocked, bogofilter, dspam, rspamd,
        content filter, content rejected, content * not acceptable, message * content * rejected, gtube, phishing,
        blocked by filter, blocked by our content, message rejected by filter, pattern * in the message
        """,
    ),
    (
        BounceClass.MAILBOX_FULL,
        """
        mailbox * full, mail box full, mailbox * exceeded, mailbox exceeds, mailbox quota, inbox is full, inbox
        full, over quota, overquota, over the quota, over his quota, over their quota, over its quota, over the
        maximum allowed quota, out of storage, quota exceeded, quota exceed, quota full, quota limit, quota
        violation, quota is exceeded, quota has been exceeded, exceeded * quota, exceeds * quota, exceeded storage
        allocation, exceeded the space, exceeded his mailbox, exceeded its storage, exceed the quota, disk quota,
        storage quota, insufficient disk space, insufficient quota, not enough storage space, not enough space, not
        enough disk space, user has exceeded, user is over, user has too many messages, user s storage, too many
        messages in this mailbox, recipient storage full, account * full, delivery to this user failed * full, no
        space left, maildir over, message would exceed, benutzer hat zuviele mails, boite pleine, buzon lleno
        """,
    ),
    (
        BounceClass.TOO_LARGE,
        """
        message * too large, message * too big, message size limit, message exceeds * size, message exceeded * size,
        message exceeds fixed, message length exceeds, message larger than, mail too large, mail size, size exceeds,
        size limit exceeded, size of * exceeds, exceeds size limit, exceeds the size, exceeded maximum message size,
        exceeded the maximum message size, exceeds * maximum * size, maximum message size exceeded, maximum size *
        exceeded, header size limit, too much mail data, over maximum * size
        """,
    ),
    (
        BounceClass.DNS_FAILURE,
        """
        dns domain, nxdomain, host or domain name not found
        """,
    ),
    (
        BounceClass.INVALID_RECIPIENT,
        """
        null mx, unknown user, unknown users, user not known, user * unknown, user not exists, user doesnt exist,
        user don t exist, user invalid, user is invalid, user is no longer, user no longer, user disabled, user is
        disabled, user * inactive, user suspended, user is suspended, user account is unavailable, user * not found,
        no such user, no such person, no such account, no such address, no such mailbox, no such recipient, no such
        local user, no such domain, no such virtual user, no such email, no such id, no user, no account by that
        name, no mailbox, no mail box, no valid recipient, no valid recipients, no recipients * valid, no longer
        available, no longer active, no longer in use, no longer exists, no longer valid, no longer works, no longer
        accepts, not a valid mailbox, not a valid recipient, not a valid user, not a valid email, not a known user,
        not a local user, not our customer, not in * directory, not exist, doesn t exist, does not have an account,
        doesn t have a, doesn t have an account, mailbox * not found, mailbox unavailable, mailbox is unavailable,
        mailbox * unknown, mailbox * not available, mailbox * disabled, mailbox * inactive, mailbox closed, mailbox
        not allowed, mailbox name not allowed, mailbox name is invalid, mailbox syntax incorrect, mailbox *
        suspended, mailbox blocked, mailbox frozen, account * disabled, account suspended, account is suspended,
        account has been suspended, account * inactive, account closed, account has been closed, account deleted,
        account expired, account terminated, account unavailable, account not available, account is not available,
        account not found, account locked, account is locked, address unknown, address is unknown, unknown address,
        unknown email address, unknown e mail address, unknown recipient, unknown mailbox, unknown local part,
        unknown account, unknown destination, unrouteable address, unroutable address, unrouteable mail domain,
        address not found, address not present, address not known, address invalid, address is invalid, address is
        no longer, address is not valid, address no longer, address is not known, bad address, bad destination, bad
        recipient, bad mailbox, invalid address, invalid email, invalid mailbox, invalid recipient, invalid
        recipients, invalid user, invalid destination, illegal alias, illegal user, recipient unknown, recipient *
        not found, recipient invalid, recipient no longer, recipient is unknown, recipient not recognised, recipient
        * not recognized, recipient rejected, recipient is not, recipient address rejected, recipient address
        refused, recipient * has been disabled, undeliverable address, unable to find user, unable to verify
        address, couldn t find any host by that name, cannot find user, can t find * user, there is no one at this
        address, there is no such, this user doesn t have, this address does not receive mail, this account is not
        allowed, this account has been, not accept mail for, never logged, recipnotfound, recipient not valid,
        resolver rst recipientnotfound, utilisateur inconnu, usuario desconocido, destinatario sconosciuto, adresse
        inconnue, adresse unbekannt, empfaenger unbekannt, unbekannter benutzer, not listed in, user * could not be
        found, address * could not be found, recipient * could not be found, mailbox * could not be found, user *
        couldn t be found, address * couldn t be found
        """,
    ),
    (
        BounceClass.MAIL_BLOCK,
        """
        dmarc, spf, dkim, ptr record, ptr records, no ptr, reverse dns, rdns, unauthenticated, not authenticated,
        authentication required, authentication failed, authentication checks, unauthorized, not authorized, not
        authorised, not permitted, access denied, access rejected, access not allowed, permission denied,
        administratively prohibited, administrative prohibition, prohibited by administrator, policy reasons, policy
        violation, policy rejection, local policy, by policy, due to policy, security policy, company policy,
        administrative policy, recipientrestricted, sender rejected, sender denied, sender not allowed, sender
        address rejected, sender verify failed, sender domain, sender is not allowed, invalid sender, bad sender,
        bad helo, bad ehlo, helo * rejected, client host rejected, blocked, connection refused, connection rejected,
        connections from * refused, refused to talk to me, mail from * refused, mail from * rejected, not accepting
        mail from, does not accept mail from, doesn t accept mail from, do not accept mail from, not welcome, go
        away, message refused, message rejected, message not accepted, mail rejected, mail refused, rejected by,
        refused by, restricted, not in approved, not on the list of allowed senders, tls required, encryption
        required, must issue a starttls
        """,
    ),
    (
        BounceClass.DNS_FAILURE,
        """
        host not found, host unknown, unknown host, name server, nameserver, dns error, dns failure, dns lookup, dns
        problem, dns temporary, domain * not found, domain lookup, unresolvable, cannot resolve, could not resolve,
        can t resolve, unable to resolve, no route to host, no mx, mx record, mx records, mx lookup, name or service
        not known, servfail, mail for * loops back to myself
        """,
    ),
    (
        BounceClass.TIMEOUT,
        """
        timed out, timeout, time out, expired, too long in queue, retry time not reached
        """,
    ),
    (
        BounceClass.AUTO_REPLY,
        """
        out of office, out of the office, automatic reply, auto reply, autoreply, on vacation
        """,
    ),
    (
        BounceClass.TRANSIENT,
        """
        greylist, greylisted, greylisting, graylist, graylisted, graylisting, grey listed, try again, try later,
        please retry, temporarily deferred, temporarily unavailable, temporarily rejected, temporary failure,
        temporary error, temporary problem, temporary system problem, temporary local problem, temporary lookup,
        throttled, throttling, rate limited, rate limit, rate that prevents, rate exceeded, too many connections,
        too many concurrent, too many messages, too many recipients, too many errors, exceeded the rate, exceeded
        the maximum number, exceeded * limit, resources temporarily, service not available, service unavailable,
        service temporarily, server busy, server too busy, system not accepting, system load, insufficient system,
        out of memory, over capacity
        """,
    ),
    (
        BounceClass.NO_RECIPIENT,
        """
        no recipient, no recipients, recipient could not be determined
        """,
    ),
    (
        BounceClass.GENERIC,
        """
        transaction failed, delivery failed, delivery error, delivery failure, mail loop, routing loop, too many
        hops, hop count exceeded, message looping, message body missing, protocol error, bad sequence, syntax error,
        command not
        """,
    ),
)
"""The phrases of each classification, in the order in which they are asked; a classification may come again."""

CODES: Final[Mapping[str, BounceClass]] = MappingProxyType(
    {
        "1.0": BounceClass.INVALID_RECIPIENT,
        "1.1": BounceClass.INVALID_RECIPIENT,
        "1.2": BounceClass.INVALID_RECIPIENT,
        "1.3": BounceClass.INVALID_RECIPIENT,
        "1.4": BounceClass.INVALID_RECIPIENT,
        "1.6": BounceClass.INVALID_RECIPIENT,
        "1.7": BounceClass.MAIL_BLOCK,
        "1.8": BounceClass.MAIL_BLOCK,
        "1.10": BounceClass.INVALID_RECIPIENT,
        "2.0": BounceClass.SOFT,
        "2.1": BounceClass.INVALID_RECIPIENT,
        "2.2": BounceClass.MAILBOX_FULL,
        "2.3": BounceClass.TOO_LARGE,
        "2.4": BounceClass.SOFT,
        "3.0": BounceClass.SOFT,
        "3.1": BounceClass.SOFT,
        "3.2": BounceClass.SOFT,
        "3.4": BounceClass.TOO_LARGE,
        "4.1": BounceClass.TIMEOUT,
        "4.2": BounceClass.TIMEOUT,
        "4.3": BounceClass.DNS_FAILURE,
        "4.4": BounceClass.DNS_FAILURE,
        "4.5": BounceClass.SOFT,
        "4.6": BounceClass.GENERIC,
        "4.7": BounceClass.TIMEOUT,
        "5.0": BounceClass.GENERIC,
        "5.1": BounceClass.GENERIC,
        "5.2": BounceClass.GENERIC,
        "5.3": BounceClass.SOFT,
        "5.4": BounceClass.GENERIC,
        "6.0": BounceClass.GENERIC,
        "7.": BounceClass.MAIL_BLOCK,
    }
)
"""By the subject and detail of an enhanced code (RFC 3463; the registry of RFC 5248); a subject alone for all of it."""

_ADDRESS = re.compile(r"\S*@\S*")
_NO_WORD = re.compile(r"[^a-z0-9]+")
_EXCEEDED_STORAGE = re.compile(r"552(?![0-9])")  # RFC 5321 section 4.2.3
_ENHANCED = re.compile(r"(?:[245][0-9]{2}[ -])?#?[245]\.([0-9]{1,3})\.([0-9]{1,3})(?![0-9.])")

_Phrases = tuple[tuple[BounceClass, tuple[str, ...]], ...]


def _phrases(table: tuple[tuple[BounceClass, str], ...]) -> _Phrases:
    """Each phrase as the parts between its ``*``, which must be found one after the other."""
    return tuple(
        (kind, tuple(f" {part} " for part in phrase.split(" * ")))
        for kind, text in table
        for phrase in " ".join(text.split()).split(", ")
    )


_WORDS: Final = _phrases(WORDS)
_INTERNAL: Final = _phrases(INTERNAL)


def classify(reason: str) -> BounceClass:
    """The classification of *reason*: a reply of a server, or one of ours with ``[internal]`` in it."""
    reason = reason[:REASON_CHARACTERS_MAX].lower()
    found = _found(_INTERNAL if "[internal]" in reason else _WORDS, reason)
    temporary = reason.startswith("4")
    if found is None:
        found = _by_code(reason)
        temporary &= found not in _TOLD_BY_TEMPORARY_CODES
    else:
        temporary &= found.category is Category.HARD
    return BounceClass.TRANSIENT if temporary else found


def _found(phrases: _Phrases, reason: str) -> BounceClass | None:
    words = f" {_NO_WORD.sub(' ', _ADDRESS.sub(' ', reason))} "
    for kind, parts in phrases:
        if parts[0] in words and (len(parts) == 1 or _in_order(parts, words)):
            return kind
    return None


def _in_order(parts: tuple[str, ...], words: str) -> bool:
    at = 0
    for part in parts:
        at = words.find(part, at)
        if at < 0:
            return False
        at += len(part) - 1  # the blank may belong to the next one, too
    return True


def _by_code(reason: str) -> BounceClass:
    if enhanced := _ENHANCED.match(reason):
        subject, detail = enhanced.groups()
        if found := CODES.get(f"{subject}.{detail}") or CODES.get(f"{subject}."):
            return found
    return BounceClass.MAILBOX_FULL if _EXCEEDED_STORAGE.match(reason) else BounceClass.UNDETERMINED
