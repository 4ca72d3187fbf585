"""``ec_sim console``: what is done by hand happens again when it is saved; what is looked at changes nothing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from small_scenario import SCENARIO, mails, swarm, with_faults

from sim.draw import draw
from sim.evidence import Result, Verdict
from sim.hand.line import Misunderstood, faults, mail, verb_in
from sim.hand.played import instant, lasting
from sim.hand.session import VERBS, Session
from sim.run import run
from sim.scenario import NAME_FAULTS, SPLITS, Fault, FaultKind, Scenario
from sim.scenario_options import FAULTS
from sim.scenario_text import read
from sim.surroundings import HASH_SEED, SETTLED

ROOT = Path(__file__).parents[2]
SEED = 4
NEEDS_MORE = SPLITS | {FaultKind.BIT_ROT, FaultKind.RESET}  # than there is, to strike
QUIET = replace(SCENARIO, mails=mails(12, every_seconds=0.5) + mails(4, "sink"), duration_seconds=10.0)
BROKEN = with_faults(Fault(FaultKind.POWER, 3.0, ("mx",), 2.0), Fault(FaultKind.HOLD, 4.0, ("client", "mx"), 3.0))


class Played:
    """A session with these lines, carried through. told: all it said; kept: what it saved."""

    def __init__(self, scenario: Scenario, *lines: str, seed: int = SEED) -> None:
        self.told: list[str] = []
        self.kept: dict[str, Scenario] = {}
        self._lines: Iterator[str] = iter(lines)
        self.session = Session(scenario, seed, self._ask, self.told.append, self._keep)
        self.session.run()

    def _ask(self, prompt: str) -> str | None:
        line = next(self._lines, None)
        self.told.append(f"{prompt}{line}")
        return line

    def _keep(self, scenario: Scenario, name: str, result: Result | None) -> None:
        self.kept[name] = scenario

    @property
    def result(self) -> Result:
        assert self.session.result is not None
        return self.session.result

    def answer(self, line: str) -> list[str]:
        """What was said to it."""
        (at,) = [number for number, told in enumerate(self.told) if PROMPT.sub(r"\1", told) == line and told != line]
        rest = self.told[at + 1 :]
        return rest[: next((number for number, told in enumerate(rest) if re.match(r"[0-9.]+ s.*> ", told)), None)]


def happens_again(played: Played, name: str = "a.sim", seed: int = SEED) -> Result:
    """The saved scenario, run: it went as the session did."""
    again = run(played.kept[name], seed, keep_evidence=True)
    assert again.verdict is played.result.verdict
    assert again.violations == played.result.violations
    assert again.digest == played.result.digest
    return again


def test_a_session_that_only_looks_is_the_run_itself() -> None:
    looks = ("where", "trace", "mail", "mail mx-3", "disk mx", "disk sink /var", "step 7", "run until told", "help")
    played = Played(BROKEN, *looks, "run to 3.5", *looks, "run until mend within 9s", "run to 30", "judge")
    assert played.result.scenario.duration_seconds == 30.0
    assert played.result.digest == run(BROKEN, SEED).digest
    assert played.result.verdict is Verdict.HELD


def test_partition_send_look_heal_judge_save() -> None:
    played = Played(
        QUIET,
        "run to 2",
        "partition client mx for 4s",
        "send client mx:25 ann@example.com bob@example.com octets 20kB",
        "where",
        "heal mx",
        "run 5",
        "mail hand-1",
        "judge",
        "save a.sim",
    )
    assert played.answer("partition client mx for 4s") == ["  client and mx cannot reach each other, until 6.000 s"]
    (silence,) = played.answer("send client mx:25 ann@example.com bob@example.com octets 20kB")
    assert "no answer yet" in silence
    assert "  since 2.000 s: client and mx cannot reach each other, until 6.000 s" not in played.answer("where")
    assert any(line.startswith("  mx (ecelerity): up (mx#1), ") for line in played.answer("where"))
    assert played.told.count("there is nothing to heal.") == 1  # it was over after 4 s; the mail took 5
    assert "  at its end for 2 of 2 recipients" in played.answer("mail hand-1")
    assert played.result.verdict is Verdict.HELD
    again = happens_again(played)
    assert again.evidence is not None
    assert again.marks["fault.partition"] == 1
    assert sum(attempt.mail.name == "hand-1" for attempt in again.evidence.attempts) >= 1
    assert {each.forward_path for each in again.evidence.arrived if b"hand-1@sim" in each.octets} == {
        "ann@example.com",
        "bob@example.com",
    }


AMOUNTS = {
    FaultKind.POWER_AT_STEP: "7",
    FaultKind.SLOW_CPU: "20ms",
    FaultKind.CLOCK_STEP: "-30s",
    FaultKind.DISK_FULL: "1kB",
    FaultKind.DISK_ERROR: "50%",
    FaultKind.SYNC_ERROR: "50%",
    FaultKind.DISK_SLOW: "100ms",
    FaultKind.DESCRIPTORS: "3",
    FaultKind.SLOW_LINK: "200ms",
    FaultKind.DNS_SLOW: "2s",
    FaultKind.DNS_LOST: "50%",
}


def typed(kind: FaultKind, lasting: str = "") -> str:
    """That kind, as it is typed."""
    targets = "client mx" if "OTHER" in VERBS[kind.value].usage else "names" if kind in NAME_FAULTS else "mx"
    return " ".join(filter(None, (kind.value, targets, AMOUNTS.get(kind, ""), lasting)))


@pytest.mark.parametrize("kind", [kind for kind, form in FAULTS.items() if not form.has_text])
def test_every_fault_by_hand_happens_again(kind: FaultKind) -> None:
    ends = "for 1500ms" if "for TIME" in VERBS[kind.value].usage else ""
    played = Played(
        QUIET,
        "run 1.6",
        typed(kind, ends),
        "step 3",
        typed(kind),
        "run 2",
        typed(kind),
        "run 1",
        "heal",
        "judge",
        "save a.sim",
    )
    assert not [line for line in played.told if line.startswith("there is no ")]
    assert played.result.marks.get(f"fault.{kind.value}", 0) >= 1 or kind in NEEDS_MORE
    happens_again(played)


def test_what_is_drawn_and_what_is_done_by_hand_are_saved_together() -> None:
    drawn = replace(swarm(count=(6, 8)), duration_seconds=20.0)
    lines = ("run to 6", "kill sink", "send client sink:25 ann@example.com", "mx> summary", "run 4", "heal", "judge")
    played = Played(drawn, *lines, "save a.sim", seed=7)
    happens_again(played, seed=7)
    assert len(played.kept["a.sim"].faults) > 2


def test_saved_before_it_is_judged_all_that_is_to_come_still_comes() -> None:
    played = Played(BROKEN, "run to 3.5", "kill sink", "heal power", "run to 4.5", "save a.sim", "run to 30", "judge")
    assert played.kept["a.sim"].duration_seconds == BROKEN.duration_seconds
    assert {fault.kind.value for fault in played.kept["a.sim"].faults} == {"power", "kill", "hold"}
    assert run(played.kept["a.sim"], SEED).digest == played.result.digest


def test_the_console_of_a_node() -> None:
    talk = ("mx> config show nonsense nonsense", "console mx", "summary", "help", ".", "client> summary")
    played = Played(QUIET, "run 1", *talk, "kill mx", "mx> version", "heal", "judge", "save a.sim")
    assert played.answer("summary")[0] == "  Summary Statistics"
    assert played.answer("client> summary") == ["'client' is a client: it runs no ecelerity."]
    assert played.answer("mx> version") == ["  mx does not run: nobody answers."]
    said = [fault.text for fault in played.kept["a.sim"].faults if fault.kind is FaultKind.CONSOLE]
    assert said == ["config show nonsense nonsense", "summary", "help", "version"]
    happens_again(played)


NONSENSE = (
    ("partitoin client mx", "there is no command 'partitoin' (did you mean partition?)."),
    ("fly", "help lists them"),
    ("s", "which?"),
    ("kill", "which host?"),
    ("kill mz", "no host 'mz'"),
    ("kill mx for ever", "expected a duration"),
    ("partition mx", "two hosts"),
    ("partition mx mx", "two hosts"),
    ("clock_step mx 3s for 4s", "no duration"),
    ("disk_error mx", "share"),
    ("bit_rot sink", "runs no ecelerity"),
    ("heal nobody", "there is no host 'nobody'"),
    ("heal", "there is nothing to heal"),
    ("run", "run TIME"),
    ("run to 0.5", "already"),
    ("run -1", "duration"),
    ("run until", "run TIME"),
    ("step 0", "no number"),
    ("trace x", "no number"),
    ("send client mx:25", "send FROM"),
    ("send mx mx:25 ann@example.com", "runs no client"),
    ("send 10.9.9.9 mx:25 ann@example.com", "no client has the address"),
    ("send client mx:99999 ann@example.com", "expected a host"),
    ("send client mx ann", "no forward-path"),
    ("send client mx ann@example.com octets many", "a size"),
    ("console", "console HOST"),
    ("mail nobody", "there is no mail 'nobody'"),
    ("disk mx /nowhere", "No such file"),
    ("where else", "where"),
    ("save here", "save FILE.sim"),
    ("x" * 20_000, "at most"),
)


def test_what_is_misunderstood_leaves_the_world_as_it_is() -> None:
    played = Played(QUIET, "run 1", *(line for line, _ in NONSENSE), "", "# a comment", "run to 10", "judge")
    assert played.result.digest == run(QUIET, SEED).digest
    for line, said in NONSENSE:
        (answer,) = played.answer(line)
        assert said in answer, (line, answer)
    prompts = {told.partition(">")[0] for told in played.told if re.match(r"[0-9.]+ s> ", told)}
    assert prompts == {"0.000 s", "1.000 s", "10.000 s", f"{played.result.seconds - 2.0:.3f} s"}


def test_a_run_that_is_over_is_still_looked_at() -> None:
    played = Played(QUIET, "run 2", "judge", "step", "trace 1", "mail", "kill mx", "save a.sim", "quit", "where")
    assert played.answer("step") == ["the run is over: save, trace, mail, disk, quit."]
    assert played.answer("kill mx") == played.answer("step")
    assert " scheduler fingerprint=" in played.answer("trace 1")[0]
    assert played.session.over
    assert not any(told.endswith("where") for told in played.told)


@pytest.mark.parametrize("lines", [["quit"], ["run 2", "kill mx", "quit"], ["run 2"], [], ["step 40", "freeze mx"]])
def test_who_leaves_before_the_end_leaves_no_judgement(lines: list[str]) -> None:
    played = Played(QUIET, *lines)
    assert played.session.over
    assert played.session.result is None


def test_what_goes_wrong_while_it_stands_still_ends_the_session() -> None:
    def tell(text: str) -> None:
        if text.startswith("  mx (ecelerity)"):
            raise BrokenPipeError

    lines = iter(["step 5", "where", "run 2"])
    session = Session(QUIET, SEED, lambda _: next(lines), tell, lambda *_: None)
    with pytest.raises(BrokenPipeError):
        session.run()
    assert next(lines) == "run 2"


def test_somebody_may_interrupt() -> None:
    asked: list[str] = []

    def ask(prompt: str) -> str | None:
        asked.append(prompt)
        session.interrupt()
        return "run 1000" if len(asked) < 4 else None

    session = Session(QUIET, SEED, ask, lambda _: None, lambda *_: None)
    session.run()
    assert len(asked) == 4
    assert asked[-1] == "1.000 s> "


def test_words_are_completed() -> None:
    session = Session(QUIET, SEED, lambda _: None, lambda _: None, lambda *_: None)
    session.run()
    assert session.candidates("pa") == ["partition", "pause"]
    assert session.candidates("partition cl") == ["client"]
    assert "mx>" in session.candidates("m")
    assert session.candidates("help disk_e") == ["disk_error"]
    assert "mx" in session.candidates("kill ")


def test_lines_are_read_as_values() -> None:
    assert verb_in("part", VERBS) == "partition"
    assert faults(FaultKind.KILL, ["mx", "sink", "for", "2"], QUIET) == [
        Fault(FaultKind.KILL, 0.0, (name,), 2.0) for name in ("mx", "sink")
    ]
    sent = mail(["10.0.0.7", "10.0.0.25", "a@b.example"], QUIET, "x")
    assert (sent.source, sent.source_address, sent.target, sent.port) == ("client", "10.0.0.7", "10.0.0.25", 25)
    assert sent.session not in {each.session for each in QUIET.mails}
    with pytest.raises(Misunderstood):
        faults(FaultKind.SLOW_LINK, ["client", "mx"], QUIET)


def test_instants_are_whole_microseconds_and_durations_reach_them() -> None:
    assert instant(10.0) == 10.0
    assert instant(10.0000004) == 10.000001
    for at, until in ((6.5, 41.500001), (0.1, 0.3), (1.000001, 1234.567891), (0.7, 2.1)):
        assert at + lasting(at, until) == until


# -- as it is used

CONFIG = """
Hostname = "mx.example.com"
Relay_Domains = ( "example.com" )
Domain "example.com" { Delivery_Method = BLACKHOLE }
ESMTP_Listener { Listen ":25" {} }
"""
LOST = """
Simulation {
  duration = "10s"
  Host "client" { program = "client" addresses = "10.0.0.7" }
  Host "mx" { addresses = "10.0.0.25" config = "mx.conf" }
}
"""


def ec_sim(folder: Path, said: str, *arguments: str, hash_seed: str = "") -> tuple[int, str]:
    """``ec_sim`` in a process of its own, with *said* on its stdin."""
    environment = {name: value for name, value in os.environ.items() if name not in (SETTLED, HASH_SEED)}
    environment |= {"PYTHONPATH": str(ROOT), **({HASH_SEED: hash_seed, SETTLED: hash_seed} if hash_seed else {})}
    command = [sys.executable, "-m", "sim", *arguments, *(("--hash-seed", hash_seed) if hash_seed else ())]
    process = subprocess.run(
        command, cwd=folder, env=environment, input=said, capture_output=True, text=True, check=False
    )
    return process.returncode, process.stdout + process.stderr


def test_what_breaks_by_hand_is_saved_and_replayed(tmp_path: Path) -> None:
    (tmp_path / "mx.conf").write_text(CONFIG)
    (tmp_path / "lost.sim").write_text(LOST)
    said = "run 1\nsend client mx alice@example.com\njudge\nsave lost.sim\nsave out/a.sim\nsave out/a.sim\n"
    status, told = ec_sim(tmp_path, said, "console", "lost.sim", "--seed", "9")
    assert status == Verdict.BROKEN.value, told
    assert "  drained at " in told
    assert "there is a lost.sim already." in told
    assert (tmp_path / "lost.sim").read_text() == LOST
    saved = read(str(tmp_path / "out/a.sim"))
    assert (saved.seed, [mail.name for mail in saved.mails]) == (9, ["hand-1"])
    status, told = ec_sim(tmp_path, "", "replay", "out/a.sim")
    assert status == Verdict.BROKEN.value, told
    assert "The same run as when it was saved." in told


# -- the manual

PAGE = ROOT / "docs" / "simulate_console.md"
PROMPT = re.compile(r"^[0-9.]+ s(?: \w+)?> (.*)$", re.M)


def transcript() -> tuple[list[str], str]:
    """The arguments of the manual's session, and all of it."""
    (block,) = re.findall(r"```\n\$ ec_sim (console [^\n]*)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    return block[0].split(), block[1]


def shape(text: str) -> str:
    """*text* without what any change of the product changes: digests, identifiers, times, sizes, numbers of events."""
    text = re.sub(r"\b[0-9a-f]{32}\b|OK [-0-9A-F/]+|[0-9]+\.P[0-9A-Za-z]+\.mx", "?", text)
    return re.sub(r"[0-9]+ events?\b|[0-9]+ octets|^ +[0-9]+ /|[0-9]+\.[0-9]{3,}", "?", text, flags=re.M)


def test_the_manuals_session_is_what_is_said_whatever_the_hash_seed(tmp_path: Path) -> None:
    (_, file, *rest), text = transcript()
    lines = PROMPT.findall(text)
    told = []
    for hash_seed in ("1", "2"):
        (tmp_path / hash_seed).mkdir()
        arguments = ("console", str(ROOT / file), *rest)
        told.append(ec_sim(tmp_path / hash_seed, "\n".join([*lines, ""]), *arguments, hash_seed=hash_seed)[1])
    assert told[0] == told[1]
    assert shape(told[0]) == shape(text)


def test_the_manual_names_every_command() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{verb}" in text for verb in VERBS if verb not in {kind.value for kind in FaultKind})


def test_the_whole_is_deterministic() -> None:
    lines = ("run 3", "power mx", "mx> summary", "run 5", "heal", "where", "mail", "trace 30", "judge")
    assert Played(draw(swarm(), 2), *lines).told == Played(draw(swarm(), 2), *lines).told
