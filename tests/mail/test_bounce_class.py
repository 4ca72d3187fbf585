"""Replies as servers give them, and what kind of failure each tells of (spec/logs.md section 4)."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.mail.bounce_class import BounceClass, Category
from momentum_trio.mail.bounce_reason import CODES, INTERNAL, WORDS, classify

REPLIES: dict[BounceClass, tuple[str, ...]] = {
    BounceClass.INVALID_RECIPIENT: (
        "550 5.1.1 <bob@example.com>: Recipient address rejected: User unknown in virtual mailbox table",
        "550 5.1.1 <bob@example.com>: Recipient address rejected: User unknown in local recipient table",
        "550 5.1.1 <bob@example.com>... User unknown",
        (
            "550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 double-checking "
            "the recipient's email address for typos or 550-5.1.1 unnecessary spaces. For more information, go to "
            "550 5.1.1 https://support.google.com/mail/?p=NoSuchUser a1-20020a170902 - gsmtp"
        ),
        (
            "550 5.2.1 The email account that you tried to reach is disabled. Learn more at "
            "https://support.google.com/mail/?p=DisabledUser - gsmtp"
        ),
        "550 5.2.1 The email account that you tried to reach is inactive - gsmtp",
        (
            "550 5.5.0 Requested action not taken: mailbox unavailable. "
            "[SN1NAM02FT0052.eop-nam02.prod.protection.outlook.com]"
        ),
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient bob@example.com not found by SMTP address lookup",
        "550 5.4.1 Recipient address rejected: Access denied. [AM7EUR03FT012.eop-EUR03.prod.protection.outlook.com]",
        "554 delivery error: dd This user doesn't have a yahoo.com account (bob@yahoo.com) [0] - mta4123.mail.bf1",
        (
            "554 delivery error: dd Sorry your message to bob@yahoo.com cannot be delivered. This mailbox is disabled "
            "(554.30). - mta1234.mail.gq1.yahoo.com"
        ),
        "552 1 Requested mail action aborted, mailbox not found",
        "550 5.1.1 unknown or illegal alias: bob@example.com",
        "550 #5.1.0 Address rejected bob@example.com",
        "550 Requested action not taken: mailbox unavailable",
        "550 No such user here",
        '550 No Such User Here"',
        "550 sorry, no mailbox here by that name. (#5.7.17)",
        "550 5.1.1 sorry, no mailbox here by that name (#5.1.1 - chkuser)",
        "511 sorry, no mailbox here by that name (#5.1.1 - chkuser)",
        "550 Unrouteable address",
        "550 Invalid recipient bob@example.com",
        "550 <bob@example.com> is not a valid mailbox",
        '550 5.1.1 Mailbox "bob" unknown',
        "550 unknown user",
        "550 Unknown user (#5.1.1)",
        "550 5.1.1 bob@comcast.net Account not available",
        "550 5.1.1 <bob@example.com> No such domain at this location",
        "550 5.1.1 RCP-P1 invalid mailbox",
        "550 bob@qq.com: The email account is not available, no such user",
        "550 Mailbox not found. http://service.mail.qq.com/cgi-bin/help?subtype=1&&id=20022&&no=1000728",
        "550 5.1.0 Address unknown",
        "550 <bob@mail.ru>: user not found",
        "550 Message was not accepted -- invalid mailbox. Local mailbox bob@mail.ru is unavailable: user not found",
        "553 5.3.0 <bob@example.com>... No such user here",
        "550 User account is unavailable",
        "550 Account has been suspended",
        "551 User not local; please try <bob@example.org>: no such account",
        "550 5.1.1 unbekannter Benutzer",
        "550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. LPN416 [416]",
        "550 5.1.6 recipient no longer on server: bob@example.com",
        "550 5.1.2 bad destination system",
        "550 5.1.1",
        "556 5.1.10 recipient domain has null MX",
        "550 5.4.4 [internal] NULL MX domain does not accept mail",
        "550 <spam@example.com>: user unknown",  # an address is no word
        "550 User bob (bob@example.com) not listed in Domino Directory",
        "550 5.1.1 The email address you entered couldn't be found",
        "550 No user by that name",
    ),
    BounceClass.MAILBOX_FULL: (
        "552 5.2.2 Mailbox full",
        (
            "452 4.2.2 The email account that you tried to reach is over quota. Please direct the recipient to "
            "https://support.google.com/mail/?p=OverQuotaTemp - gsmtp"
        ),
        "552-5.2.2 The email account that you tried to reach is over quota and inactive.",
        "552 5.2.2 The recipient's inbox is out of storage space and inactive.",
        "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException; Failed to process message",
        "552 Requested mail action aborted: exceeded storage allocation",
        (
            "552 5.2.2 <bob@example.com>: Recipient address rejected: Mailbox is full / Blocks limit exceeded / Inode "
            "limit exceeded"
        ),
        "550 5.7.1 <bob@example.com>: User is over quota",
        "522 5.2.2 user quota exceeded",
        "550 Mailbox quota exceeded",
        "452 4.1.1 <bob@example.com> mailbox full",
        "552 1 bob@example.com Mailbox disk quota exceeded",
        "550 5.2.2 user has exceeded the disk quota",
        "552 user bob over disk quota",
        "552 5.2.2",
        "552 no",
    ),
    BounceClass.TOO_LARGE: (
        "552 5.3.4 Message size exceeds fixed maximum message size (10485760)",
        "552 5.3.4 Message too big for system",
        "552-5.3.4 Your message exceeded Google's message size limits. Please visit https://support.google.com",
        "523 the message's size (12000000) exceeds the size limits for message transfer",
        "552 message size limit exceeded",
        "554 5.2.3 message too large for this recipient",
        "552 #5.3.4 message size exceeds limit",
        "552 Maximum message size exceeded (see http://postmaster.1und1.de/error-messages?ip=1.2.3.4)",
        "552 5.2.3",
    ),
    BounceClass.SPAM_BLOCK: (
        (
            "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; "
            "https://www.spamhaus.org/query/ip/192.0.2.1"
        ),
        (
            "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service "
            "provider since part of their network is on our block list (S3140)."
        ),
        (
            "550 5.7.606 Access denied, banned sending IP [192.0.2.1]. To request removal from this list visit "
            "https://sender.office.com/"
        ),
        "550 5.7.511 Access denied, banned sender[192.0.2.1]",
        "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using bl.spamcop.net",
        "550 SC-001 (COL004-MC1F12) Unfortunately, messages from 192.0.2.1 weren't sent. You are on a block list",
        (
            "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user "
            "complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes"
        ),
        "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.1, because the ip is in Spamhaus's list",
        "554 RLY:B1 https://postmaster.aol.com/error-codes#554rlyb1",
        "421 mx.example Error: (HVU:B1) The URL contained in your email has generated complaints; user complaints",
        (
            "550-5.7.1 [192.0.2.1] Our system has detected an unusual rate of 550-5.7.1 unsolicited mail originating "
            "from your IP address."
        ),
        "421-4.7.0 unsolicited mail originating from your IP address. To protect our users from spam",
        "554 Your IP (192.0.2.1) is blacklisted by barracudacentral",
        "550 5.7.1 rejected: 192.0.2.1 is listed at dnsbl.sorbs.net",
        "550 Rejected: 192.0.2.1 listed in uceprotect level 2",
        "554 5.7.1 Mail from 192.0.2.1 refused, see https://csi.cloudmark.com/reset-request",
        "550 5.7.0 Your server IP address is in the ipcheck.proofpoint.com blocklist",
        "554 Email rejected due to poor reputation of your IP",
        "421 #4.7.0 Your access to this mail system has been rejected due to the sending MTA's poor reputation.",
        "550 IP address is blocked, dynamic IP not allowed",
    ),
    BounceClass.SPAM_CONTENT: (
        (
            "550-5.7.1 Our system has detected that this message is 550-5.7.1 likely unsolicited mail. To reduce the "
            "amount of spam sent to Gmail, this message has been blocked."
        ),
        "554 5.7.1 Message identified as SPAM",
        "550 High probability of spam: message rejected due to spam content",
        "554 5.7.1 Rejected as spam, SpamAssassin score 12.3",
        "550 5.7.1 This message looks like spam",
        "550 spam message rejected. Please visit http://go.mail.ru/notspam",
        "554 Message not accepted for policy reasons: spam detected",
        "571 5.7.1 Message contains spam or a virus; suspected spam",
        "554 5.7.1 The message was rejected because it contains prohibited spam content",
        "550 5.7.1 Message rejected by anti-spam filter",
        "554 5.7.7 [C14] message content rejected",
        "550 Phishing detected",
        "501 GTUBE string found",
    ),
    BounceClass.ATTACHMENT: (
        (
            "552-5.7.0 This message was blocked because its content presents a potential security issue. Please visit "
            "https://support.google.com/mail/?p=BlockedMessage"
        ),
        "554 5.7.1 The file attachment type .exe is prohibited: banned attachment",
        "550 5.7.1 Message rejected: executable attachments are not accepted",
        "550 Virus detected: Eicar-Test-Signature",
        "554 5.7.1 message contains a virus (Win.Test.EICAR_HDB-1)",
        "550 This message contains malware (EICAR)",
    ),
    BounceClass.RELAYING_DENIED: (
        "550 5.7.1 relaying denied",
        "550 5.7.1 Unable to relay",
        "550 5.7.1 Unable to relay for bob@example.com",
        "554 5.7.1 <bob@example.com>: Relay access denied",
        "550 5.7.1 <bob@example.com>... Relaying denied. IP name lookup failed [192.0.2.1]",
        "550 relay not permitted",
        "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
        "550 5.7.64 TenantAttribution; Relay Access Denied",
        "530 SMTP authentication is required for relay",
        "503 This mail server requires authentication: we do not relay",
    ),
    BounceClass.MAIL_BLOCK: (
        "550-5.7.26 Unauthenticated email from example.com is not accepted due to 550-5.7.26 domain's DMARC policy.",
        "550 5.7.1 SPF check failed",
        "550-5.7.25 [192.0.2.1] The IP address sending this message does not have a 550-5.7.25 PTR record setup",
        "554 5.7.1 <client.example[192.0.2.1]>: Client host rejected: cannot find your reverse hostname",
        "550 5.7.1 Email rejected per DKIM policy",
        "553 5.1.8 <ann@client.example>... Domain of sender address ann@client.example rejected: sender domain",
        "550 5.7.1 Message rejected due to local policy",
        "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; not authenticated",
        "550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized",
        "550 Administrative prohibition",
        "554 5.7.1 You are not welcome here",
        "571 blocked",
        "550 5.7.1",
        "550 5.7.23",
        "550 permission denied",
        "554 5.7.9 Message not accepted for policy reasons. See https://postmaster.yahooinc.com/error-codes",
    ),
    BounceClass.DNS_FAILURE: (
        "554 5.4.4 [internal] Domain Lookup Failed",
        "454 4.4.4 [internal] no MX or A for domain",
        "451 4.4.1 [internal] No valid hosts (unable to make any connections)",
        "551 5.4.6 [internal] Private/Loopback Address",
        "450 4.1.8 <ann@client.example>: Domain not found",
        "451 DNS temporary failure (#4.3.0)",
        "550 5.4.310 DNS domain example.com does not exist [Message=InfoDomainNonexistent]: nxdomain",
        "550 5.4.4 unable to route",
    ),
    BounceClass.TIMEOUT: (
        "554 5.4.7 [internal] exceeded max time without delivery",
        "554 5.4.7 [internal] exceeded max retries without delivery",
        "450 4.4.1 [internal] Connection Timed Out",
        "554 5.4.5 [internal] Delivery not attempted (message expired)",
        "421 4.4.2 mx.example Error: timeout exceeded",
        "550 5.4.300 Message expired -> 451 4.7.0",
        "451 Timeout waiting for client input",
        "550 4.4.7 QUEUE.Expired; message expired",
        "421 4.4.1",
        "421 4.4.2",
    ),
    BounceClass.ADMIN_FAILURE: (
        "554 5.7.0 [internal] Blackholed",
        "554 5.7.0 [internal] Message manually purged",
        "550 5.7.1 [internal] discarded by policy",
        "5.7.0 [internal] rejected by policy",
    ),
    BounceClass.TRANSIENT: (
        "450 4.2.0 <bob@example.com>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/",
        "451 4.7.1 Greylisting in action, please come back later",
        "450 4.1.1 <bob@example.com>: Recipient address rejected: unverified address",  # temporary: not hard
        "450 4.1.1 <bob@example.com> user unknown",
        "421 4.7.28 rate limit exceeded",
        "421 Too many concurrent SMTP connections; please try again later.",
        "451 4.3.2 Please try again later",
        "421 4.3.2 Service not available",
        "451 Internal server error",
        "421 4.7.0",
        "450 hm",
        "451 4.4.2 [internal] connection closed by remote host",
        "451 4.7.5 [internal] TLS negotiation failed",
    ),
    BounceClass.SOFT: (
        "452 4.3.1",
        "550 5.3.2",
        "452 4.5.3",
        "550 5.2.0 something is wrong there",
    ),
    BounceClass.GENERIC: (
        "554 transaction failed",
        "554 5.4.6 Too many hops 26 (25 max)",
        "554 5.4.6 mail loop: too many Received headers",
        "550 5.3.0 message body missing",
        "501 5.5.4 syntax error in parameters",
        "550 5.6.0",
    ),
    BounceClass.NO_RECIPIENT: ("554 no recipient",),
    BounceClass.AUTO_REPLY: ("550 I am out of the office",),
    BounceClass.CHALLENGE_RESPONSE: ("550 Challenge/Response: please confirm that you are human",),
    BounceClass.UNDETERMINED: (
        "",
        "550",
        "554 5",
        "550 5.9.9 what might this be",
        "550 zut",
        "not a reply",
    ),
}


@pytest.mark.parametrize(
    ("reply", "kind"), [(reply, kind) for kind, replies in REPLIES.items() for reply in replies], ids=str
)
def test_replies(reply: str, kind: BounceClass) -> None:
    assert classify(reply) is kind


def test_the_table_is_large_enough_to_mean_something() -> None:
    assert sum(map(len, REPLIES.values())) >= 160
    assert set(BounceClass) - set(REPLIES) == {BounceClass.SUBSCRIBE, BounceClass.UNSUBSCRIBE}  # of mail, not replies


@pytest.mark.parametrize(
    ("category", "codes"),
    [
        (Category.UNDETERMINED, [1]),
        (Category.HARD, [10, 30, 90]),
        (Category.SOFT, [20, 21, 22, 23, 24, 40, 60, 70, 100]),
        (Category.BLOCK, [50, 51, 52, 53, 54]),
        (Category.ADMIN, [25, 80]),
    ],
)
def test_categories(category: Category, codes: list[int]) -> None:
    assert [int(each) for each in BounceClass if each.category is category] == codes


@given(st.text(max_size=2000), st.sampled_from(["4", "450 ", "421 4.1.1 ", "451 4.7.1 "]))
def test_nothing_temporary_is_hard(text: str, code: str) -> None:
    assert classify(f"{code}{text}").category is not Category.HARD


@given(st.sampled_from(sorted(reply for replies in REPLIES.values() for reply in replies)))
def test_case_and_spacing_change_nothing(reply: str) -> None:
    assert classify(reply.upper()) is classify(reply) is classify(reply.replace(", ", " , "))


def phrases(*tables: Sequence[tuple[BounceClass, str]]) -> list[str]:
    return [phrase for table in tables for _, text in table for phrase in " ".join(text.split()).split(", ")]


def test_phrases_are_written_as_they_are_looked_for() -> None:
    well_written = re.compile(r"[a-z0-9]+(?: [a-z0-9]+| \*)*")
    assert not [phrase for phrase in phrases(WORDS, INTERNAL) if not well_written.fullmatch(phrase)]
    assert all(key.replace(".", "", 1).isdigit() for key in CODES)


def test_no_phrase_is_there_in_vain() -> None:
    """One that holds another, which is asked before it or says the same, never decides anything."""
    before: list[str] = []
    for entry in WORDS:
        of_kind = phrases((entry,))
        for place, phrase in enumerate(of_kind):
            others = (*before, *of_kind[:place], *of_kind[place + 1 :])
            assert not [other for other in others if f" {other} " in f" {phrase} "], phrase
        before += of_kind
