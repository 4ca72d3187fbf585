"""The order of an SMTP conversation, as tables (RFC 5321 sections 4.1.4 and 3.3).

A mail transaction is a reverse-path, then forward-paths, then content. The shell answers what matters to policy, and
its reply decides: below 400 the step's ``accepted`` state is next, from 400 on its ``refused`` one; a challenge (334)
leads to AUTHENTICATING. Where a command is out of order the table holds the reply that says so. 421 closes from
anywhere (section 3.8) and needs no row. No command is read in CONTENT, SECURING and AUTHENTICATING, nor within a chunk.

XCLIENT leads to FRESH, or to HELLO_REQUIRED where the terms say so. RSET returns to GREETED even where nobody greeted:
hello is only required where HELLO_REQUIRED is the first state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp import replies
from momentum_trio.protocol.smtp.event import (
    Auth,
    AuthResponse,
    Bdat,
    ContentEnd,
    Data,
    Event,
    Expn,
    Hello,
    Help,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Reset,
    StartTls,
    Vrfy,
    XClient,
    XDumpContext,
    XRemoteIp,
    XSetContext,
)
from momentum_trio.protocol.smtp.phase import Phase


class State(Enum):
    """Where the conversation is between two commands."""

    CONNECTED = auto()  # before the greeting
    HELLO_REQUIRED = auto()  # greeted by us; the terms require EHLO or HELO
    FRESH = auto()  # greeted by us; the terms do not
    GREETED = auto()  # no mail transaction
    SECURING = auto()  # STARTTLS accepted; nothing is read until TLS begins
    AUTHENTICATING = auto()  # a challenge is out
    REVERSE_PATH = auto()  # MAIL accepted
    FORWARD_PATHS = auto()  # at least one RCPT accepted
    CONTENT = auto()  # after 354
    CHUNKS = auto()  # BDAT accepted: in a chunk, or between two
    CHUNKS_REFUSED = auto()  # one of them failed: the mail transaction can only be dropped
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class Step:
    """Where an answered command leads."""

    accepted: State
    refused: State


def _stays(state: State) -> dict[type[Event], Step | Reply]:
    """What may be said at any time and changes nothing (section 4.1.4), and the ways out."""
    stay = Step(state, state)
    return {
        Hello: Step(State.GREETED, state),
        Noop: stay,
        Vrfy: stay,
        Expn: stay,
        Help: stay,
        XRemoteIp: stay,
        XDumpContext: stay,
        Quit: Step(State.CLOSED, State.CLOSED),
    }


def _outside(state: State) -> dict[type[Event], Step | Reply]:
    """What may be said between mail transactions alone: it is about all of them."""
    return {
        StartTls: Step(State.SECURING, state),
        XClient: Step(State.FRESH, state),
        XSetContext: Step(state, state),
    }


_INSIDE: Final[Mapping[type[Event], Step | Reply]] = MappingProxyType(
    dict.fromkeys((StartTls, Auth, XClient, XSetContext), replies.BAD_SEQUENCE)
)
"""The same, and AUTH, in a mail transaction."""


def _chunked(state: State) -> dict[type[Event], Step | Reply]:
    """What may be said behind a chunk, and what not (RFC 3030 sections 2 and 4.2)."""
    return {
        **_stays(state),
        Mail: replies.MAIL_TWICE,
        Rcpt: replies.AFTER_BDAT,
        Data: replies.AFTER_BDAT,
        Reset: Step(State.GREETED, State.GREETED),
        **_INSIDE,
    }


TRANSITIONS: Final[Mapping[State, Mapping[type[Event], Step | Reply]]] = MappingProxyType(
    {
        State.HELLO_REQUIRED: {
            **_stays(State.HELLO_REQUIRED),
            Mail: replies.HELLO_NEEDED,
            Rcpt: replies.HELLO_NEEDED,
            Data: replies.HELLO_NEEDED,
            Bdat: replies.HELLO_NEEDED,
            Reset: Step(State.HELLO_REQUIRED, State.HELLO_REQUIRED),
            **_outside(State.HELLO_REQUIRED),
            Auth: replies.BAD_SEQUENCE,
        },
        State.FRESH: {
            **_stays(State.FRESH),
            Mail: Step(State.REVERSE_PATH, State.FRESH),
            Rcpt: replies.RCPT_WITHOUT_MAIL,
            Data: replies.DATA_WITHOUT_MAIL,
            Bdat: replies.BDAT_WITHOUT_MAIL,
            Reset: Step(State.FRESH, State.FRESH),
            **_outside(State.FRESH),
            Auth: replies.BAD_SEQUENCE,
        },
        State.GREETED: {
            **_stays(State.GREETED),
            Mail: Step(State.REVERSE_PATH, State.GREETED),
            Rcpt: replies.RCPT_WITHOUT_MAIL,
            Data: replies.DATA_WITHOUT_MAIL,
            Bdat: replies.BDAT_WITHOUT_MAIL,
            Reset: Step(State.GREETED, State.GREETED),
            **_outside(State.GREETED),
            Auth: Step(State.GREETED, State.GREETED),
        },
        State.REVERSE_PATH: {
            **_stays(State.REVERSE_PATH),
            Mail: replies.MAIL_TWICE,
            Rcpt: Step(State.FORWARD_PATHS, State.REVERSE_PATH),
            Data: replies.DATA_WITHOUT_RCPT,
            Bdat: replies.BDAT_WITHOUT_RCPT,
            Reset: Step(State.GREETED, State.GREETED),
            **_INSIDE,
        },
        State.FORWARD_PATHS: {
            **_stays(State.FORWARD_PATHS),
            Mail: replies.MAIL_TWICE,
            Rcpt: Step(State.FORWARD_PATHS, State.FORWARD_PATHS),
            Data: Step(State.CONTENT, State.FORWARD_PATHS),
            Bdat: Step(State.CHUNKS, State.CHUNKS_REFUSED),
            Reset: Step(State.GREETED, State.GREETED),
            **_INSIDE,
        },
        State.CONTENT: {
            ContentEnd: Step(State.GREETED, State.GREETED),
        },
        State.CHUNKS: {
            **_chunked(State.CHUNKS),
            Bdat: Step(State.CHUNKS, State.CHUNKS_REFUSED),
            ContentEnd: Step(State.GREETED, State.GREETED),
        },
        State.CHUNKS_REFUSED: {
            **_chunked(State.CHUNKS_REFUSED),
            Bdat: replies.BDAT_AFTER_FAILURE,
        },
        State.AUTHENTICATING: {
            AuthResponse: Step(State.GREETED, State.GREETED),
        },
        State.SECURING: {},
        State.CONNECTED: {},
        State.CLOSED: {},
    }
)

BETWEEN_TRANSACTIONS: Final = frozenset(
    {
        State.CONNECTED,
        State.HELLO_REQUIRED,
        State.FRESH,
        State.GREETED,
        State.SECURING,
        State.AUTHENTICATING,
        State.CLOSED,
    }
)

ANSWERS: Final[Mapping[type[Event], Reply]] = MappingProxyType(
    {
        Mail: replies.MAIL_ACCEPTED,
        Rcpt: replies.RCPT_ACCEPTED,
        Data: replies.CONTINUE,
        Reset: replies.RESET,
        Noop: replies.NOOP,
        Vrfy: replies.VRFY,
        Expn: replies.NOT_IMPLEMENTED,
        Help: replies.HELP,
        StartTls: replies.READY_FOR_TLS,
        Auth: replies.AUTHENTICATED,
        AuthResponse: replies.AUTHENTICATED,
        XRemoteIp: replies.XREMOTEIP,
        XSetContext: replies.XSETCONTEXT,
        XDumpContext: replies.contexts((), ()),
    }
)
"""What is said to an accepted command when nobody says otherwise. EHLO, HELO, XCLIENT and QUIT are answered from the
terms; the end of content has no row: custody is somebody else's to promise."""

AWAITING: Final[Mapping[State, Phase]] = MappingProxyType(
    {
        State.CONNECTED: Phase.JUST_CONNECTED,
        State.HELLO_REQUIRED: Phase.AWAITING_HELLO,
        State.FRESH: Phase.AWAITING_HELLO,
        State.GREETED: Phase.AWAITING_MAILFROM,
        State.SECURING: Phase.EXTENSION_1,
        State.AUTHENTICATING: Phase.EXTENSION_2,
        State.REVERSE_PATH: Phase.AWAITING_RCPTTO,
        State.FORWARD_PATHS: Phase.AWAITING_RCPTTO,
        State.CONTENT: Phase.READING_BODY,
        State.CHUNKS: Phase.READING_BODY,
        State.CHUNKS_REFUSED: Phase.READING_BODY,
        State.CLOSED: Phase.JUST_CONNECTED,
    }
)
"""The phase that waits for the next command; refusals are logged under it."""

ANSWERING: Final[Mapping[type[Event], Phase]] = MappingProxyType(
    {
        Hello: Phase.SENDING_HELLO_RESPONSE,
        Mail: Phase.SENDING_MAILFROM_RESPONSE,
        Rcpt: Phase.SENDING_RCPTTO_RESPONSE,
        Data: Phase.DATA_PHASE,
        Reset: Phase.AWAITING_MAILFROM,
        ContentEnd: Phase.SENDING_BODY_RESPONSE,
        StartTls: Phase.EXTENSION_1,
        Auth: Phase.EXTENSION_2,
        AuthResponse: Phase.EXTENSION_2,
        XClient: Phase.EXTENSION_3,
        XRemoteIp: Phase.EXTENSION_3,
        XSetContext: Phase.EXTENSION_3,
        XDumpContext: Phase.EXTENSION_3,
    }
)
"""The phase while an event is outstanding."""
