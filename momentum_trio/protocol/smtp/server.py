"""The server's side of an SMTP conversation, without I/O (RFC 5321; RFC 2920 for PIPELINING)."""

from __future__ import annotations

from enum import Enum

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.lines import Lines, TooLong, shown
from momentum_trio.protocol.smtp import authentication, replies
from momentum_trio.protocol.smtp.authentication import CANCEL, RESPONSE_OCTETS_MAX
from momentum_trio.protocol.smtp.chunks import Chunk, Chunks, Skipped
from momentum_trio.protocol.smtp.command import (
    BDAT,
    BINARYMIME,
    COMMAND_OCTETS_MAX,
    COMMANDS,
    HTTP_METHODS,
    PROXY,
    PROXY_V2,
    SMTPUTF8,
)
from momentum_trio.protocol.smtp.content import Content
from momentum_trio.protocol.smtp.event import (
    Auth,
    AuthResponse,
    Bdat,
    ChunkEnd,
    ContentEnd,
    ContentPart,
    Data,
    Event,
    Hello,
    Mail,
    Quit,
    Refusal,
    Reset,
    StartTls,
    XClient,
)
from momentum_trio.protocol.smtp.phase import Phase
from momentum_trio.protocol.smtp.terms import Injection, Terms
from momentum_trio.protocol.smtp.transitions import (
    ANSWERING,
    ANSWERS,
    AWAITING,
    BETWEEN_TRANSACTIONS,
    TRANSITIONS,
    State,
    Step,
)

ENVELOPE = ("MAIL ", "RCPT ")

# Looked up once: in Python 3.11 a member of an Enum class costs ten times as much as a global name.
_AUTHENTICATING = State.AUTHENTICATING
_CHUNKS_REFUSED = State.CHUNKS_REFUSED
_CLOSED = State.CLOSED
_CONNECTED = State.CONNECTED
_CONTENT = State.CONTENT
_FRESH = State.FRESH
_GREETED = State.GREETED
_HELLO_REQUIRED = State.HELLO_REQUIRED
_SECURING = State.SECURING


class Ending(Enum):
    """Why a conversation is over."""

    QUIT = "quit"  # the client said so
    LEFT = "left"  # the client's octets ended without it
    UNAVAILABLE = "unavailable"  # we said 421 to a command, or refused instead of greeting
    BAD_COMMANDS = "bad commands"  # too many of them, a line without end, another protocol, octets before TLS
    ABORTED = "aborted"  # the shell ended it


class Server:
    """One conversation: octets and answers in, events and octets out.

        server.begin()
        send(server.octets_to_send())
        while not server.closed:
            server.receive(octets)                                   # empty: the client's octets have ended
            while (event := server.next_event()) is not None:
                if event.needs_answer:
                    server.answer(reply)                             # or server.answer(): taken, in the usual words
            send(server.octets_to_send())

    Octets may be cut anywhere; cuts do not show in what comes out. Between two calls of ``receive`` events are drawn
    until there is none: then at most one command line and CONTENT_PART_OCTETS of content are held. Nothing the client
    sends raises; AssertionError means that the shell broke a promise.
    """

    __slots__ = (
        "_auth_tries",
        "_bad_commands",
        "_chunks",
        "_content",
        "_ended",
        "_extended",
        "_left_in",
        "_lines",
        "_mail",
        "_outstanding",
        "_row",
        "_send",
        "_state",
        "_step",
        "_terms",
        "authenticated",
        "ending",
    )

    def __init__(self, terms: Terms) -> None:
        self.ending: Ending | None = None
        self.authenticated = False  # by AUTH; TLS that begins takes it back
        self._terms = terms
        self._lines = Lines(COMMAND_OCTETS_MAX)
        self._content: Content | Chunks | Skipped | None = None  # who reads now; None: commands are read
        self._chunks: Chunks | None = None  # of this mail transaction so far
        self._mail: Mail | None = None  # that began it
        self._send: list[bytes] = []
        self._outstanding: Event | None = None
        self._step: Step | None = None  # where the answer to it leads
        self._state = _CONNECTED
        self._row = TRANSITIONS[_CONNECTED]
        self._bad_commands = self._auth_tries = 0
        self._extended = False  # EHLO or HELO was accepted
        self._ended = False
        self._left_in = _CLOSED

    @property
    def terms(self) -> Terms:
        """What this host offers in this conversation. May be replaced between mail transactions, so also while MAIL is
        outstanding; the next command is the first to be judged by the new ones."""
        return self._terms

    @terms.setter
    def terms(self, terms: Terms) -> None:
        assert self._state in BETWEEN_TRANSACTIONS
        self._terms = terms
        if self._state in (_HELLO_REQUIRED, _FRESH) and self._outstanding is None:
            self._enter(self._first_state())

    @property
    def closed(self) -> bool:
        """Whether the conversation is over: send what is left in ``octets_to_send``, then close."""
        return self._state is _CLOSED

    @property
    def interrupted(self) -> bool:
        """Whether the client left in the middle of a mail transaction (spec/listeners.md section 2.9)."""
        return self.ending is Ending.LEFT and self._left_in not in BETWEEN_TRANSACTIONS

    @property
    def in_transaction(self) -> bool:
        """Whether MAIL was accepted and its transaction is not over."""
        return self._state not in BETWEEN_TRANSACTIONS

    @property
    def phase(self) -> Phase:
        """What the session is doing, as ``show inbound`` has it."""
        return self.awaiting if self._outstanding is None else ANSWERING[type(self._outstanding)]

    @property
    def awaiting(self) -> Phase:
        """The phase that waited for the command at hand: what the rejectlog puts a refusal under."""
        return AWAITING[self._left_in if self._state is _CLOSED else self._state]

    def begin(self, refusal: Reply | None = None) -> None:
        """Greet the client; or say *refusal* (421, 554) instead and close (RFC 5321 section 3.1)."""
        assert self._state is _CONNECTED
        if refusal is None:
            self._say(self._terms.greeting)
            self._enter(self._first_state())
        else:
            assert refusal.code >= 400
            self._say(refusal)
            self._close(Ending.UNAVAILABLE)

    def receive(self, octets: bytes) -> None:
        """Take what the client sent; empty *octets*: there will be no more."""
        assert not self._ended
        if self._state is _CLOSED:
            return
        if octets:
            self._take(octets)
            return
        self._ended = True
        if self._outstanding is None and self._lines.drained and (self._content is None or self._content.drained):
            self._close(Ending.LEFT)

    def next_event(self) -> Event | None:
        """What the client said next, or None when more octets are needed or the conversation is over.

        Not to be asked while an event is outstanding. Commands the core can judge are answered here already.
        """
        assert self._outstanding is None, "the last event has not been answered"
        if self._content is not None:
            event = self._content.next_event()
            if event is None:
                self._nothing()
            elif event.needs_answer:
                self._end_of_content(event)
            elif not isinstance(event, ContentPart):
                return self._end_of_chunk(event)
            return event
        if not self._row:  # CONNECTED, SECURING, CLOSED: nothing is read
            return None
        line = self._lines.line()
        if line is None:
            self._nothing()
            return None
        return self._too_long(line) if isinstance(line, TooLong) else self._command(line)

    def answer(self, reply: Reply | None = None) -> None:
        """Answer the outstanding event, and let the conversation go on as *reply* says: 421 ends it.

        Without *reply*: taken, in the usual words; content that has a fault is refused with that. Sound content must be
        answered explicitly.
        """
        event, step = self._outstanding, self._step
        assert event is not None
        assert step is not None
        if reply is None:
            reply = self._usual_answer(event)
        code = reply.code
        self._outstanding = None
        self._say(reply)
        if code >= 400:
            if code == 421:
                self._close(Ending.UNAVAILABLE)
            else:
                self._enter(step.refused)
            return
        assert (code == 354) is (step.accepted is _CONTENT), "354 asks for content, and nothing else does"
        assert code != 334, "a challenge is not an answer"
        assert not (isinstance(event, ContentEnd) and event.fault), "content with a fault is refused"
        self._enter(step.accepted)
        if code == 354:
            self._content = Content(self._terms)
            if held := self._lines.take():
                self._take(held)
        elif isinstance(event, Mail):
            self._mail = event
        elif step.accepted is _GREETED or step.accepted is _FRESH:
            self._note(event)

    def challenge(self, octets: bytes) -> None:
        """Answer Auth or AuthResponse with one challenge more: AuthResponse is next, unless the client gives up."""
        assert isinstance(self._outstanding, Auth | AuthResponse)
        self._outstanding = None
        self._say(authentication.challenge(octets))
        self._enter(_AUTHENTICATING)
        self._lines.octets_max = RESPONSE_OCTETS_MAX

    def secured(self, terms: Terms) -> None:
        """TLS has begun: what was said in clear is forgotten, and *terms* hold (RFC 3207 section 4.2)."""
        assert self._state is _SECURING
        assert self._lines.exhausted, "something was received in clear behind STARTTLS"
        assert terms.in_tls
        self._terms = terms
        self._begin_anew()

    def abort(self, reply: Reply) -> None:
        """End the conversation from outside (silence, shutdown, fault) with *reply*, whatever was going on."""
        if self._state is not _CLOSED:
            self._say(reply)
            self._close(Ending.ABORTED)

    def octets_to_send(self) -> bytes:
        """Everything to be sent to the client since the last time."""
        send = self._send
        if not send:
            return b""
        octets = send[0] if len(send) == 1 else b"".join(send)
        send.clear()
        return octets

    # ---- what the client says

    def _take(self, octets: bytes) -> None:
        """Give *octets* to whoever reads now; what stands behind a content's terminator is commands again."""
        content = self._content
        if content is None or content.ended:
            self._lines.receive(octets)
            return
        if rest := content.receive(octets):
            self._lines.receive(rest)

    def _command(self, line: bytes) -> Event | None:
        if self._state is _AUTHENTICATING:
            return self._response(line)
        if line.isascii():
            text = line.decode("ascii")
        else:
            international = self._international(line)
            if isinstance(international, Reply):
                return self._refuse(shown(line), international)
            text = international
        terms = self._terms
        if terms.trailing_whitespace or (terms.whitespace_in_envelope and text[:5].upper() in ENVELOPE):
            text = text.rstrip(" \t")
        if not text.isprintable():
            if line == PROXY_V2:
                return self._hang_up(shown(line), replies.NOT_PROXIED)
            return self._refuse(shown(line), replies.INVALID_OCTETS)
        verb, _, argument = text.partition(" ")
        command = COMMANDS.get(verb.upper())
        if command is None or (command.extension and command.extension not in terms.known):
            return self._bdat(text, argument) if verb.upper() == BDAT else self._unknown(text, verb)
        step = self._row[command.event]
        if isinstance(step, Reply):
            return self._refuse(text, step)
        event = command.parse(text, argument, terms)
        if isinstance(event, Reply):
            return self._refuse(text, event)
        if event.needs_answer:
            if command.guarded and (refusal := self._guard(event, text)):
                return refusal
            self._outstanding = event
            self._step = step
        else:
            self._say(self._usual_answer(event))
            if isinstance(event, Quit):
                self._close(Ending.QUIT)
            else:
                self._enter(step.accepted)
        return event

    def _international(self, line: bytes) -> str | Reply:
        """A line beyond ASCII as text, where such is permitted; else why not (RFC 6531 sections 3.3 and 3.4)."""
        try:
            text = line.decode() if SMTPUTF8 in self._terms.offered else ""
        except UnicodeDecodeError:
            text = ""
        match text[:5].upper():
            case "MAIL ":
                return text
            case "RCPT ":
                declared = self._mail is not None and self._mail.smtputf8
                return text if declared or not self.in_transaction else replies.NOT_ASCII
            case "VRFY " | "EXPN ":
                return text if text.upper().endswith(f" {SMTPUTF8}") else replies.NOT_ASCII
        return replies.INVALID_OCTETS

    def _unknown(self, text: str, verb: str) -> Refusal:
        if verb in HTTP_METHODS:
            return self._hang_up(text, replies.NOT_HTTP)
        return self._hang_up(text, replies.NOT_PROXIED) if verb == PROXY else self._refuse(text, replies.UNRECOGNIZED)

    def _bdat(self, text: str, argument: str) -> Event | None:
        """A chunk follows: it is read before anything else, also if it is to be refused."""
        chunk = Chunk.parse(argument)
        if chunk is None:
            is_offered = "CHUNKING" in self._terms.offered
            return self._hang_up(text, replies.BDAT_SYNTAX) if is_offered else self._unknown(text, BDAT)
        if refusal := self._chunk_refusal(chunk):
            self._content = Skipped(chunk.octets, Refusal(text, refusal))
        else:
            assert self._chunks is not None
            self._content = self._chunks
            self._chunks.begin(chunk)
        if held := self._lines.take():
            self._take(held)
        return self.next_event()

    def _chunk_refusal(self, chunk: Chunk) -> Reply | None:
        """Why *chunk* is not taken; None: it is, and belongs to the chunks of this mail transaction."""
        if "CHUNKING" not in self._terms.offered:
            return replies.UNRECOGNIZED
        step = self._row[Bdat]
        if isinstance(step, Reply):
            return step
        if self._chunks is None:
            self._chunks = Chunks(self._terms, binary=self._binary)
        refusal = self._chunks.refusal(chunk)
        if refusal:
            self._chunks = None
        self._enter(step.refused if refusal else step.accepted)
        return refusal

    def _end_of_chunk(self, event: Event) -> Event:
        self._content = None
        if isinstance(event, Refusal):
            return self._refuse(event.line, event.reply)
        assert isinstance(event, ChunkEnd)
        assert self._chunks is not None
        if fault := self._chunks.fault:
            self._chunks = None
            self._enter(_CHUNKS_REFUSED)
            self._say(fault)
            return Refusal(f"{BDAT} {event.octets}", fault)
        self._say(replies.chunk_taken(event.octets))
        return event

    @property
    def _binary(self) -> bool:
        """Whether the content of this mail transaction was declared to be BINARYMIME."""
        return self._mail is not None and self._mail.body == BINARYMIME

    def _guard(self, event: Event, text: str) -> Refusal | None:
        """What the tables do not know of *event*."""
        if isinstance(event, Data):
            return self._refuse(text, replies.DATA_OF_BINARY) if self._binary else None
        if isinstance(event, StartTls):
            if not self._lines.exhausted and self._terms.starttls_injection is Injection.REJECT:
                return self._hang_up(text, replies.STARTTLS_INJECTION)
            self._lines.take()
            return None
        assert isinstance(event, Auth)
        if self.authenticated or not self._extended:
            return self._refuse(text, replies.AUTHENTICATED_ALREADY if self.authenticated else replies.BAD_SEQUENCE)
        if 0 < self._terms.auth_tries_max <= self._auth_tries:
            return self._hang_up(text, replies.TOO_MANY_TRIES)
        self._auth_tries += 1
        return None

    def _response(self, line: bytes) -> Event:
        """A line of a SASL dialogue, whatever command it looks like."""
        step = self._end_of_response()
        octets = replies.AUTH_CANCELLED if line == CANCEL else authentication.decoded(line)
        if isinstance(octets, Reply):
            self._say(octets)
            return Refusal("", octets)
        self._outstanding = event = AuthResponse(octets)
        self._step = step
        return event

    def _end_of_response(self) -> Step:
        """The line has come: the dialogue goes on only if it is challenged again."""
        step = self._row[AuthResponse]
        assert isinstance(step, Step)
        self._lines.octets_max = COMMAND_OCTETS_MAX
        self._enter(step.refused)
        return step

    def _too_long(self, line: TooLong) -> Event:
        if line.endless:
            return self._hang_up("", replies.TOO_MANY_BAD_COMMANDS)
        if self._state is _AUTHENTICATING:
            self._end_of_response()
            self._say(replies.RESPONSE_TOO_LONG)
            return Refusal("", replies.RESPONSE_TOO_LONG)
        start = shown(line.start)
        if start.partition(" ")[0] in HTTP_METHODS:
            return self._hang_up(start, replies.NOT_HTTP)
        return self._refuse(start, replies.LINE_TOO_LONG)

    def _refuse(self, line: str, reply: Reply) -> Refusal:
        """Answer a bad command ourselves; the one too many ends the conversation."""
        if reply is not replies.MESSAGE_TOO_LARGE:
            self._bad_commands += 1
            if 0 < self._terms.bad_commands_max < self._bad_commands:
                return self._hang_up(line, replies.TOO_MANY_BAD_COMMANDS)
        self._say(reply)
        return Refusal(_told(line), reply)

    def _hang_up(self, line: str, reply: Reply) -> Refusal:
        """End the conversation because of what the client says."""
        self._say(reply)
        self._close(Ending.BAD_COMMANDS)
        return Refusal(_told(line), reply)

    def _end_of_content(self, event: Event) -> None:
        step = self._row[ContentEnd]
        assert isinstance(step, Step)
        self._content = self._chunks = None
        self._outstanding = event
        self._step = step

    def _nothing(self) -> None:
        """No event can be made of what was received; if that was all, the client has left."""
        if self._ended:
            self._close(Ending.LEFT)

    def _note(self, event: Event) -> None:
        """Something was accepted between two mail transactions."""
        if isinstance(event, Hello | Reset):
            self._chunks = None
            self._extended |= isinstance(event, Hello)
        elif isinstance(event, Auth | AuthResponse):
            self.authenticated = True
        elif isinstance(event, XClient):
            self._begin_anew()

    def _begin_anew(self) -> None:
        """Whoever talks now has said nothing yet."""
        self._extended = self.authenticated = False
        self._enter(self._first_state())

    # ---- what we say, and where that leads

    def _usual_answer(self, event: Event) -> Reply:
        if isinstance(event, Hello):
            return self._terms.hello(event.verb)
        if isinstance(event, XClient):
            return self._terms.greeting
        if isinstance(event, Quit):
            return replies.closing(self._terms.host)
        if isinstance(event, ContentEnd):
            assert event.fault is not None, "custody must be promised by whoever took it"
            return event.fault
        return ANSWERS[type(event)]

    def _say(self, reply: Reply) -> None:
        octets = reply.octets()
        assert octets.count(b"\n") == len(reply.lines), "a reply's line holds no line end"
        self._send.append(octets)

    def _first_state(self) -> State:
        return _HELLO_REQUIRED if self._terms.require_ehlo else _FRESH

    def _enter(self, state: State) -> None:
        self._state = state
        self._row = TRANSITIONS[state]

    def _close(self, ending: Ending) -> None:
        self.ending = ending
        self._left_in = self._state
        self._outstanding = None
        self._content = self._chunks = None
        self._enter(_CLOSED)


def _told(line: str) -> str:
    """*line* of a command, for the log: what AUTH says is a secret."""
    if not line.isascii():
        return shown(line.encode())
    return f"{line[:4]} ***" if line[:4].upper() == "AUTH" else line
