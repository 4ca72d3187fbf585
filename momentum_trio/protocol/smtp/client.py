"""The client's side of an SMTP or LMTP conversation, without I/O (RFC 5321, 2033; 2920, 3030, 3207, 4954, XCLIENT)."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final

from momentum_trio.mail.reply import Reply
from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.smtp.client_command import (
    mail_line,
    rcpt_line,
    refusal,
    refusal_of_path,
    xclient_line,
)
from momentum_trio.protocol.smtp.client_content import Chunk, Framing, Stuffing
from momentum_trio.protocol.smtp.client_event import (
    Attributes,
    ClientTerms,
    Concluded,
    ContentWanted,
    Ended,
    Event,
    Ready,
    TlsWanted,
    Transaction,
    Use,
    Verdict,
)
from momentum_trio.protocol.smtp.client_extensions import NOTHING, Extensions
from momentum_trio.protocol.smtp.client_reply import Fault, Replies
from momentum_trio.protocol.smtp.client_steps import GROUP_COMMANDS_MAX, Asked, State, Step

LEFT: Final = Reply.of("451 4.4.2 [internal] connection closed by remote host")
NO_TLS: Final = Reply.of("451 4.7.6 [internal] STARTTLS required but not advertised")
NO_GO_AHEAD: Final = Reply.of("451 4.7.5 [internal] no tls go-ahead")
NO_XCLIENT: Final = Reply.of("451 4.7.6 [internal] XCLIENT required but not advertised")
IN_CLEAR: Final = Reply.of("454 4.7.0 [internal] AUTH is not done without TLS")
CONTENT_WANTED: Final = ContentWanted()
AT_REST: Final = (State.READY, State.CLOSED)
DEAF: Final = (State.CLOSED, State.SECURING)
"""What the server says in these is not looked at."""

DONE: Final = Reply.of("221 2.0.0 [internal] done")


class Client:
    """One conversation: replies and orders in, events and octets out.

        while not client.closed:
            client.receive(octets)                                   # empty: the server's octets have ended
            while (event := client.next_event()) is not None:
                match event:
                    case TlsWanted(): ...; client.secured()                              # or client.abandon(reply)
                    case Ready() | Concluded(): client.begin(transaction) or client.quit()   # unless it is closed now
                    case ContentWanted(): client.content(octets) ...; client.end_content()
            send(client.octets_to_send())

    Every transaction that was begun is concluded by exactly one event, whatever happens; a conversation that ends, by
    ``Ended`` after it. Nothing the server sends raises; AssertionError means that the shell broke a promise.

    Replies are taken in order, and a reply is only good for what was asked before it came. What a server says while
    content is on its way can only be a refusal: nothing but a reply after the end of the content gives it custody.
    What came before the handshake of TLS is forgotten; what comes along with the go-ahead is a fault of the server's.

    extensions: what the server offers now. secure: whether TLS is spoken.
    """

    __slots__ = (
        "_answers",
        "_authenticated",
        "_ended",
        "_events",
        "_framing",
        "_name",
        "_origin",
        "_outstanding",
        "_pending",
        "_replies",
        "_send",
        "_state",
        "_terms",
        "_transaction",
        "_unasked",
        "_unfinished",
        "_verdicts",
        "_why",
        "extensions",
        "replies_count",
        "secure",
    )

    def __init__(self, terms: ClientTerms) -> None:
        self.replies_count = 0
        self.extensions = NOTHING
        self.secure = False
        self._terms = terms
        self._name = terms.name
        self._replies = Replies()
        self._send: list[bytes] = []
        self._events: deque[Event] = deque()
        self._state = State.HELLO
        self._outstanding: deque[tuple[Asked, int]] = deque([(Asked.BANNER, 0)])
        self._pending: deque[tuple[Asked, int]] = deque()  # commands of the transaction, not yet said
        self._answers: deque[bytes] = deque()  # to challenges of AUTH
        self._authenticated = terms.credentials is None
        self._origin: Attributes = ()  # what XCLIENT last said
        self._transaction: Transaction | None = None
        self._verdicts: list[Verdict | None] = []
        self._framing: Framing = Stuffing()
        self._unfinished = False  # the server has a transaction that it must be told to drop
        self._unasked = False  # what is held of its replies came too early
        self._ended = False
        self._why: Verdict | None = None  # what ended the conversation, once QUIT was said

    @property
    def closed(self) -> bool:
        """Whether the conversation is over; events may be left."""
        return self._state is State.CLOSED

    @property
    def ready(self) -> bool:
        """Whether a transaction may begin."""
        return self._state is State.READY

    @property
    def waits(self) -> bool:
        """Whether the server has to say something before there can be an order: neither ready nor closed."""
        return self._state not in AT_REST

    @property
    def stage(self) -> Stage:
        """What is waited for, as the logs number it."""
        if self._state is State.SENDING:
            return Stage.SENDING_BODY
        if self._state is State.SECURING:
            return Stage.HANDSHAKING_TLS
        return self._outstanding[0][0].stage if self._outstanding else Stage.IDLE

    # ---- orders

    def secured(self) -> None:
        """TLS is spoken from now on: all that is known of the server is asked anew (RFC 3207 section 4.2)."""
        assert self._state is State.SECURING
        self.secure = True
        self.extensions = NOTHING
        self._state = State.HELLO
        self._hello()

    def begin(self, transaction: Transaction) -> None:
        """Make *transaction*. It may be concluded without a word to the server, when that could only refuse."""
        assert self._state is State.READY
        assert transaction.forward_paths
        self._transaction = transaction
        self._verdicts = [None] * len(transaction.forward_paths)
        self._state = State.COMMANDS
        name, said = transaction.name or self._terms.name, self._name
        self._name = name
        if self._tells(transaction):
            self._ask(Asked.XCLIENT, f"{xclient_line(transaction.origin, self.extensions)}\r\n".encode("ascii"))
        elif name != said:
            self._hello()
        else:
            self._offer(transaction)

    def content(self, octets: bytes) -> None:
        """The next part of the content, cut anywhere; with CRLF line ends, unless it was declared binary."""
        assert self._state in (State.SENDING, State.CLOSED)
        if self._state is State.SENDING:
            self._send.append(self._framing.part(octets))

    def end_content(self) -> None:
        """That was all of it."""
        assert self._state in (State.SENDING, State.CLOSED)
        if self._state is not State.SENDING:
            return
        self._state = State.CONFIRMING
        end = self._framing.end()
        if not self._terms.lmtp:
            self._ask(Asked.CONTENT, end)
            return
        for place, verdict in enumerate(self._verdicts):  # RFC 2033 section 4.2: a reply for each
            if verdict is None:
                self._ask(Asked.CONTENT_OF_ONE, end, place)
                end = b""

    def quit(self) -> None:
        """There is nothing more to send."""
        assert self._state is State.READY
        self._quit(Verdict(DONE, Stage.IDLE))

    def silent(self) -> None:
        """The shell has waited long enough for what is due now."""
        assert self._state is not State.SECURING
        if self._outstanding:
            self.abandon(self._outstanding[0][0].value.unanswered)
        else:
            self.abandon(Asked.CONTENT.value.unsent)

    def fail_to_send(self) -> None:
        """What was to be sent cannot be, and nothing came that would say why."""
        if self._state is not State.CLOSED:
            asked = self._outstanding[-1][0] if self._outstanding else Asked.CONTENT
            self._leave(asked.value.unsent)

    def abandon(self, reply: Reply) -> None:
        """End the conversation from outside for a reason of ours. Content that was not ended is not taken."""
        if self._state is not State.CLOSED:
            self._end(reply, self.stage)

    # ---- octets and events

    def receive(self, octets: bytes) -> None:
        """Take what the server sent; empty *octets*: there will be no more."""
        assert not self._ended
        assert self._state is not State.SECURING
        if octets:
            self._replies.receive(octets)
        else:
            self._ended = True

    def next_event(self) -> Event | None:
        """What came of the replies so far, or None when more octets are needed or the conversation is over."""
        while not self._events and self._state not in DEAF:
            reply = self._replies.next()
            if isinstance(reply, Reply):
                self.replies_count += 1
                self._take(reply)
            elif reply is not None:
                self._fail(reply)
            elif self._ended:
                self._leave(LEFT)
            else:
                return None
        return self._events.popleft() if self._events else None

    def octets_to_send(self) -> bytes:
        """Everything to be sent to the server since the last time."""
        octets = b"".join(self._send)
        self._send.clear()
        return octets

    # ---- what the server says

    def _take(self, reply: Reply) -> None:
        if self._unasked or not self._outstanding:
            self._take_unasked(reply)
            return
        asked, place = self._outstanding[0]
        if asked is Asked.AUTH:
            reply = self._without_secrets(reply)
        if reply.code == 421 and asked is not Asked.QUIT:
            self._leave(reply)
            return
        step = asked.steps.get(reply.code // 100)
        if step is None:
            self._fail(Fault.OUT_OF_PLACE)
            return
        self._outstanding.popleft()
        match step:  # those of every transaction first
            case Step.RECIPIENT_TAKEN:
                self._go_on()
            case Step.SENDER_TAKEN:
                self._unfinished = True
                self._go_on()
            case Step.CONTENT:
                self._want_content(Stuffing())
            case Step.DECIDED:
                self._unfinished = self._unfinished and asked is not Asked.CONTENT
                self._decide(Verdict(reply, asked.stage))
                self._go_on()
            case Step.HELLO:
                self._hello()
            case Step.HELLO_SIMPLY:
                self._say_hello(Asked.HELO)
            case Step.GREETED:
                self.extensions = NOTHING if asked is Asked.HELO else Extensions.of(reply.lines[1:])
                self._unfinished = False  # section 4.1.4: as after RSET
                self._greeted()
            case Step.SECURE:
                self._secure()
            case Step.STAY_CLEAR:
                self._stay_clear()
            case Step.RESPOND:
                self._respond()
            case Step.AUTHENTICATED:
                self._authenticated = True
                self._greeted()
            case Step.NOT_AUTHENTICATED:  # the operator's fault, not the message's: whatever the code, it may wait
                self._quit(Verdict(Reply(454, "4.7.0", (f"[internal] AUTH refused: {reply}",)), asked.stage))
            case Step.TOLD:
                self._tell_no_more()
                self._hello()
            case Step.UNTOLD:
                self._untold(Verdict(reply, asked.stage))
            case Step.GO_ON:
                self._unfinished = False
                self._go_on()
            case Step.SENDER_REFUSED:
                self._decide(Verdict(reply, asked.stage))
                self._pending.clear()
                self._go_on()
            case Step.RECIPIENT_DECIDED:
                self._unfinished = self._unfinished and asked is Asked.RCPT
                self._verdicts[place] = self._verdicts[place] or Verdict(reply, asked.stage)
                self._go_on()
            case Step.END:
                self._quit(Verdict(reply, asked.stage))
            case Step.CLOSE:
                self._end(reply, asked.stage)

    def _take_unasked(self, reply: Reply) -> None:
        """A reply to nothing: the server ends the conversation, or refuses content it has not heard to its end."""
        if reply.code == 421:
            self._leave(reply)
        elif self._state is State.SENDING and reply.code >= 400 and not self._unasked:
            self._end(reply, self.stage)
        else:
            self._fail(Fault.UNASKED)

    def _fail(self, fault: Fault, stage: Stage | None = None) -> None:
        self._end(Reply(451, "4.5.0", (f"[internal] protocol error: {fault.value}",)), stage or self.stage)

    # ---- before the first transaction

    def _greeted(self) -> None:
        """What has to come before the first transaction; then that one, or the one that waits for its XCLIENT."""
        if self._transaction is not None:
            self._offer(self._transaction)
        elif (reply := self._unserved()) is not None:
            self._quit(Verdict(reply, Stage.AFTER_EHLO))
        elif self.extensions.starttls and not self.secure and self._terms.tls is not Use.NO:
            self._ask(Asked.STARTTLS, b"STARTTLS\r\n")
        elif not self._authenticated:
            assert self._terms.credentials is not None
            self._answers.extend(self._terms.credentials.exchange())
            self._respond()
        else:
            self._state = State.READY
            self._events.append(Ready(self.extensions))

    def _unserved(self) -> Reply | None:
        """What our terms require and this server does not offer; what TLS may still change is not looked at yet."""
        terms, extensions = self._terms, self.extensions
        if terms.tls is not Use.NO and not self.secure:
            if extensions.starttls:
                return None
            if terms.tls is Use.REQUIRED:
                return NO_TLS
        if terms.credentials is not None and not self._authenticated:
            if not (self.secure or terms.credentials.in_clear):
                return IN_CLEAR
            if terms.credentials.mechanism not in extensions.mechanisms:
                text = f"[internal] AUTH {terms.credentials.mechanism} is not offered"
                return Reply(454, "4.7.0", (text,))
        if terms.xclient is Use.REQUIRED and not extensions.xclient:
            return NO_XCLIENT
        return None

    def _secure(self) -> None:
        if self._replies.exhausted:
            self._state = State.SECURING
            self._events.append(TlsWanted())
        else:  # RFC 3207 section 6: somebody else may have put it there, to be taken for what TLS protects
            self._fail(Fault.UNASKED, Stage.AFTER_STARTTLS)

    def _stay_clear(self) -> None:
        terms = self._terms
        if terms.tls is Use.REQUIRED or not terms.clear_after_refusal:
            self._quit(Verdict(NO_GO_AHEAD, Stage.DURING_STARTTLS))
            return
        self.extensions = replace(self.extensions, starttls=False)
        self._greeted()

    def _respond(self) -> None:
        if self._answers:
            self._ask(Asked.AUTH, self._answers.popleft())
        else:
            self._outstanding.append((Asked.AUTH, 0))
            self._fail(Fault.OUT_OF_PLACE)

    def _without_secrets(self, reply: Reply) -> Reply:
        assert self._terms.credentials is not None
        return replace(reply, lines=tuple(map(self._terms.credentials.masked, reply.lines)))

    def _tells(self, transaction: Transaction) -> bool:
        """Whether the server is to be told that another client has handed this one in."""
        wanted = self._terms.xclient is not Use.NO and transaction.origin != self._origin
        return wanted and bool(self.extensions.xclient)

    def _tell_no_more(self) -> None:
        assert self._transaction is not None
        self._origin = self._transaction.origin

    def _untold(self, verdict: Verdict) -> None:
        assert self._transaction is not None
        if self._terms.xclient is Use.REQUIRED:
            self._decide(Verdict(Reply(451, "4.7.6", (f"[internal] XCLIENT refused: {verdict.reply}",)), verdict.stage))
            self._go_on()
        else:
            self._tell_no_more()
            self._offer(self._transaction)

    # ---- what is said to it

    def _hello(self) -> None:
        terms = self._terms
        self._say_hello(Asked.LHLO if terms.lmtp else Asked.EHLO if terms.extended else Asked.HELO)

    def _say_hello(self, asked: Asked) -> None:
        self._ask(asked, f"{asked.name} {self._name}\r\n".encode("ascii", "replace"))

    def _quit(self, why: Verdict) -> None:
        """Part as section 4.1.1.10 wants it, also from a server that wants no mail of ours."""
        self._why = why
        self._state = State.QUITTING
        self._ask(Asked.QUIT, b"QUIT\r\n")

    def _offer(self, transaction: Transaction) -> None:
        """Begin the commands of *transaction*, as far as they are not in vain."""
        extensions = self.extensions
        if (reply := refusal(transaction, extensions, self._terms)) is not None:
            self._decide(Verdict(reply, Stage.IDLE))
        for place, path in enumerate(transaction.forward_paths):
            if self._verdicts[place] is None and (reply := refusal_of_path(path, extensions)) is not None:
                self._verdicts[place] = Verdict(reply, Stage.IDLE)
        if None in self._verdicts:
            if self._unfinished:
                self._pending.append((Asked.RSET, 0))
            self._pending.append((Asked.MAIL, 0))
            self._pending.extend((Asked.RCPT, place) for place, verdict in enumerate(self._verdicts) if verdict is None)
            self._pending.append((Asked.DATA, 0))
        self._go_on()

    def _go_on(self) -> None:
        """Say what may be said now; conclude the transaction when that is all and all was answered."""
        if self._pending:
            self._say_more()
        if self._outstanding or self._pending:
            return
        if self._state in (State.COMMANDS, State.CONFIRMING):
            self._conclude()
            self._state = State.READY

    def _say_more(self) -> None:
        """The commands of the transaction that may be said before others are answered."""
        window = GROUP_COMMANDS_MAX if self.extensions.pipelining else 1
        pending, outstanding = self._pending, self._outstanding
        while pending and len(outstanding) < window:
            asked, place = pending[0]
            if asked is not Asked.DATA:
                pending.popleft()
                self._ask(asked, self._command(asked, place), place)
                continue
            if self.extensions.chunking and outstanding and None in self._verdicts:
                return  # content goes at once with BDAT: not before somebody is to have it
            pending.popleft()
            if None in self._verdicts:
                self._ask_for_content()

    def _command(self, asked: Asked, place: int) -> bytes:
        transaction = self._transaction
        assert transaction is not None
        match asked:
            case Asked.MAIL:
                line = mail_line(transaction, self.extensions, self._terms)
            case Asked.RCPT:
                line = rcpt_line(transaction, place, self.extensions)
            case _:
                line = asked.name
        return f"{line}\r\n".encode()

    def _ask(self, asked: Asked, octets: bytes, place: int = 0) -> None:
        if not self._outstanding and not self._replies.drained:
            self._unasked = True
        self._send.append(octets)
        self._outstanding.append((asked, place))

    # ---- content

    def _ask_for_content(self) -> None:
        """By DATA, or by BDAT, to which the content belongs."""
        assert self._transaction is not None
        if self.extensions.chunking:
            octets = self._transaction.octets
            self._send.append(b"BDAT %d LAST\r\n" % octets)
            self._want_content(Chunk(octets))
        else:
            self._ask(Asked.DATA, b"DATA\r\n")

    def _want_content(self, framing: Framing) -> None:
        self._framing = framing
        self._state = State.SENDING
        if None in self._verdicts:
            self._events.append(CONTENT_WANTED)
        elif self._terms.lmtp:  # nobody to send it to, so no reply to wait for (RFC 2033 section 4.2): no way on
            self._fail(Fault.OUT_OF_PLACE)
        else:  # no content at all, and the server drops it (RFC 2920 section 3.1)
            self.end_content()

    # ---- verdicts

    def _decide(self, verdict: Verdict) -> None:
        """*verdict* holds for every forward-path that has none."""
        self._verdicts = [known or verdict for known in self._verdicts]

    def _conclude(self) -> None:
        if self._transaction is not None:
            verdicts = tuple(filter(None, self._verdicts))
            assert len(verdicts) == len(self._transaction.forward_paths)
            self._transaction = None
            self._events.append(Concluded(verdicts))

    def _leave(self, reply: Reply) -> None:
        """The server ends the conversation."""
        stage = self.stage
        self._end(reply, stage, left=self._why is None and stage is not Stage.READING_CONFIRMATION)

    def _end(self, reply: Reply, stage: Stage, *, left: bool = False) -> None:
        """The conversation is over; what has no verdict yet has this one."""
        verdict = self._why or Verdict(reply, stage)
        self._decide(verdict)
        self._conclude()
        self._events.append(Ended(verdict, left))
        self._outstanding.clear()
        self._pending.clear()
        self._send.clear()
        self._state = State.CLOSED
