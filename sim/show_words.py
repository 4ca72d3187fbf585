"""The words a run is told in, for somebody who did not see it: what each invariant says, what each fault does."""

from __future__ import annotations

from .evidence import Attempt, Struck, Told
from .scenario import PAIRS, SPLITS, FaultKind

MEANINGS = {
    "no_accepted_lost": (
        "Mail that was answered with 250 is never lost. From that answer on the server is responsible for it, "
        "whatever breaks: it must be found durably in its mailbox, or with the next server, at the end."
    ),
    "delivered_once": (
        "Mail arrives once. A second copy is permitted only when something that broke in between could have "
        "hidden the first delivery from whoever sent it again."
    ),
    "content_unchanged": "What arrives is, octet for octet, what was sent (trace header fields at its top aside).",
    "nothing_invented": "Only what a client sent arrives, and only where it was sent to.",
    "envelope_kept": (
        "What arrives says truly who sent it: its Return-Path is the sender that was given, and its first Received "
        "field names the address it came from."
    ),
    "relay_denied": (
        "The server takes mail for exactly those peers and domains that its configuration permits, as a second, "
        "independent and slow reading of that configuration says."
    ),
    "failed_set_changes_nothing": "A console command that was refused leaves the configuration exactly as it was.",
    "first_commit_wins": "A transaction is refused when what it changes was changed by somebody else meanwhile.",
    "unconfirmed_is_undone": "A commit that has to be confirmed, and is not, is taken back when its time is over.",
    "configured_as_told": (
        "What the console answered is so: what it took is made, whole and nothing else, what it refused is not. "
        "After a restart the files hold."
    ),
    "explained_as_it_is": "What config explain tells of a peer is what a session of that peer gets.",
    "welcomed": "Who connects where the configuration listens is let in, however it changes meanwhile.",
    "spool_size": "The spool on disk is never larger than twice the mail it holds and two segments.",
    "drained": (
        "When everything that broke was mended and nobody sends any more, all mail is delivered within a bounded time."
    ),
    "prompt": "While nothing is broken no attempt to deliver fails, and no mail waits.",
    "bounced_once": "Whoever sent a mail that failed hears of it once, and not if it arrived.",
    "no_bounce_of_a_bounce": "Nobody is sent a notification about a notification.",
    "reported_right": "What a notification says is so: who sent, for whom it failed, what the server answered.",
    "best_mx_first": "Mail goes to the best mail exchanger of its domain that works, to a worse one before it waits.",
    "retried_in_time": "Mail that was put off is tried again when the configuration says, not before, not much later.",
    "throttled": "No more mail is delivered than a throttle of the configuration permits, nor less, where more waits.",
    "records_agree": (
        "The records that the log is made of agree with what clients were told: what was accepted is recorded as "
        "received, what arrived as delivered, and nothing ends twice."
    ),
    "logs_agree": "Every line of the mainlog is one thing that happened, and everything that happened is a line of it.",
    "webhooks_told": "Who is told of events by a webhook hears of all that happens, in order, and of nothing twice.",
    "answered": "A client that nothing disturbs gets an answer: nobody waits in vain, or is put off, without a cause.",
    "one_message_a_key": "Mail that is sent again with its idempotency key makes no second message.",
    "protocol_kept": "Over ECStream a server says what the protocol allows, and gives all credit back.",
    "no_damage_without_cause": "The spool is damaged by nothing but a disk that failed; power loss damages nothing.",
    "evs": (
        "Members of the bus who go on together see the same views and the same messages in one order (extended virtual "
        "synchrony), whatever breaks."
    ),
    "one_owner": "A floating address has one owner in each component, when elections have had their time.",
    "gathered_once": "A cluster's manager has each line of its nodes' durable logs once, whoever crashes.",
    "broadcasts_as_told": (
        "What a cluster's manager tells of its nodes' answers is what they did, once each time they were asked."
    ),
    "seats_once": "A seat of a limit that all nodes share is granted to one node at a time.",
    "shares_agree": "Nodes of a cluster come to know the same of what they share: each one's counts, and their sum.",
    "views_right": "When all is mended, members of the bus soon see who is in their groups, and hear what is said.",
    "no_leak": "When all is done, the server has no more tasks, sockets and files open than before the first mail.",
    "paniclog_says_nothing_of_ours": "The server reports no fault of its own: no failed assertion, no traceback.",
    "deadlock": "There is always something left that can happen: here no task could run and no event was due.",
    "livelock": "Time goes on: here tasks kept running at one instant of virtual time.",
    "process_died": "The server does not end by itself.",
    "escape": "The simulated program touches nothing of the real world.",
}

FAULTS = {
    FaultKind.STOP: ("stopped", "is asked to end (SIGTERM)", "starts again"),
    FaultKind.KILL: ("killed", "is killed (SIGKILL): its process ends at once", "starts again"),
    FaultKind.POWER: ("no power", "loses power: what was not synced to disk may be gone", "has power and starts again"),
    FaultKind.POWER_AT_STEP: (
        "no power",
        "loses power in the middle of its work on the disk: what was not synced may be gone",
        "has power and starts again",
    ),
    FaultKind.PAUSE: ("paused", "is paused (SIGSTOP): the process stands still, the machine goes on", "goes on"),
    FaultKind.FREEZE: ("frozen", "freezes: the whole machine stands still", "goes on"),
    FaultKind.SLOW_CPU: ("slow CPU", "has a slow CPU: each step takes up to {amount:g} s", "has its CPU back"),
    FaultKind.CLOCK_STEP: ("clock", "has its clock jump by {amount:g} s", ""),
    FaultKind.DISK_FULL: ("disk full", "has a full disk after {amount:g} more octets", "has room on its disk again"),
    FaultKind.DISK_ERROR: (
        "disk errors",
        "has a disk that fails reads and writes (one in {share})",
        "has a good disk again",
    ),
    FaultKind.SYNC_ERROR: (
        "sync fails",
        "has a disk on which fsync fails (one in {share}) and forgets what was to be synced",
        "has a good disk again",
    ),
    FaultKind.DISK_SLOW: ("slow disk", "has a slow disk: {amount:g} s more for each job", "has a fast disk again"),
    FaultKind.READ_ONLY: ("read-only", "has a disk that can only be read", "can write to its disk again"),
    FaultKind.BIT_ROT: ("bit rot", "has one bit flipped inside a message in its spool", ""),
    FaultKind.DESCRIPTORS: ("descriptors", "can open only {amount:g} more files and sockets", "can open files again"),
    FaultKind.RESET: ("reset", "have every connection between them reset", ""),
    FaultKind.PARTITION: ("partition", "cannot reach each other", "reach each other again"),
    FaultKind.ONE_WAY: ("one-way cut", "are cut off one way: nothing passes from the first", "reach each other again"),
    FaultKind.HOLD: ("hold", "have what they send each other held back", "get what was held back"),
    FaultKind.SLOW_LINK: ("slow link", "have a slow link: {amount:g} s more each way", "have a fast link again"),
    FaultKind.DNS_SERVFAIL: ("SERVFAIL", "answers every question of DNS with SERVFAIL", "answers truly again"),
    FaultKind.DNS_SLOW: ("slow DNS", "answers questions of DNS {amount:g} s late", "answers at once again"),
    FaultKind.DNS_LOST: ("lost DNS", "leaves questions of DNS unanswered (one in {share})", "answers all again"),
    FaultKind.DNS_TRUNCATED: ("DNS over TCP", "answers questions of DNS over TCP alone", "answers over UDP again"),
    FaultKind.SPLIT: ("split", "cannot reach the other nodes, nor they them", "and the others reach each other again"),
    FaultKind.SPLIT_ONE_WAY: ("one-way split", "are not heard by the other nodes", "are heard again"),
    FaultKind.MEMBER: ("member", "has its bus member do: {text}", ""),
    FaultKind.CONSOLE: ("console", "is told on its admin console: {text}", ""),
}

SAID_MAX = 80  # characters of a line of a conversation

DOWN = frozenset({FaultKind.STOP, FaultKind.KILL, FaultKind.POWER, FaultKind.POWER_AT_STEP})
STANDING = frozenset({FaultKind.PAUSE, FaultKind.FREEZE})


def meaning(invariant: str) -> str:
    """What the invariant says."""
    return MEANINGS.get(invariant, f"The invariant «{invariant}» holds.")


def label(struck: Struck) -> str:
    """A word or two for a bar."""
    return FAULTS[struck.fault.kind][0]


def strikes(struck: Struck) -> str:
    """A sentence: what breaks."""
    fault = struck.fault
    who = _who(struck)
    share = f"{1 / fault.amount:.0f}" if fault.amount else "?"
    what = FAULTS[fault.kind][1].format(amount=fault.amount, text=_shortened(fault.text), share=share)
    return f"{who} {what}" if struck.did else f"{who} {what} (nothing was there to strike)"


def _who(struck: Struck) -> str:
    fault = struck.fault
    return " and ".join(fault.targets) if fault.kind in PAIRS | SPLITS else fault.targets[0]


def _shortened(text: str) -> str:
    """A conversation in one line, with the beginnings of what is long."""
    lines = [line if len(line) <= SAID_MAX else f"{line[:SAID_MAX]}..." for line in text.split("\n")]
    return "; ".join(lines)


def mended(struck: Struck) -> str:
    """A sentence: it is mended. Empty: nothing is."""
    fault = struck.fault
    who = _who(struck)
    end = FAULTS[fault.kind][2]
    return f"{who} {end}" if end else ""


def told(attempt: Attempt) -> str:
    """A sentence: how an attempt ended, and what follows from it."""
    client, host = attempt.mail.source, attempt.target_host or attempt.mail.target
    match attempt.told:
        case Told.ACCEPTED:
            return (
                f"{host} answers {client} «{attempt.reply}»: from here on {host} is responsible for {attempt.mail.name}"
            )
        case Told.REFUSED:
            return f"{host} refuses {attempt.mail.name} for good: «{attempt.reply}»"
        case Told.DEFERRED:
            return f"{client} cannot send {attempt.mail.name} now and will try again: «{attempt.reply}»"
        case Told.UNKNOWN:
            return f"{client} has sent all of {attempt.mail.name} and gets no answer ({attempt.reply}): taken, or not?"
