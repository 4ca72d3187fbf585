"""What became of injected mail, for every recipient, and which status of HTTP that is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.http.refusal import Error
from momentum_trio.protocol.http.response import Fields
from momentum_trio.reception.injection import Injection

TOO_LARGE = "5.3.4"  # RFC 3463 section 3.4
RETRY_SECONDS = 60
"""When to come again after a refusal that does not last."""


class SmtpReply(msgspec.Struct, frozen=True, gc=False):
    """What SMTP would have said: ``550``, ``5.7.1``, ``relaying denied``."""

    code: int
    enhanced: str
    text: str

    @classmethod
    def of(cls, reply: Reply) -> SmtpReply:
        """The same as *reply*."""
        return cls(reply.code, reply.enhanced, " ".join(reply.lines))


def replies_of(injection: Injection, recipients: int) -> Sequence[Reply]:
    """What was said to each of so many recipients."""
    return injection.recipients or (injection.reply,) * recipients


def status_of(said: Sequence[Reply]) -> tuple[int, Fields]:
    """200 where somebody's mail was taken. Else 503 where it pays to come again; where it does not, 413 for its size,
    422 for what it is, and 403 for what this client may do.
    """
    if any(reply.positive for reply in said):
        return 200, ()
    if any(reply.code < 500 for reply in said):
        return 503, (("Retry-After", str(RETRY_SECONDS)),)
    if all(reply.enhanced == TOO_LARGE for reply in said):
        return 413, ()
    return 422 if all(map(_is_about_form, said)) else 403, ()


def _is_about_form(reply: Reply) -> bool:
    """Syntax (RFC 5321 section 4.2.1), content or protocol (RFC 3463 sections 3.7 and 3.6)."""
    return reply.code < 510 or reply.enhanced.startswith(("5.5.", "5.6."))


def errors_of(said: Iterable[tuple[str, Reply]]) -> Iterator[Error]:
    """One for each refusal, of fields and what was said about them."""
    for field, reply in said:
        if not reply.positive:
            code = "recipient_deferred" if reply.code < 500 else "recipient_refused"
            yield Error(code.replace("_", " ").capitalize(), code, str(reply), field)
