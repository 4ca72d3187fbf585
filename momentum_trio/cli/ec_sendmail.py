"""``ec_sendmail [-ti] [-f ADDRESS] [-F NAME] [RECIPIENT ...] < MESSAGE``: the sendmail command, in front of this host.

The message goes by SMTP to a Listen of the configuration's ESMTP_Listener, or to where ``--server`` says; exit status 0
means that the host has taken custody of it for all recipients, any other that it has not (sysexits.h). Where one
recipient is refused nothing is sent.
"""

from __future__ import annotations

import getopt
import os
import pwd
import secrets
import selectors
import smtplib
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import BinaryIO

from momentum_trio.cli.console_link import Endpoint
from momentum_trio.mail.dsn import escaped
from momentum_trio.mail.submission import Submission, author, path_of, up_to_dot

MESSAGE_OCTETS_MAX = 256 * 1024 * 1024
"""Longest message that is read: it is held in memory."""

CONNECT_SECONDS = 30.0
REPLY_SECONDS = 600.0  # for the reply to the final dot, which RFC 5321 section 4.5.3.2.6 asks for
ENVELOPE_ID_OCTETS_MAX = 100  # RFC 3461 section 4.4
PUMP_OCTETS = 64 * 1024

EX_OK, EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_NOUSER = os.EX_OK, os.EX_USAGE, os.EX_DATAERR, os.EX_NOINPUT, os.EX_NOUSER
EX_UNAVAILABLE, EX_IOERR, EX_TEMPFAIL, EX_CONFIG = os.EX_UNAVAILABLE, os.EX_IOERR, os.EX_TEMPFAIL, os.EX_CONFIG

USAGE = """\
usage: ec_sendmail [options] [recipient ...] < message

  -t            recipients are those of To, Cc and Bcc, and those named; Bcc is removed
  -i, -oi       a line that is a single dot does not end the message
  -f ADDRESS    the reverse-path (also -r); <> for none
  -F NAME       full name of the sender, for a From field that is not there
  -N WHEN       notifications: never, or some of success,failure,delay
  -R WHAT       how much of the message they return: hdrs or full
  -V ENVID      an identifier that they carry
  -bm           take a message from standard input (so it does without)
  -bs           speak SMTP on standard input and output
  -v            show the conversation
  -C FILE       the configuration that says where the host listens (default: $CONFFILE, else that of the host)
  --server ENDPOINT  where it listens: /path, address:port, host:port or [v6]:port (default: $EC_SENDMAIL_SERVER)
  -h            this text

-A -B -L -O -X -d -e -m -n -o -p -U are taken and mean nothing here; -q and -bi find nothing to do.
exit status: 0 taken; 64 wrong arguments; 65 the message is wrong; 66 no input; 67 no such recipient; 69 refused;
             75 try again later; 78 no place to send it to
"""
OPTIONS = "A:B:b:C:d:e:F:f:hiL:mN:nO:o:p:qR:r:tUV:vX:"
IGNORED = ("-A", "-B", "-L", "-O", "-X", "-d", "-e", "-m", "-n", "-p", "-U")


class _Ended(Exception):
    """The command is over: with this status, after these words on standard error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(slots=True)
class _Asked:
    """What the arguments ask for."""

    recipients: list[str] = field(default_factory=list)
    reads_recipients: bool = False
    ignores_dots: bool = False
    reverse_path: str | None = None
    full_name: str = ""
    notify: str = ""
    returns: str = ""
    envelope_id: str = ""
    mode: str = "m"
    verbose: bool = False
    configuration: str = ""
    server: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. arguments: in place of the command line's. Returns its exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        asked = _parsed(given)
        if asked is None:
            print(USAGE, end="")
            return EX_OK
        match asked.mode:
            case "m":
                return _submit(asked)
            case "s":
                return _converse(_place(asked)[0])
            case "i" | "q":
                return EX_OK  # there are no aliases to build, and the queue needs nobody to run it
        raise _Ended(EX_USAGE, f"-b{asked.mode} is not done here" + ("; ec_console mailq" if asked.mode == "p" else ""))
    except _Ended as ended:
        print(f"ec_sendmail: {ended}", file=sys.stderr)
        return ended.status


def _parsed(arguments: Sequence[str]) -> _Asked | None:
    """What *arguments* ask for; None for the usage text."""
    words = ["-q" if word.startswith("-q") else word for word in arguments]  # the one whose value may be left out
    try:
        options, recipients = getopt.getopt(words, OPTIONS, ["help", "server="])
    except getopt.GetoptError as wrong:
        raise _Ended(EX_USAGE, f"{wrong}\n{USAGE}".rstrip()) from None
    asked = _Asked(recipients, server=os.environ.get("EC_SENDMAIL_SERVER", ""))
    for name, value in options:
        match name:
            case "-h" | "--help":
                return None
            case "-t":
                asked.reads_recipients = True
            case "-i":
                asked.ignores_dots = True
            case "-o":
                asked.ignores_dots = asked.ignores_dots or value == "i"
            case "-f" | "-r":
                asked.reverse_path = value
            case "-F":
                asked.full_name = value
            case "-N":
                asked.notify = _notify(value)
            case "-R":
                asked.returns = _one_of("-R", value, "FULL", "HDRS")
            case "-V":
                asked.envelope_id = _envelope_id(value)
            case "-b":
                asked.mode = value
            case "-q":
                asked.mode = "q"
            case "-v":
                asked.verbose = True
            case "-C":
                asked.configuration = value
            case "--server":
                asked.server = value
            case _:
                assert name in IGNORED
    return asked


def _notify(value: str) -> str:
    words = [_one_of("-N", word, "NEVER", "SUCCESS", "FAILURE", "DELAY") for word in value.split(",")]
    if "NEVER" in words and len(words) > 1:
        raise _Ended(EX_USAGE, "-N: never stands alone")
    return ",".join(words)


def _envelope_id(value: str) -> str:
    if not value.isascii() or not value.isprintable() or len(escaped(value)) > ENVELOPE_ID_OCTETS_MAX:
        raise _Ended(EX_USAGE, f"-V: expected at most {ENVELOPE_ID_OCTETS_MAX} printable characters of ASCII")
    return value


def _one_of(option: str, value: str, *words: str) -> str:
    if value.upper() not in words:
        raise _Ended(EX_USAGE, f"{option}: expected {' or '.join(word.lower() for word in words)}, not '{value}'")
    return value.upper()


# ---- where the host is


def _place(asked: _Asked) -> tuple[Endpoint, str]:
    """Where to speak SMTP, and the name of this host."""
    if asked.server:
        try:
            return Endpoint.parse(asked.server), socket.gethostname()
        except ValueError as wrong:
            raise _Ended(EX_USAGE, str(wrong)) from None
    from momentum_trio.cli.submission_place import Nowhere, submission_place

    try:
        return submission_place(asked.configuration)
    except Nowhere as nowhere:
        raise _Ended(EX_CONFIG, str(nowhere)) from None


def _connected(place: Endpoint) -> socket.socket:
    try:
        return place.connect(CONNECT_SECONDS)
    except OSError as error:
        raise _Ended(EX_TEMPFAIL, f"{place.text}: {error.strerror or error}") from None


def _converse(place: Endpoint) -> int:
    """-bs: octets both ways, until the host closes."""
    with _connected(place) as host, selectors.DefaultSelector() as ready:
        host.settimeout(None)
        sources: dict[int, int] = {host.fileno(): sys.stdout.fileno(), sys.stdin.fileno(): host.fileno()}
        for source in sources:
            ready.register(source, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                octets = os.read(key.fd, PUMP_OCTETS)
                if octets:
                    _write(sources[key.fd], octets)
                elif key.fd == host.fileno():
                    return EX_OK
                else:
                    ready.unregister(key.fd)
                    host.shutdown(socket.SHUT_WR)


def _write(descriptor: int, octets: bytes) -> None:
    while octets:
        octets = octets[os.write(descriptor, octets) :]


# ---- the message


def _submit(asked: _Asked) -> int:
    if not asked.recipients and not asked.reads_recipients:
        raise _Ended(EX_USAGE, "no recipients: name some, or -t to take those of the message")
    message = Submission.parse(_read(sys.stdin.buffer if sys.stdin else None, asked.ignores_dots))
    place, host = _place(asked)
    recipients = [*asked.recipients, *(message.take_recipients() if asked.reads_recipients else ())]
    if not recipients:
        raise _Ended(EX_DATAERR, "there is no recipient in To, Cc or Bcc")
    try:
        paths = list(dict.fromkeys(path_of(recipient, host) for recipient in recipients))
        reverse_path = _complete(message, asked, host)
    except ValueError as wrong:
        raise _Ended(EX_DATAERR, str(wrong)) from None
    return _send(_Envelope(reverse_path, paths, asked), message.octets(), _connected(place), host)


def _read(source: BinaryIO | None, ignores_dots: bool) -> bytes:
    if source is None:
        raise _Ended(EX_NOINPUT, "standard input is closed")
    try:
        octets = source.read(MESSAGE_OCTETS_MAX + 1)
    except OSError as error:
        raise _Ended(EX_IOERR, f"standard input: {error.strerror or error}") from None
    if len(octets) > MESSAGE_OCTETS_MAX:
        raise _Ended(EX_DATAERR, f"the message has more than {MESSAGE_OCTETS_MAX} octets")
    return octets if ignores_dots else up_to_dot(octets)


def _complete(message: Submission, asked: _Asked, host: str) -> str:
    """Give *message* the fields it lacks (RFC 6409 section 8); the reverse-path."""
    user = pwd.getpwuid(os.getuid())
    own = path_of(user.pw_name, host)
    reverse_path = own if asked.reverse_path is None else asked.reverse_path.strip()
    reverse_path = "" if reverse_path in ("", "<>") else path_of(reverse_path, host)
    if reverse_path not in ("", own) and os.geteuid() != 0:
        message.add(
            "X-Authentication-Warning", f"{host}: {user.pw_name} set sender to {reverse_path} using -f", first=True
        )
    if not message.has("from"):
        name = asked.full_name or os.environ.get("NAME", "") or user.pw_gecos.partition(",")[0]
        message.add("From", author(name, reverse_path or own))
    if not message.has("date"):
        message.add("Date", formatdate(localtime=True))
    if not message.has("message-id"):
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime())
        message.add("Message-ID", f"<{stamp}.{secrets.token_hex(8)}@{host}>")
    return reverse_path


# ---- the conversation


@dataclass(frozen=True, slots=True)
class _Envelope:
    reverse_path: str
    forward_paths: list[str]
    asked: _Asked

    def mail_options(self, octets: bytes, smtp: smtplib.SMTP) -> list[str]:
        """Parameters of MAIL, as far as the host offers them."""
        options = [f"SIZE={len(octets)}"] if smtp.has_extn("size") else []
        if not octets.isascii() and smtp.has_extn("8bitmime"):
            options.append("BODY=8BITMIME")
        if smtp.has_extn("dsn"):
            options += [f"RET={self.asked.returns}"] if self.asked.returns else []
            options += [f"ENVID={escaped(self.asked.envelope_id)}"] if self.asked.envelope_id else []
        return options

    def rcpt_options(self, smtp: smtplib.SMTP) -> list[str]:
        """Parameters of RCPT, as far as the host offers them."""
        return [f"NOTIFY={self.asked.notify}"] if self.asked.notify and smtp.has_extn("dsn") else []


def _send(envelope: _Envelope, octets: bytes, connected: socket.socket, host: str) -> int:
    smtp = smtplib.SMTP(local_hostname=host)
    smtp.set_debuglevel(int(envelope.asked.verbose))
    connected.settimeout(REPLY_SECONDS)
    smtp.sock = connected
    try:
        _deliver(smtp, envelope, octets)
    except smtplib.SMTPServerDisconnected as error:
        raise _Ended(EX_TEMPFAIL, str(error)) from None
    except smtplib.SMTPResponseException as error:
        raise _refused((error.smtp_code, error.smtp_error), EX_UNAVAILABLE, "the host") from None
    except (OSError, smtplib.SMTPException) as error:
        raise _Ended(EX_TEMPFAIL, f"the conversation with the host: {error}") from None
    finally:
        smtp.close()
    return EX_OK


def _deliver(smtp: smtplib.SMTP, envelope: _Envelope, octets: bytes) -> None:
    """All of the conversation. Raises _Ended for what the host refuses."""
    _expect(smtp.getreply(), EX_UNAVAILABLE, "the host")
    smtp.ehlo_or_helo_if_needed()
    mail = smtp.mail(envelope.reverse_path, envelope.mail_options(octets, smtp))
    _expect(mail, EX_UNAVAILABLE, f"<{envelope.reverse_path}>")
    for path in envelope.forward_paths:
        _expect(smtp.rcpt(path, envelope.rcpt_options(smtp)), EX_NOUSER, f"<{path}>")
    try:
        _expect(smtp.data(octets), EX_DATAERR, "the message")
    except smtplib.SMTPDataError as error:  # to DATA itself
        raise _refused((error.smtp_code, error.smtp_error), EX_DATAERR, "the message") from None
    try:
        smtp.quit()
    except (OSError, smtplib.SMTPException):
        pass  # the message is taken, whatever happens now


def _expect(reply: tuple[int, bytes], refusal: int, whom: str) -> None:
    """Raise _Ended unless *reply* is positive."""
    if not 200 <= reply[0] < 300:
        raise _refused(reply, refusal, whom)


def _refused(reply: tuple[int, bytes | str], refusal: int, whom: str) -> _Ended:
    code, text = reply
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    said = said.replace("\r\n", " ").replace("\n", " ")
    return _Ended(refusal if code >= 500 else EX_TEMPFAIL, f"{whom}: {code} {said}")


if __name__ == "__main__":
    sys.exit(main())
