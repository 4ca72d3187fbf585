"""Each reply of reception, named once, in the texts of spec/listeners.md section 2.3.

Texts the original's documentation does not give are ours and marked so.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from momentum_trio.mail.reply import Reply

# Success.
MAIL_ACCEPTED: Final = Reply.of("250 2.1.0 MAIL FROM accepted")
RCPT_ACCEPTED: Final = Reply.of("250 2.1.5 RCPT TO accepted.")
CONTINUE: Final = Reply.of('354 continue.  finished with "\\r\\n.\\r\\n"')
OK: Final = Reply.of("250 2.0.0 OK")
RESET: Final = Reply.of("250 2.0.0 OK")
NOOP: Final = Reply.of("250 2.0.0 OK")
VRFY: Final = Reply.of("252 2.5.2 cannot VRFY user, but will accept message and attempt delivery")  # ours
HELP: Final = Reply(214, "2.0.0", ("commands: HELO EHLO MAIL RCPT DATA RSET", "NOOP VRFY EXPN HELP QUIT"))  # ours
READY_FOR_TLS: Final = Reply.of("220 2.0.0 ready to start TLS")  # ours; RFC 3207 section 4
AUTHENTICATED: Final = Reply.of("235 2.7.0 authentication succeeded")  # ours; RFC 4954 section 6

# Syntax.
UNRECOGNIZED: Final = Reply.of("500 5.5.2 unrecognized command")
LINE_TOO_LONG: Final = Reply.of("500 5.5.2 line too long")  # ours
INVALID_OCTETS: Final = Reply.of("500 5.5.2 invalid character in command")  # ours: NUL, 8-bit, lone CR or LF
INVALID_EHLO: Final = Reply.of("501 5.5.2 invalid EHLO")
INVALID_HELO: Final = Reply.of("501 5.5.2 invalid HELO")
MAIL_SYNTAX: Final = Reply.of("501 5.5.2 MAIL FROM syntax error")
RCPT_SYNTAX: Final = Reply.of("501 5.5.2 RCPT TO syntax error")
PARAMETER_MALFORMED: Final = Reply.of("501 5.5.4 invalid parameter")  # ours
PARAMETER_UNKNOWN: Final = Reply.of("555 5.5.4 unsupported parameter")  # ours; the code is RFC 5321 section 4.1.1.11's
NOT_ASCII: Final = Reply.of("553 5.6.7 non-ASCII addresses need SMTPUTF8")  # ours; RFC 6531 section 3.7.4
RSET_ARGUMENT: Final = Reply.of("501 5.5.4 invalid arguments to RSET")
DATA_ARGUMENT: Final = Reply.of("501 5.5.4 unexpected argument to DATA")
NO_PARAMETERS: Final = Reply.of("501 5.5.4 Syntax error (no parameters allowed)")
ARGUMENT_MISSING: Final = Reply.of("501 5.5.4 argument required")  # ours
NOT_IMPLEMENTED: Final = Reply.of("502 5.5.1 command not implemented")  # ours

# Order.
MAIL_TWICE: Final = Reply.of("501 5.5.1 MAIL FROM already established")
RCPT_WITHOUT_MAIL: Final = Reply.of("503 RCPT TO without MAIL FROM")
DATA_WITHOUT_MAIL: Final = Reply.of("503 5.5.1 DATA without MAIL FROM")
DATA_WITHOUT_RCPT: Final = Reply.of("503 5.5.1 DATA without RCPT TO")
BAD_SEQUENCE: Final = Reply.of("503 5.5.1 bad sequence of commands")
BDAT_WITHOUT_MAIL: Final = Reply.of("503 5.5.1 BDAT without MAIL FROM")  # ours, as the next five
BDAT_WITHOUT_RCPT: Final = Reply.of("503 5.5.1 BDAT without RCPT TO")
BDAT_AFTER_FAILURE: Final = Reply.of("503 5.5.1 BDAT after one that failed: RSET first")
AFTER_BDAT: Final = Reply.of("503 5.5.1 not between chunks of content")
DATA_OF_BINARY: Final = Reply.of("503 5.5.1 BODY=BINARYMIME needs BDAT")
BDAT_SYNTAX: Final = Reply.of("421 4.5.4 BDAT without a size, closing connection")
HELLO_NEEDED: Final = Reply.of("550 5.5.1 RFC2821 HELO/EHLO needed")
TOO_MANY_BAD_COMMANDS: Final = Reply.of("421 4.7.0 too many bad commands")  # ours
NOT_PROXIED: Final = Reply.of("421 4.7.0 the PROXY protocol is not spoken here")  # ours
NOT_HTTP: Final = Reply.of("421 4.7.0 this is SMTP, not HTTP")  # ours

# TLS and authentication: all ours, with the codes of RFC 3207 section 4 and RFC 4954 sections 4 and 6.
TLS_ACTIVE: Final = Reply.of("503 5.5.1 TLS is active")
STARTTLS_INJECTION: Final = Reply.of("501 5.5.4 commands sent together with STARTTLS")
TLS_UNAVAILABLE: Final = Reply.of("454 4.7.0 TLS not available due to temporary reason")
AUTHENTICATED_ALREADY: Final = Reply.of("503 5.5.1 already authenticated")
MECHANISM_UNKNOWN: Final = Reply.of("504 5.5.4 unrecognized authentication mechanism")
MECHANISM_NEEDS_TLS: Final = Reply.of("538 5.7.11 encryption required for requested authentication mechanism")
AUTH_SYNTAX: Final = Reply.of("501 5.5.4 AUTH syntax error")
NO_INITIAL_RESPONSE: Final = Reply.of("501 5.7.0 this mechanism has no initial response")
INVALID_BASE64: Final = Reply.of("501 5.5.2 invalid base64")
RESPONSE_TOO_LONG: Final = Reply.of("500 5.5.6 authentication exchange line is too long")
AUTH_CANCELLED: Final = Reply.of("501 5.7.0 authentication cancelled")
AUTH_FAILED: Final = Reply.of("535 5.7.8 authentication credentials invalid")
AUTH_UNAVAILABLE: Final = Reply.of("454 4.7.0 temporary authentication failure")
AUTH_REQUIRED: Final = Reply.of("530 5.7.0 authentication required")
TOO_MANY_TRIES: Final = Reply.of("421 4.7.0 too many authentication attempts")

# What a trusted proxy says: all ours but the last words of XDUMPCONTEXT.
XREMOTEIP: Final = Reply.of("250 2.0.0 OK")
XSETCONTEXT: Final = Reply.of("250 2.0.0 OK")
XCLIENT_SYNTAX: Final = Reply.of("501 5.5.4 XCLIENT attribute error")
XREMOTEIP_SYNTAX: Final = Reply.of("501 5.5.4 XREMOTEIP wants an IP address")
XSETCONTEXT_SYNTAX: Final = Reply.of("501 5.5.4 XSETCONTEXT wants name=value pairs, values in xtext")
XSETCONTEXT_OWN: Final = Reply.of("550 5.7.1 this name is the server's own")
CONTEXT_SYNTAX: Final = Reply.of("501 5.5.4 a name or a value of the context is malformed")
NOT_LET_IN: Final = Reply.of("550 5.7.1 this client is not let in")
NOT_LOOPBACK: Final = Reply.of("501 5.5.4 only who is on loopback himself knows clients there")
XSETCONTEXT_FULL: Final = Reply.of("452 4.3.1 too many names in the connection context")

# Policy at MAIL and RCPT.
RELAYING_DENIED: Final = Reply.of("550 5.7.1 relaying denied")
BLACKHOLED: Final = Reply.of("551 5.7.1 recipient blackholed")
NULL_REVERSE_PATH: Final = Reply.of("550 5.7.1 null reverse-path not accepted")  # ours
IP_LITERAL: Final = Reply.of("550 5.7.1 address literals not accepted")  # ours
RECIPIENTS_PER_MESSAGE: Final = Reply.of("452 4.5.3 Service unavailable, recipients per message limit reached")
RECIPIENTS_PER_CONNECTION: Final = Reply.of("452 4.5.3 Service unavailable, recipients per connection limit reached")
RECEPTIONS_PER_CONNECTION: Final = Reply.of("452 4.5.3 Service unavailable, batch limit reached")

# Content.
MESSAGE_TOO_LARGE: Final = Reply.of("552 5.3.4 message size limit exceeded")
TOO_MANY_CHUNKS: Final = Reply.of("552 5.3.4 too many small chunks")  # ours
LONE_IN_HEADERS: Final = Reply.of("550 5.6.0 Lone CR or LF in headers (see RFC2822 section 2.2)")
LONE_IN_BODY: Final = Reply.of("550 5.6.0 Lone CR or LF in body (see RFC2822 section 2.3)")
NUL_IN_CONTENT: Final = Reply.of("550 5.6.0 NUL octet in message (see RFC2822 section 2.2)")  # ours
HEADERS_MISSING: Final = Reply.of("550 5.6.0 Required headers not found (see RFC2822 section 3.6)")
HEADER_INVALID: Final = Reply.of("550 5.6.0 Invalid header found (see RFC2822 section 3.6)")
HEADER_LINE_TOO_LONG: Final = Reply.of("550 5.6.0 Header line too long (see RFC2822 section 3.5)")
BODY_LINE_TOO_LONG: Final = Reply.of("550 5.6.0 Body line too long (see RFC2822 section 3.5)")
DATE_MISSING: Final = Reply.of("550 5.6.0 Missing required RFC2822 Date field (see RFC2822 section 3.6)")
MAIL_LOOP: Final = Reply.of("554 5.4.6 mail loop: too many Received headers")  # ours; the code is the manual's
TRANSACTION_FAILED: Final = Reply.of("451 4.3.0 transaction failed")
SPOOL_FULL: Final = Reply.of("452 4.3.1 insufficient system storage")  # ours; RFC 5321 section 4.2.3

# Idempotency keys of mail that comes whole: all ours.
KEY_TOO_LONG: Final = Reply.of("501 5.5.4 idempotency key is too long")
KEY_UNWANTED: Final = Reply.of("554 5.3.3 idempotency keys are not taken")
KEY_OF_OTHER: Final = Reply.of("554 5.5.0 another message came with this idempotency key")
KEY_PENDING: Final = Reply.of("451 4.5.0 a message with this idempotency key is being taken")
KEYS_FULL: Final = Reply.of("452 4.3.1 too many idempotency keys are in their time")

# The host's state.
CONCURRENCY: Final = Reply.of("421 4.4.5 Service unavailable, concurrency limit reached")
UNAVAILABLE: Final = Reply.of("421 4.4.5 Service unavailable")
RECONFIGURATION: Final = Reply.of("421 4.3.2 Reconfiguration in progress")
SHUTTING_DOWN: Final = Reply.of("421 4.3.2 Service shutting down")  # ours
INTERNAL_FAULT: Final = Reply.of("421 4.3.0 internal error, closing connection")  # ours

# Limits on one client: all ours.
TOO_MANY_SESSIONS: Final = Reply.of("421 4.7.0 too many sessions from your address")
SESSIONS_TOO_FAST: Final = Reply.of("421 4.7.0 sessions from your address come too fast")
MESSAGES_TOO_FAST: Final = Reply.of("451 4.7.0 messages from your address come too fast")
TOO_MANY_REFUSED: Final = Reply.of("421 4.7.0 too many refused recipients")


def chunk_taken(octets: int) -> Reply:
    """To a chunk that is not the last (RFC 3030 section 2)."""
    return Reply(250, "2.0.0", (f"{octets} octets received",))


def contexts(connection: Iterable[tuple[str, str]], message: Iterable[tuple[str, str]]) -> Reply:
    """To XDUMPCONTEXT (spec/listeners.md section 2.2)."""
    lines = [f"[connection] {name} {value}" for name, value in connection]
    lines += [f"[message] {name} {value}" for name, value in message]
    told = ("".join(each if each.isprintable() else "?" for each in line) for line in lines)
    return Reply(250, "", (*told, "XDUMPCONTEXT complete"))


def closing(host: str) -> Reply:
    """To QUIT (RFC 5321 section 4.2.3)."""
    return Reply(221, "2.0.0", (f"{host} closing connection",))


def idle_timeout(host: str) -> Reply:
    """To silence beyond Idle_Time (spec/listeners.md section 2.9)."""
    return Reply(421, "4.4.2", (f"{host} idle timeout",))


def reconfiguration(message: str) -> Reply:
    """To a session whose configuration went stale, in the operator's words (``Reconfig_Message``)."""
    return Reply.of(f"421 {message}")
