"""What a milter is told of a session and a mail transaction: commands, and macros by the names that Sendmail gave them.

Nobody looks up a client's name: it is ``unknown``, as Postfix says it then.
"""

from __future__ import annotations

from momentum_trio.mail.path import domain_of
from momentum_trio.protocol.milter.command import Connect, Family, Mail, Rcpt
from momentum_trio.reception.policy import facts
from momentum_trio.reception.policy.facts import Asked, Session
from momentum_trio.reception.trace import PRODUCT

UNKNOWN = "unknown"
MAILER = "esmtp"


def connect_of(session: Session) -> Connect:
    """What is told of a client that has connected."""
    if session.is_unix:
        return Connect(b"localhost", Family.UNIX, 0, _octets(session.local))
    address = session.peer_address
    family = Family.INET if address.version == 4 else Family.INET6
    return Connect(UNKNOWN.encode(), family, _port_of(session.peer), str(address).encode())


def mail_of(mail: facts.Mail) -> Mail:
    """What is told at MAIL."""
    body = (f"BODY={mail.body}".encode(),) if mail.body else ()
    return Mail(_path(mail.reverse_path), (*body, *((b"SMTPUTF8",) if mail.smtputf8 else ())))


def rcpt_of(recipient: str) -> Rcpt:
    """What is told at RCPT."""
    return Rcpt(_path(recipient))


def macros_of(asked: Asked) -> dict[str, str]:
    """All that is known by then; those that are not are empty."""
    return {**_of_session(asked.session), **_of_mail(asked)}


def _of_session(session: Session) -> dict[str, str]:
    name = "localhost" if session.is_unix else UNKNOWN
    host, _, port = session.local.rpartition(":")
    macros = {
        "j": session.hostname,
        "v": PRODUCT,
        "s": session.hello,
        "_": f"{name} [{session.peer_address}]",
        "{daemon_name}": session.hostname,
        "{daemon_addr}": host.strip("[]"),
        "{daemon_port}": port if host else "",
        "{client_name}": name,
        "{client_ptr}": name,
        "{client_addr}": str(session.peer_address),
        "{client_port}": str(_port_of(session.peer)),
        "{auth_type}": session.mechanism,
        "{auth_authen}": session.user,
        "{auth_author}": session.user,
    }
    if (tls := session.tls) is not None:
        macros |= {
            "{tls_version}": tls.protocol,
            "{cipher}": tls.cipher,
            "{cipher_bits}": str(tls.bits),
            "{cert_subject}": tls.subject,
            "{cert_issuer}": tls.issuer,
            "{verify}": "OK" if tls.is_verified else "NO",
        }
    return macros


def _of_mail(asked: Asked) -> dict[str, str]:
    mail, recipient = asked.mail, asked.recipient
    if mail is None:
        return {}
    return {
        "i": asked.draft.batch_id if asked.draft is not None else "",
        "{mail_mailer}": MAILER,
        "{mail_host}": domain_of(mail.reverse_path),
        "{mail_addr}": mail.reverse_path,
        "{rcpt_mailer}": MAILER if recipient else "",
        "{rcpt_host}": domain_of(recipient),
        "{rcpt_addr}": recipient,
    }


def _port_of(peer: str) -> int:
    port = peer.rpartition(":")[2]
    return int(port) if port.isdigit() else 0


def _path(path: str) -> bytes:
    return _octets(f"<{path}>")


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape").replace(b"\0", b"?")
