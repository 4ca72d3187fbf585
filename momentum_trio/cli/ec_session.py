"""``ec_session``: SMTP sessions against a candidate configuration, through the real engine, away from the live host.

    ec_session run -c FILE [--peer ADDRESS] [--listen ENDPOINT] SCRIPT     what a scripted client is told
    ec_session replay -c FILE RECORDING...        what recorded clients would be told, and were not then
    ec_session diff OLD.conf NEW.conf RECORDING...    what changes for them between two configurations

Nothing is bound, kept or delivered, no log is written, DNS is not asked, and nobody waits: the clock is the session's.
Exit status: 0 all expectations hold, nothing differs; 1 otherwise; 2 when a configuration, script or recording is not
good.
"""

from __future__ import annotations

import argparse
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from ipaddress import ip_address

from momentum_trio.cli.configuration import checked_tree, default_file
from momentum_trio.cli.output import UNUSABLE, for_operators
from momentum_trio.cli.session_reason import Reasons
from momentum_trio.config.tree import ConfigTree
from momentum_trio.mail.date import date_text
from momentum_trio.net.endpoint import Endpoint, Family
from momentum_trio.protocol.rehearsal.comparison import Difference, Groups, differences
from momentum_trio.protocol.rehearsal.recording import LINE_OCTETS_MAX, Recording, RecordingError, decode
from momentum_trio.protocol.rehearsal.script import SCRIPT_OCTETS_MAX, Expectation, ScriptError, Step, parse
from momentum_trio.protocol.rehearsal.turn import Turn, shown, turns
from momentum_trio.rehearsal.stage import Played, Stage, listening, rehearsed, steps_of

SAME, DIFFERS = 0, 1
LISTENER = "esmtp_listener"
CLIENT_PORT = 40_000  # of a scripted client


class Unusable(Exception):
    """What was asked for cannot be rehearsed; the text says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. arguments: in place of the command line's. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="ec_session", description="Try SMTP sessions on a configuration.")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="play a script")
    _takes_configuration(run)
    run.add_argument("--peer", metavar="ADDRESS", default="127.0.0.1", help="of the client; default: %(default)s")
    run.add_argument(
        "--listen", metavar="ENDPOINT", help="where he connects; default: the first Listen that is enabled"
    )
    run.add_argument("script", metavar="SCRIPT", help="a file; - is standard input")
    run.set_defaults(command=_run)
    replay = commands.add_parser("replay", help="play recordings, and tell what differs")
    _takes_configuration(replay)
    replay.set_defaults(command=_replay)
    diff = commands.add_parser("diff", help="play recordings under two configurations, and tell what differs")
    diff.add_argument("old", metavar="OLD.conf")
    diff.add_argument("new", metavar="NEW.conf")
    diff.set_defaults(command=_diff)
    for command in (replay, diff):
        command.add_argument("--all", action="store_true", help="also what only follows from another difference")
        command.add_argument("recordings", metavar="RECORDING", nargs="+", help="a file of recordings")
    asked = parser.parse_args(arguments)
    return for_operators("ec_session", partial(asked.command, asked), OSError, Unusable)


def _takes_configuration(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", dest="file", metavar="FILE", default=default_file(), help="default: %(default)s")


# -- run ---------------------------------------------------------------------------------------------------------------


def _run(asked: argparse.Namespace) -> int:
    tree = checked_tree(asked.file)
    steps = _script(asked.script)
    who = _stranger(tree, asked.peer, asked.listen)

    async def play() -> Played:
        return await Stage(tree).play(who, steps)

    played = rehearsed(play)
    if played.refused:
        raise Unusable(played.refused)
    for step, turn in zip(steps, played.turns, strict=True):
        _print_turn(step, turn)
    _print_taken(played)
    return _judge(asked.script, steps, played.turns)


def _script(path: str) -> tuple[Step, ...]:
    if path == "-":
        octets = sys.stdin.buffer.read(SCRIPT_OCTETS_MAX + 1)
    else:
        with open(path, "rb") as file:
            octets = file.read(SCRIPT_OCTETS_MAX + 1)
    try:
        return parse(octets)
    except ScriptError as wrong:
        raise Unusable(f"{path}:{wrong.number}: {wrong}") from None


def _stranger(tree: ConfigTree, peer: str, listen: str | None) -> Recording:
    """Who connects from *peer* now, as the head of a recording."""
    try:
        address = ip_address(peer)
        local = _first_enabled(tree) if listen is None else Endpoint.parse(listen)
    except ValueError as wrong:
        raise Unusable(str(wrong)) from None
    unix = local.family is Family.UNIX
    text = f"[{address}]:{CLIENT_PORT}" if address.version == 6 else f"{address}:{CLIENT_PORT}"
    return Recording(
        began=time.time(),
        host=socket.gethostname(),
        listen=str(local),
        peer_address="127.0.0.1" if unix else str(address),
        peer="" if unix else text,
        local=str(local),
        unix=unix,
        entries=(),
    )


def _first_enabled(tree: ConfigTree) -> Endpoint:
    for scope in tree.listens(LISTENER):
        if listening(tree, LISTENER, scope.endpoint, scope.endpoint) == scope.endpoint:
            return scope.endpoint
    raise Unusable("the configuration has no ESMTP_Listener with a Listen that is enabled")


def _print_turn(step: Step, turn: Turn) -> None:
    if step.said is not None:
        print(f"C: {turn.words}" if turn.was_said else f"   not said: {turn.words}")
    elif step.at:
        print(f"   {step.at:g} seconds of the session have passed")
    for answer in turn.answers:
        first, *others = answer.text.split("\n")
        print(f"S: {first}" + (f"    [{answer.by}]" if answer.by else ""))
        for line in others:
            print(f"S: {line}")


def _print_taken(played: Played) -> None:
    for message in played.taken:
        binding = f"{message.binding_group}/{message.binding}"
        print(f"taken: {message.octets} octets for {message.forward_path}, binding {binding}")


def _judge(name: str, steps: Sequence[Step], played: Sequence[Turn]) -> int:
    """Tell which expectations did not hold."""
    expected = [(expectation, turn) for step, turn in zip(steps, played, strict=True) for expectation in step.expected]
    failed = [(expectation, turn) for expectation, turn in expected if not _holds(expectation, turn)]
    for expectation, turn in failed:
        print(f"{name}:{expectation.number}: expected {expectation.text}: {_said_instead(turn)}")
    if expected:
        print(f"{len(expected) - len(failed)} of {len(expected)} expectations hold")
    return DIFFERS if failed else SAME


def _holds(expectation: Expectation, turn: Turn) -> bool:
    return expectation.holds(tuple(answer.text for answer in turn.answers), closed=turn.closed)


def _said_instead(turn: Turn) -> str:
    if not turn.was_said:
        return "it did not come to that"
    if not turn.answers:
        return "there was no reply"
    by = f", by {turn.answers[-1].by}" if turn.answers[-1].by else ""
    return "the reply was " + ", ".join(answer.line for answer in turn.answers) + by


# -- replay and diff ---------------------------------------------------------------------------------------------------


class Recordings:
    """The recordings of some files, by name: ``FILE:LINE``. read, unreadable: how many so far."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self.read = self.unreadable = 0

    def __iter__(self) -> Iterator[tuple[str, Recording]]:
        for path in self._paths:
            with open(path, "rb") as file:
                number = 0
                while line := file.readline(LINE_OCTETS_MAX + 2):
                    number += 1
                    try:
                        recording = decode(line.removesuffix(b"\n"))
                    except RecordingError as wrong:
                        self.unreadable += 1
                        print(f"{path}:{number}: not a recording: {shown(str(wrong))}", file=sys.stderr)
                    else:
                        self.read += 1
                        yield f"{path}:{number}", recording


def _replay(asked: argparse.Namespace) -> int:
    tree = checked_tree(asked.file)
    recordings = Recordings(asked.recordings)

    async def play() -> int:
        stage, differing = Stage(tree), 0
        for name, recording in recordings:
            played = await stage.play(recording, steps_of(recording))
            differing += _tell(name, recording, played, all_of_them=asked.all)
        return differing

    differing = rehearsed(play)
    print(f"{differing} of {recordings.read} sessions differ")
    return _status(recordings, differing)


def _tell(name: str, recording: Recording, played: Played, *, all_of_them: bool) -> bool:
    """Print what differs from *recording*; whether anything does."""
    known = len(played.turns) - recording.cut  # there may have been no room for the last replies
    found = differences(turns(recording.entries)[:known], played.turns[:known])
    if not found:
        return False
    when = date_text(int(recording.began))
    print(f"{name}: {shown(recording.peer or recording.local)}, {when}{_remark(recording)}")
    if played.refused:
        print(f"  there is no session: {played.refused}")
        return True
    for difference in _shown(found, all_of_them=all_of_them):
        print(f"  {difference.before.words}: {difference.change}")
    return True


def _remark(recording: Recording) -> str:
    return ", configured anew meanwhile" if recording.reconfigured else ""


def _shown(found: Sequence[Difference], *, all_of_them: bool) -> list[Difference]:
    return [difference for difference in found if all_of_them or not difference.is_consequence]


def _diff(asked: argparse.Namespace) -> int:
    old, new = checked_tree(asked.old), checked_tree(asked.new)
    recordings, groups, reasons = Recordings(asked.recordings), Groups(), Reasons(old, new)

    async def play() -> None:
        before, after = Stage(old), Stage(new)
        for name, recording in recordings:
            steps = steps_of(recording)
            was, now = await before.play(recording, steps), await after.play(recording, steps)
            found = _shown(differences(was.turns, now.turns), all_of_them=asked.all)
            groups.add(name, found)
            reasons.add(recording, was.turns, now.turns, found)

    rehearsed(play)
    for group in groups:
        print(f"{_sessions(group.sessions)}: {group.subject}: {group.change}")
        for line in reasons.of(group):
            print(f"    {line}")
        print(f"    {', '.join(group.examples)}{' ...' if group.sessions > len(group.examples) else ''}")
    if groups.left_out:
        print(f"and {groups.left_out} differences of other kinds")
    print(f"{groups.sessions} of {recordings.read} sessions differ")
    return _status(recordings, groups.sessions)


def _sessions(count: int) -> str:
    return f"{count} session" + ("s" if count != 1 else "")


def _status(recordings: Recordings, differing: int) -> int:
    if recordings.unreadable:
        return UNUSABLE
    return DIFFERS if differing else SAME


if __name__ == "__main__":
    sys.exit(main())
