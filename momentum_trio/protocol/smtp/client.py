"""The client's side of an SMTP conversation, without I/O (RFC 5321; RFC 2920 for PIPELINING)."""

from __future__ import annotations

from collections import deque
from typing import Final

from momentum_trio.mail.reply import Reply
from momentum_trio.mail.stage import Stage
from momentum_trio.protocol.smtp.client_content import Stuffing
from momentum_trio.protocol.smtp.client_event import (
    ClientTerms,
    Concluded,
    ContentWanted,
    Ended,
    Event,
    Ready,
    Transaction,
    Verdict,
)
from momentum_trio.protocol.smtp.client_extensions import Extensions
from momentum_trio.protocol.smtp.client_reply import Fault, Replies
from momentum_trio.protocol.smtp.client_steps import GROUP_COMMANDS_MAX, Asked, State, Step

PATH_OCTETS_MAX: Final = 1000
"""Longest path that goes into a command line; the grammar of RFC 5321 section 4.5.3.1.3 allows 256."""

LEFT: Final = Reply.of("451 4.4.2 [internal] connection closed by remote host")
UNREADABLE_PATH: Final = Reply.of("553 5.6.7 [internal] the address needs SMTPUTF8, which is not spoken here")
EIGHT_BIT: Final = Reply.of("554 5.6.3 [internal] the content has 8-bit octets and the server does not offer 8BITMIME")
DONE: Final = Reply.of("221 2.0.0 [internal] done")


class Client:
    """One conversation: replies and orders in, events and octets out.

        while not client.closed:
            client.receive(octets)                                   # empty: the server's octets have ended
            while (event := client.next_event()) is not None:
                match event:
                    case Ready() | Concluded(): client.begin(transaction) or client.quit()   # unless it is closed now
                    case ContentWanted(): client.content(octets) ...; client.end_content()
            send(client.octets_to_send())

    Every transaction that was begun is concluded by exactly one event, whatever happens; a conversation that ends, by
    ``Ended`` after it. Nothing the server sends raises; AssertionError means that the shell broke a promise.

    Replies are taken in order, and a reply is only good for what was asked before it came. What a server says while
    content is on its way can only be a refusal: nothing but a reply after the final dot gives it custody.
    """

    __slots__ = (
        "_ended",
        "_events",
        "_extensions",
        "_outstanding",
        "_pending",
        "_replies",
        "_send",
        "_state",
        "_stuffing",
        "_terms",
        "_transaction",
        "_unasked",
        "_unfinished",
        "_verdicts",
        "_why",
        "replies_count",
    )

    def __init__(self, terms: ClientTerms) -> None:
        self.replies_count = 0
        self._terms = terms
        self._replies = Replies()
        self._send: list[bytes] = []
        self._events: deque[Event] = deque()
        self._state = State.HELLO
        self._extensions = Extensions()
        self._outstanding: deque[tuple[Asked, int]] = deque([(Asked.BANNER, 0)])
        self._pending: deque[tuple[Asked, int]] = deque()  # commands of the transaction, not yet said
        self._transaction: Transaction | None = None
        self._verdicts: list[Verdict | None] = []
        self._stuffing = Stuffing()
        self._unfinished = False  # the server has a transaction that it must be told to drop
        self._unasked = False  # what is held of its replies came too early
        self._ended = False
        self._why: Verdict | None = None  # what ended the conversation, once QUIT was said

    @property
    def closed(self) -> bool:
        """Whether the conversation is over; events may be left."""
        return self._state is State.CLOSED

    @property
    def stage(self) -> Stage:
        """What is waited for, as the logs number it."""
        if self._state is State.SENDING:
            return Stage.SENDING_BODY
        return self._outstanding[0][0].value.stage if self._outstanding else Stage.IDLE

    # ---- orders

    def begin(self, transaction: Transaction) -> None:
        """Make *transaction*. It may be concluded without a word to the server, when that could only refuse."""
        assert self._state is State.READY
        assert transaction.forward_paths
        self._transaction = transaction
        self._verdicts = [
            None if _sendable(path) else Verdict(UNREADABLE_PATH, Stage.IDLE) for path in transaction.forward_paths
        ]
        self._state = State.COMMANDS
        if (reply := self._hopeless(transaction)) is not None:
            self._decide(Verdict(reply, Stage.IDLE))
        if None in self._verdicts:
            if self._unfinished:
                self._pending.append((Asked.RSET, 0))
            self._pending.append((Asked.MAIL, 0))
            self._pending.extend((Asked.RCPT, place) for place, verdict in enumerate(self._verdicts) if verdict is None)
            self._pending.append((Asked.DATA, 0))
        self._go_on()

    def content(self, octets: bytes) -> None:
        """The next part of the content, cut anywhere, with CRLF line ends."""
        assert self._state in (State.SENDING, State.CLOSED)
        if self._state is State.SENDING:
            self._send.append(self._stuffing.part(octets))

    def end_content(self) -> None:
        """That was all of it."""
        assert self._state in (State.SENDING, State.CLOSED)
        if self._state is State.SENDING:
            self._state = State.CONFIRMING
            self._ask(Asked.CONTENT, self._stuffing.end())

    def quit(self) -> None:
        """There is nothing more to send."""
        assert self._state is State.READY
        self._quit(Verdict(DONE, Stage.IDLE))

    def silent(self) -> None:
        """The shell has waited long enough for what is due now."""
        if not self._outstanding:
            self.fail_to_send()
            return
        words = self._outstanding[0][0].value.words
        what = words if words == "banner" else f"{words} response"
        self.abandon(Reply(451, "4.4.2", (f"[internal] no {what}",)))

    def fail_to_send(self) -> None:
        """What was to be sent cannot be, and nothing came that would say why."""
        asked = self._outstanding[-1][0] if self._outstanding else Asked.CONTENT
        self.abandon(Reply(451, "4.4.2", (f"[internal] send {asked.value.words} failed",)))

    def abandon(self, reply: Reply) -> None:
        """End the conversation from outside for a reason of ours. Content that was not ended is not taken."""
        if self._state is not State.CLOSED:
            self._end(reply, self.stage)

    # ---- octets and events

    def receive(self, octets: bytes) -> None:
        """Take what the server sent; empty *octets*: there will be no more."""
        assert not self._ended
        if octets:
            self._replies.receive(octets)
        else:
            self._ended = True

    def next_event(self) -> Event | None:
        """What came of the replies so far, or None when more octets are needed or the conversation is over."""
        while not self._events and self._state is not State.CLOSED:
            reply = self._replies.next()
            if isinstance(reply, Reply):
                self.replies_count += 1
                self._take(reply)
            elif reply is not None:
                self._fail(reply)
            elif self._ended:
                self._end(LEFT, self.stage)
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
        verdict = Verdict(reply, asked.value.stage)
        if reply.code == 421 and asked is not Asked.QUIT:
            self._end(reply, verdict.stage)
            return
        step = asked.value.steps.get(reply.code // 100)
        if step is None:
            self._fail(Fault.OUT_OF_PLACE)
            return
        self._outstanding.popleft()
        match step:
            case Step.HELLO:
                self._hello(Asked.EHLO if self._terms.extended else Asked.HELO)
            case Step.HELLO_SIMPLY:
                self._hello(Asked.HELO)
            case Step.READY:
                self._extensions = Extensions.of(reply.lines[1:]) if asked is Asked.EHLO else Extensions()
                self._state = State.READY
                self._events.append(Ready(self._extensions))
            case Step.GO_ON:
                self._unfinished = False
                self._go_on()
            case Step.SENDER_TAKEN:
                self._unfinished = True
                self._go_on()
            case Step.SENDER_REFUSED:
                self._decide(verdict)
                self._pending.clear()
                self._go_on()
            case Step.RECIPIENT_TAKEN:
                self._go_on()
            case Step.RECIPIENT_REFUSED:
                self._verdicts[place] = self._verdicts[place] or verdict
                self._go_on()
            case Step.CONTENT:
                self._content_wanted()
            case Step.DECIDED:
                self._unfinished = self._unfinished and asked is not Asked.CONTENT
                self._decide(verdict)
                self._go_on()
            case Step.END:
                self._quit(verdict)
            case Step.CLOSE:
                self._end(reply, verdict.stage)

    def _take_unasked(self, reply: Reply) -> None:
        """A reply to nothing: the server ends the conversation, or refuses content it has not heard to its end."""
        if reply.code == 421 or (self._state is State.SENDING and reply.code >= 400 and not self._unasked):
            self._end(reply, self.stage)
        else:
            self._fail(Fault.UNASKED)

    def _content_wanted(self) -> None:
        self._stuffing = Stuffing()
        self._state = State.SENDING
        if None in self._verdicts:
            self._events.append(ContentWanted())
        else:  # nobody to send it to: no content at all, and the server drops it (RFC 2920 section 3.1)
            self.end_content()

    def _fail(self, fault: Fault) -> None:
        self._end(Reply(451, "4.5.0", (f"[internal] protocol error: {fault.value}",)), self.stage)

    # ---- what is said to it

    def _hello(self, asked: Asked) -> None:
        self._ask(asked, f"{asked.name} {self._terms.name}\r\n".encode("ascii", "replace"))

    def _quit(self, why: Verdict) -> None:
        """Part as section 4.1.1.10 wants it, also from a server that wants no mail of ours."""
        self._why = why
        self._state = State.QUITTING
        self._ask(Asked.QUIT, b"QUIT\r\n")

    def _go_on(self) -> None:
        """Say what may be said now; conclude the transaction when that is all and all was answered."""
        window = GROUP_COMMANDS_MAX if self._extensions.pipelining else 1
        while self._pending and len(self._outstanding) < window:
            asked, place = self._pending.popleft()
            if asked is Asked.DATA and None not in self._verdicts:
                break
            self._ask(asked, self._command(asked, place), place)
        if not self._pending and not self._outstanding:
            self._conclude()
            self._state = State.READY

    def _command(self, asked: Asked, place: int) -> bytes:
        transaction = self._transaction
        assert transaction is not None
        match asked:
            case Asked.MAIL:
                line = f"MAIL FROM:<{transaction.reverse_path}>"
                if self._extensions.size:
                    line += f" SIZE={transaction.octets}"
                if transaction.eight_bit and self._extensions.eight_bit and self._terms.declares_eight_bit:
                    line += " BODY=8BITMIME"
            case Asked.RCPT:
                line = f"RCPT TO:<{transaction.forward_paths[place]}>"
            case _:
                line = asked.name
        return f"{line}\r\n".encode("ascii")

    def _ask(self, asked: Asked, octets: bytes, place: int = 0) -> None:
        if not self._outstanding and not self._replies.drained:
            self._unasked = True
        self._send.append(octets)
        self._outstanding.append((asked, place))

    def _hopeless(self, transaction: Transaction) -> Reply | None:
        """Why the server need not be asked about *transaction* at all, or None."""
        extensions = self._extensions
        if not _sendable(transaction.reverse_path):
            return UNREADABLE_PATH
        if 0 < extensions.size_max < transaction.octets:  # RFC 1870 section 5
            text = f"[internal] {transaction.octets} octets, and the server takes at most {extensions.size_max}"
            return Reply(552, "5.3.4", (text,))
        if transaction.eight_bit and not extensions.eight_bit and not self._terms.sends_eight_bit_anyway:
            return EIGHT_BIT
        return None

    # ---- verdicts

    def _decide(self, verdict: Verdict) -> None:
        """*verdict* holds for every forward-path that has none."""
        self._verdicts = [known or verdict for known in self._verdicts]

    def _conclude(self) -> None:
        if self._transaction is not None:
            verdicts = tuple(verdict for verdict in self._verdicts if verdict is not None)
            assert len(verdicts) == len(self._transaction.forward_paths)
            self._transaction = None
            self._events.append(Concluded(verdicts))

    def _end(self, reply: Reply, stage: Stage) -> None:
        """The conversation is over; what has no verdict yet has this one."""
        verdict = self._why or Verdict(reply, stage)
        self._decide(verdict)
        self._conclude()
        self._events.append(Ended(verdict))
        self._outstanding.clear()
        self._pending.clear()
        self._send.clear()
        self._state = State.CLOSED


def _sendable(path: str) -> bool:
    """Whether *path* can stand in a command line without SMTPUTF8 (RFC 6531)."""
    return path.isascii() and (path.isprintable() or not path) and len(path) <= PATH_OCTETS_MAX
