"""A run as a page: told in words and drawn, for a small world whose records and evidence are given."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
import trio

from momentum_trio.machine import Machine
from momentum_trio.mail.record import Delivered, Received, Record, SessionBegan, SessionEnded
from sim import World
from sim.evidence import Arrived, Attempt, Evidence, Result, Struck, Told, Verdict, Violation
from sim.letter import content_of
from sim.scenario import Fault, FaultKind, HostPlan, Mail, Program, Scenario
from sim.show import page
from sim.show_picture import WIDTH, picture
from sim.show_story import MAILBOXES, Change, Story, story
from sim.show_words import FAULTS, meaning

NASTY = "</script><script>alert(1)</script>\"'<b>&"
LOAD_BEGAN = 1.0
MAIL = Mail("m1", 0.5, "client", "mx", 25, ("bob@example.com",))
OTHER = Mail("m2", 1.0, "client", "mx", 25, ("bob@example.com",))
FAULTS_STRUCK = (
    Fault(FaultKind.POWER, 2.0, ("mx",), 1.0),
    Fault(FaultKind.PARTITION, 1.5, ("client", "mx"), 20.0),
    Fault(FaultKind.PAUSE, 40.0, ("mx",), 1.0),
)
VIOLATION = Violation("no_accepted_lost", "m1 was accepted and is nowhere", 0.6, "m1", "mx")


def of_message(kind: type[Record], seconds: float, batch: str, **more: object) -> Record:
    same = {"message_id": batch, "batch_id": batch, "connection_id": "c", "forward_path": "bob@example.com"}
    return kind(seconds, **same, reverse_path="", binding_group="", binding="", **more)  # type: ignore[call-arg]


def records() -> list[tuple[float, Record]]:
    """What the server publishes, and when (virtual seconds since the load began)."""
    received = {"peer_address": "10.0.0.2", "octets": 400, "protocol": "esmtp"}
    delivered = {"routing_domain": "d", "octets": 400, "retries": 0, "age_seconds": 0.1, "peer_address": ""}
    return [
        (0.5, SessionBegan(0, "SMTP", "c", "*:25", "10.0.0.2:1")),
        (0.55, of_message(Received, 0, "A/1", **received)),
        (1.05, of_message(Received, 0, "A/2", **received)),
        (1.10, of_message(Delivered, 0, "A/2", **delivered)),
        (1.20, SessionEnded(0, "SMTP", "c", 10, 10, "quit")),
    ]


def result(
    *, violations: tuple[Violation, ...] = (VIOLATION,), mail: Mail = MAIL, reply: str = "250 2.0.0 OK A/1"
) -> Result:
    """A world in which a server publishes the records; everything else is given."""
    scenario = Scenario(
        (
            HostPlan("client", ("10.0.0.2",), Program.CLIENT),
            HostPlan("mx", ("10.0.0.1",), config="/etc/ecelerity.conf"),
            HostPlan("away", ("10.0.0.3",), Program.SINK),
        ),
        mails=(mail, OTHER),
        faults=FAULTS_STRUCK,
        source="folder/flow.sim",
    )
    world = World(1)
    mx = world.host("mx", "10.0.0.1")

    async def publish(machine: Machine) -> None:
        for seconds, record in records():
            await trio.sleep_until(LOAD_BEGAN + seconds)
            machine.events.publish(record)
        await trio.sleep_forever()

    async def drive() -> None:
        await mx.boot(publish)
        await trio.sleep(LOAD_BEGAN + 2.0)
        mx.power_loss()
        await trio.sleep(1.0)
        await mx.boot(publish)
        await trio.sleep(60)
        mx.power_loss()

    world.run(drive)
    evidence = Evidence(
        scenario,
        world,
        attempts=[
            Attempt(mail, 0.5, 0.6, Told.ACCEPTED, reply, "10.0.0.2", "mx", mail.forward_paths),
            Attempt(OTHER, 1.0, 1.1, Told.ACCEPTED, "250 2.0.0 OK A/2", "10.0.0.2", "mx", OTHER.forward_paths),
        ],
        struck=[
            Struck(FAULTS_STRUCK[0], 2.0, 3.0),
            Struck(FAULTS_STRUCK[1], 1.5),
            Struck(FAULTS_STRUCK[2], 40.0, 41.0),
        ],
        arrived=[Arrived("mx", "bob@example.com", content_of(OTHER), "/var/mail/bob/new/1")],
        load_began=LOAD_BEGAN,
    )
    verdict = Verdict.BROKEN if violations else Verdict.HELD
    kernel = world.kernel
    trace = tuple(map(str, kernel.lines))
    return Result(
        scenario, 7, verdict, violations, kernel.digest(), len(trace), (), kernel.now, 10, {}, trace, evidence
    )


@pytest.fixture(scope="module")
def ran() -> Result:
    return result()


@pytest.fixture(scope="module")
def told(ran: Result) -> Story:
    return story(ran)


class Outline(HTMLParser):
    """What elements there are, and what stands in ``script`` and ``style``."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {}
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._open.append(tag)
            self.inside.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if self._open:
            self.inside[self._open[-1]][-1] += data
        else:
            self.words.append(data)


# -- the story


def test_times_are_those_of_the_scenario(told: Story) -> None:
    said = [(round(moment.seconds, 3), moment.text) for moment in told.moments if moment.mail == "m1"]
    assert said[0] == (0.5, "client begins to send m1 to mx, for bob@example.com")
    assert said[1][0] == 0.55
    assert "into its spool" in said[1][1]
    assert said[2][0] == 0.6
    assert "from here on mx is responsible for m1" in said[2][1]


def test_a_batch_is_known_by_the_reply(told: Story) -> None:
    (delivery,) = [arrow for arrow in told.arrows if arrow.outcome == "delivered" and arrow.began < 2]
    assert (delivery.mail, delivery.target, delivery.guilty) == ("m2", "mx" + MAILBOXES, False)


def test_the_lane_of_mailboxes_is_below_its_host(told: Story) -> None:
    assert [lane.name for lane in told.lanes] == ["client", "mx", "mx" + MAILBOXES, "away"]


def test_the_window_holds_the_mail_and_what_broke_while_it_was_on_its_way(told: Story) -> None:
    first, last = told.window
    assert 0 <= first < 0.5
    assert 0.6 < last < 40
    assert told.whole[1] > 60


def test_what_lies_where_at_the_end(told: Story) -> None:
    assert told.ends == ("At the end, no durable copy of m1 anywhere.",)
    twice = Violation("delivered_once", "m2 twice", 1.1, "m2")
    (end,) = story(result(violations=(twice,))).ends
    assert end == "At the end, one durable copy of m2: for bob@example.com at mx."


def test_the_last_power_loss_is_told_apart(told: Story) -> None:
    last = [moment for moment in told.moments if "for the last time" in moment.text]
    assert [round(moment.seconds) for moment in last] == [63]


def test_the_state_of_hosts_follows_from_the_changes(told: Story) -> None:
    def state(seconds: float) -> dict[str, int]:
        found: dict[str, int] = {}
        for change in told.changes:
            if change.host == "mx" and change.seconds <= seconds:
                is_step = isinstance(change.value, int)
                found[change.key] = int(change.value) + (found.get(change.key, 0) if is_step else 0)
        return {key: value for key, value in found.items() if value}

    assert state(0.0) == {"lives": 1}
    assert state(0.7) == {"lives": 1, "spool": 1, "sessions": 1}
    assert state(1.15) == {"lives": 1, "spool": 1, "sessions": 1, "delivered": 1}
    assert state(2.5).keys() == {"spool", "delivered", "fault no power", "fault partition"}
    assert state(40.5)["fault paused"] == 1
    assert told.changes == tuple(sorted(told.changes, key=lambda change: change.seconds))
    assert isinstance(told.changes[0], Change)


def test_every_fault_and_every_invariant_has_words() -> None:
    assert set(FAULTS) == set(FaultKind)
    assert "no_such_thing" in meaning("no_such_thing")


# -- the picture


def test_bars_are_clipped_to_the_window(told: Story) -> None:
    window = (1.0, 2.5)
    svg = ET.fromstring(picture(told, window, "a run").svg)
    boxes = [element for group in svg.iter("g") for element in group.iter("rect")]
    assert len(boxes) == 2  # the pause is outside
    for box in boxes:
        assert 0 <= float(box.attrib["x"]) <= float(box.attrib["x"]) + float(box.attrib["width"]) <= WIDTH
    assert [group.attrib["class"] for group in svg.iter("g") if "bar" in group.attrib["class"]] == ["bar down"]


def test_a_partition_is_drawn_between_its_hosts(told: Story) -> None:
    svg = ET.fromstring(picture(told, told.whole, "a run").svg)
    (between,) = [group for group in svg.iter("g") if group.attrib["class"].startswith("between")]
    (box,) = between.iter("rect")
    assert float(box.attrib["height"]) == 72
    title = between.findtext("title") or ""
    assert title.startswith("1.500 s to 63.500 s: client and mx cannot reach each other")
    assert "never mended" in title


def test_the_mail_in_question_is_marked_and_on_top(told: Story) -> None:
    svg = ET.fromstring(picture(told, told.whole, "a run").svg)
    mails = [group for group in svg.iter("g") if group.attrib["class"].startswith("mail")]
    assert [("guilty" in group.attrib["class"]) for group in mails][-1] is True
    assert sum("guilty" in group.attrib["class"] for group in mails) == 1
    assert mails[-1].findtext("title") == "0.600 s m1: client to mx, accepted: 250 2.0.0 OK A/1"


# -- the page


def test_the_page_needs_nothing_from_anywhere(ran: Result) -> None:
    text = page(ran)
    outline = Outline(text)
    assert not [attrs for _, attrs in outline.tags if {"src", "href", "style", "srcset", "action"} & attrs.keys()]
    assert not [name for _, attrs in outline.tags for name in attrs if name.startswith("on")]
    assert "url(" not in text
    assert "@import" not in text
    (policy,) = [attrs["content"] for tag, attrs in outline.tags if tag == "meta" and "http-equiv" in attrs]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    (style,), (data, script) = outline.inside["style"], outline.inside["script"]
    for inline in (style, script):
        assert base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode() in policy
    assert json.loads(data)["hosts"] == ["client", "mx", "away"]


def test_the_page_says_what_must_hold_and_what_happened(ran: Result) -> None:
    words = " ".join(Outline(page(ran, {"Code": "abc"})).words)
    assert "Mail that was answered with 250 is never lost" in words
    assert "m1 was accepted and is nowhere" in words
    assert "At the end, no durable copy of m1 anywhere." in words
    assert re.search(r"mx loses power.*mx has power and starts again", words, re.S)
    assert "flow.sim, seed 7: no_accepted_lost" in words
    assert "abc" in words


def test_what_mail_and_configuration_say_is_escaped() -> None:
    mail = Mail(NASTY, 0.5, "client", "mx", 25, (NASTY,), NASTY)
    ran = result(violations=(Violation(NASTY, NASTY, 0.6, NASTY),), mail=mail, reply=f"250 {NASTY}")
    text = page(ran, {NASTY: NASTY})
    outline, plain = Outline(text), Outline(page(result()))
    assert [tag for tag, _ in outline.tags if tag == "script"] == ["script", "script"]
    assert not any(tag == "b" and attrs for tag, attrs in outline.tags)
    assert {tag for tag, _ in outline.tags} == {tag for tag, _ in plain.tags}
    assert "alert(1)" in " ".join(outline.words)
    assert any(NASTY in moment[1] for moment in json.loads(outline.inside["script"][0])["moments"])
    ET.fromstring(picture(story(ran), (0.0, 2.0), NASTY).svg)


def test_a_run_in_which_everything_held() -> None:
    ran = result(violations=())
    text = page(ran)
    assert "Every invariant held" in text
    assert "guilty" not in text.partition("<body>")[2].partition('<script type="application/json"')[0]
    assert story(ran).window == (story(ran).whole[0], 60.0)


def test_the_page_is_a_function_of_the_run() -> None:
    assert page(result()) == page(result())
