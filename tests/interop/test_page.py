"""The page in a real browser: a Listen is suspended and enabled, mail is seen, a refusal explained, by the keyboard
too; nothing comes from elsewhere, nothing breaks the policy of the page, axe-core has no complaint.
"""

from __future__ import annotations

import json
import re
import smtplib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from browser import Visit, browser
from host import Host, running
from mail_servers import free_port
from refusals import refuse

pytestmark = pytest.mark.interop

LIFE = "5f3a9c1e0b7d4e22"
BURST, MESSAGES = 100, 50  # events in a message of the WebSocket, and messages: what 5,000 events a second are
REFUSED, REFUSED_PER_SECOND = 10_000, 5_000
FRAMES_PER_SECOND_MAX, FRAMES_MAX = 20, 20  # asked for by lists and charts; the host sends fifty messages a second
ROWS_MAX = 60
FRAMES = """
window.frames = 0;
window.began = performance.now();
const ask = window.requestAnimationFrame;
window.requestAnimationFrame = (draw) => { frames += 1; return ask.call(window, draw); };
frames;
"""
HTTP = 'HTTP_Listener { Listen "127.0.0.1:0" {} } ESMTP_Listener { Max_Refused_Recipients = 0 }'
HOSTILE = '"<img src=/x onerror=alert(1)>"@sender.example'


def expect(locator: Any) -> Any:
    """What Playwright waits for of *locator*."""
    from playwright.sync_api import expect as wait

    return wait(locator)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def host(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """After the browser, so that nothing is started where there is none."""
    with running(tmp_path_factory.mktemp("page"), port=free_port(), more=HTTP) as started:
        yield started


@pytest.fixture(scope="module")
def visit(chromium: Any, host: Host) -> Iterator[Visit]:
    found = re.search(r"HTTP_Listener\b.*:(\d+)", host.said())
    assert found
    visit = Visit(chromium, f"http://127.0.0.1:{found[1]}/", viewport={"width": 1440, "height": 900})
    visit.open()
    yield visit
    visit.context.close()


@pytest.fixture
def page(visit: Visit) -> Iterator[Any]:
    """The page as an operator left it: nothing is open, and he is nowhere in particular."""
    yield visit.page
    visit.page.keyboard.press("Escape")
    visit.page.mouse.move(700, 5)
    assert visit.complaints == []
    assert visit.violations() == []
    assert visit.asked_elsewhere == []


def send(host: Host, recipient: str, sender: str = "ann@sender.example") -> None:
    with smtplib.SMTP("127.0.0.1", host.port) as client:
        client.sendmail(sender, [recipient], f"From: {sender}\r\nSubject: seen\r\n\r\nHello\r\n")


def switched(page: Any, listen: str, act: str) -> None:
    """Turn the switch of *listen* and say yes."""
    page.locator("#listens li", has_text=listen).get_by_role("switch").click()
    ask = page.locator("#ask")
    expect(ask.get_by_role("heading")).to_contain_text(f"{act} ESMTP {listen}?")
    ask.get_by_role("button", name=act).click()
    expect(ask.get_by_role("status")).to_contain_text("The host answered")
    ask.get_by_role("button", name="Close").click()


def test_a_listen_is_suspended_and_enabled_from_the_page(page: Any, host: Host) -> None:
    port, listen = host.port, f"127.0.0.1:{host.port}"
    row = page.locator("#listens li", has_text=listen)

    switched(page, listen, "Suspend")
    expect(row).to_contain_text("suspended")
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "false")
    expect(page.locator("#verdict")).to_contain_text("No mail is taken")
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP("127.0.0.1", port)

    switched(page, listen, "Enable")
    expect(row.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    expect(page.locator("#verdict")).to_contain_text("Taking mail on 1 Listen")
    send(host, "bob@example.com")
    expect(page.locator("#messages .row", has_text="bob@example.com")).to_contain_text("delivered in")
    assert len(host.wait_for_messages("bob", 1)) == 1


def test_nothing_is_switched_before_the_operator_says_so(page: Any, host: Host) -> None:
    switch = page.locator("#listens li", has_text=str(host.port)).get_by_role("switch")
    switch.click()
    page.keyboard.press("Enter")  # the way out is what is focused
    expect(page.locator("#ask")).to_be_hidden()
    expect(switch).to_have_attribute("aria-checked", "true")
    smtplib.SMTP("127.0.0.1", host.port).close()


def test_a_message_tells_its_story(page: Any, host: Host) -> None:
    send(host, "carla@example.com")
    page.locator("#messages .row", has_text="carla@example.com").click()
    story = page.locator("#sheet .story li")
    expect(story).to_have_count(2)
    expect(story.nth(0)).to_contain_text("Received from 127.0.0.1 over ESMTP")
    expect(story.nth(1)).to_contain_text("Delivered")


def test_a_rejection_is_explained(page: Any, host: Host) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(host, "dan@elsewhere.example")
    page.locator("#rejections .row", has_text="dan@elsewhere.example").first.click()
    sheet = page.locator("#sheet")
    expect(sheet).to_contain_text("550 5.7.1 relaying denied")
    expect(sheet.locator(".explained")).to_contain_text("refused by relay")
    expect(sheet.locator(".explained")).to_contain_text("> RCPT TO:<dan@elsewhere.example>")


def test_what_mail_says_is_text(page: Any, host: Host) -> None:
    send(host, "eve@example.com", HOSTILE)
    row = page.locator("#messages .row", has_text="eve@example.com")
    expect(row).to_contain_text(HOSTILE)
    row.click()
    expect(page.locator("#sheet .facts")).to_contain_text(HOSTILE)
    assert page.locator("img").count() == 0


def test_the_cluster_is_shown_where_there_is_one(page: Any) -> None:
    panel = page.locator("#cluster")
    expect(panel).to_be_hidden()
    member = {"private_name": "#ec0-1#n1", "nodename": "<b>n1</b>", "leader": True}
    other = {"private_name": "#ec0-2#n2", "nodename": "", "leader": False}
    shared = [{"name": "inbound_cidr", "structure": "cidrtree", "keys": 2, "total": 1234}]
    seen = {"connected": True, "primary": False, "leader": "n1", "members": [member, other], "shared": shared}
    page.route("**/api/v1/cluster", lambda route: route.fulfill(json={"results": seen}))
    expect(panel.locator(".count")).to_have_text("2 members, a minority", timeout=20_000)
    expect(panel.locator(".chips li")).to_have_text(["<b>n1</b> leads", "#ec0-2#n2", "inbound_cidr 1,234"])
    page.unroute("**/api/v1/cluster")
    expect(panel).to_be_hidden(timeout=20_000)


def test_all_is_reached_by_the_keyboard(page: Any, host: Host) -> None:
    send(host, "farid@example.com")
    send(host, "grace@example.com")
    expect(page.locator("#messages .row").first).to_contain_text("grace@example.com")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("6")
    page.keyboard.press("ArrowDown")
    expect(page.locator("#messages .row:focus")).to_contain_text("farid@example.com")
    expect(page.locator("#messages .count")).to_contain_text("held")
    page.keyboard.press("Enter")
    expect(page.locator("#sheet")).to_contain_text("farid@example.com")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("grace")
    expect(page.locator("#messages .row:visible")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.keyboard.press("t")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") is None


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_no_complaint(visit: Visit, page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    assert visit.judged() == []
    page.locator("#messages .row").first.click()
    expect(page.locator("#sheet .story")).to_be_visible()
    assert visit.judged("#sheet") == []


def test_five_thousand_events_a_second_stay_bounded_and_a_loss_is_said(chromium: Any, visit: Visit) -> None:
    feed = Feed()
    other = Visit(chromium, visit.address)
    other.page.route_web_socket(re.compile("/api/v1/events$"), feed.connected)
    page = other.open()
    assert feed.cursors == ["", f"{LIFE}-6000"]
    for _ in range(MESSAGES):
        feed.tell(BURST)
        page.wait_for_timeout(20)
    expect(page.locator("figure").first).to_contain_text(f"{BURST * MESSAGES:,} in 5 min")
    expect(page.locator("#messages .count")).to_have_text(f"{BURST * MESSAGES:,}")
    assert 1 <= page.locator("#messages li").count() <= 100
    expect(page.locator("#messages .row").first).to_contain_text(f"user{feed.number}@example.com")

    feed.missing = 7
    feed.socket.close(code=1013, reason="slow")
    expect(page.locator("#notices")).to_contain_text("7 events are missing")
    assert feed.cursors[-1] == f"{LIFE}-{feed.number - 7}"
    assert other.complaints == []

    reasons = json.dumps({"ready": False, "reasons": ["the spool cannot write"]})
    page.route("**/readyz", lambda route: route.fulfill(status=503, content_type="application/json", body=reasons))
    expect(page.locator("#verdict")).to_contain_text("The spool cannot write.")
    other.context.close()


def test_a_host_that_refuses_five_thousand_a_second_is_drawn_a_few_times_a_second(
    chromium: Any, visit: Visit, host: Host
) -> None:
    """Not for each event, nor each message of the WebSocket; a slow machine draws less often yet."""
    other = Visit(chromium, visit.address)
    page = other.open()
    before = rejections(page, visit.address)
    page.evaluate(FRAMES)
    refuse(host.port, REFUSED, REFUSED_PER_SECOND)
    expect(page.locator("#rejections .count")).to_have_text(f"{before + REFUSED:,}")
    frames, seconds = page.evaluate("[frames, (performance.now() - began) / 1000]")
    assert 1 <= frames <= FRAMES_MAX + FRAMES_PER_SECOND_MAX * seconds
    assert 1 <= page.locator("#rejections .rows li").count() <= ROWS_MAX
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    expect(page.locator("#notices")).not_to_contain_text("missing")
    assert other.complaints == []
    other.context.close()


def rejections(page: Any, address: str) -> int:
    """All that the host has said so far; the page is told of them once it is open, and draws that when it can."""
    metrics = page.request.get(address + "metrics").text()
    return sum(int(float(count)) for count in re.findall(r"^momentum_rejections_total\{.*\} (\S+)$", metrics, re.M))


class Feed:
    """The host's end of ``/api/v1/events``, for what a real host would need much mail to say."""

    def __init__(self) -> None:
        self.number, self.missing, self.cursors = 10_000, 0, list[str]()

    def connected(self, socket: Any) -> None:
        self.socket = socket
        socket.on_message(self.heard)

    def heard(self, message: str) -> None:
        said = json.loads(message)
        if said["type"] != "subscribe":
            return
        self.cursors.append(said["cursor"])
        self.socket.send(json.dumps({"type": "subscribed", "cursor": said["cursor"] or f"{LIFE}-{self.number}"}))
        if self.missing:
            self.number += self.missing
            gap = {"type": "gap", "cursor": self.cursor, "time": 0, "reason": "expired", "missing": self.missing}
            self.socket.send(json.dumps({"type": "events", "cursor": self.cursor, "events": [gap]}))

    @property
    def cursor(self) -> str:
        return f"{LIFE}-{self.number}"

    def tell(self, count: int) -> None:
        """A message of *count* receptions."""
        now, events = time.time(), list[dict[str, object]]()
        for _ in range(count):
            self.number += 1
            event = {
                "type": "reception", "cursor": self.cursor, "time": now, "message_id": f"00/{self.number}",
                "batch_id": f"00/{self.number}", "connection_id": "00/0", "binding_group": "", "binding": "default",
                "reverse_path": "ann@sender.example", "forward_path": f"user{self.number}@example.com",
                "peer_address": "192.0.2.7", "octets": 1024, "protocol": "esmtp",
            }  # fmt: skip
            events.append(event)
        self.socket.send(json.dumps({"type": "events", "cursor": self.cursor, "events": events}))
