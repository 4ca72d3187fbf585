"""The page under 5,000 events a second: frames, keys, long tasks, the share of a core. ``tests/bench/page_frames.py``.

First the events are a mix of receptions, deliveries and rejections, put into the page's WebSocket by Playwright; what
they cost the host is not in these figures. Then a real host says them: it refuses so many recipients a second.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "interop"))

from browser import Visit, browser
from host import running
from mail_servers import free_port
from refusals import refuse
from test_page import HTTP, LIFE

SECONDS, PER_SECOND, MESSAGES_PER_SECOND = 8, 5_000, 50
KEY_EVERY = 10
"""Messages of the WebSocket."""
WATCH = """
window.frames_ms = [];
window.keys_ms = [];
window.long_ms = [];
const longer = new PerformanceObserver((list) => long_ms.push(...list.getEntries().map((task) => task.duration)));
longer.observe({ type: "longtask" });
let last = performance.now(), pressed = 0;
requestAnimationFrame(function frame(now) {
    frames_ms.push(now - last);
    if (pressed) keys_ms.push(performance.now() - pressed);
    last = now;
    pressed = 0;
    requestAnimationFrame(frame);
});
addEventListener("keydown", (event) => { pressed = event.timeStamp; }, true);
"""
"""From the event of a key to the next frame is what somebody waits for."""


def event(number: int, kind: str, now: float) -> dict[str, Any]:
    """One event of *kind* about message *number*."""
    cursor = f"{LIFE}-{number}"
    if kind == "rejection":
        return {"type": kind, "cursor": cursor, "time": now, "remote": "192.0.2.7:2525", "local": "192.0.2.1:25",
                "connection_id": "00/0", "protocol": "esmtp", "pathway": "default", "pathway_group": "default",
                "phase": "rcptto", "code": 550, "module": f"check{number % 7}", "text": "5.7.1 relaying denied",
                "connection_context": {}, "message_context": {}}  # fmt: skip
    about = {"type": kind, "cursor": cursor, "time": now, "message_id": f"00/{number // 3}", "batch_id": f"00/{number}",
             "connection_id": "00/0", "forward_path": f"user{number // 3}@example.com", "octets": 1024,
             "reverse_path": "ann@sender.example", "binding_group": "default", "binding": "default",
             "peer_address": "192.0.2.7", "protocol": "esmtp"}  # fmt: skip
    return (
        about if kind == "reception" else {**about, "age_seconds": 0.05, "retries": 0, "routing_domain": "example.com"}
    )


class Source:
    """The host's end of the WebSocket."""

    def connected(self, socket: Any) -> None:
        self.socket = socket
        socket.on_message(self.heard)

    def heard(self, message: str) -> None:
        if (said := json.loads(message))["type"] == "subscribe":
            self.socket.send(json.dumps({"type": "subscribed", "cursor": said["cursor"] or f"{LIFE}-0"}))


def part(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))] if values else 0.0


class Watched:
    """A page whose frames, keys and time of its main thread are counted."""

    def __init__(self, visit: Visit, page: Any) -> None:
        self._page, self._session = page, visit.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.evaluate(WATCH)

    def begin(self) -> None:
        """Count anew."""
        self._page.evaluate("frames_ms.length = keys_ms.length = long_ms.length = 0")
        self._began, self._busy = time.monotonic(), self._thread_seconds()

    def told(self, what: str) -> str:
        """What was counted since, in a line."""
        seconds = time.monotonic() - self._began
        share = (self._thread_seconds() - self._busy) / seconds
        frames, keys, long = map(self._page.evaluate, ("frames_ms", "keys_ms", "long_ms"))
        return (
            f"{what}: {len(frames) / seconds:.0f} frames a second, 95 % within {part(frames, 0.95):.0f} ms;"
            f" a key shows after {part(keys, 0.5):.0f} ms, 95 % within {part(keys, 0.95):.0f} ms;"
            f" main thread {share:.0%} of a core; {len(long)} tasks above 50 ms, the longest {max(long, default=0):.0f}"
        )

    def _thread_seconds(self) -> float:
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


def measured(chromium: Any, address: str) -> None:
    """Tell of a quiet page, and of the same under events."""
    source, visit = Source(), Visit(chromium, address, viewport={"width": 1440, "height": 900})
    visit.page.route_web_socket(re.compile("/api/v1/events$"), source.connected)
    page = visit.open()
    watched = Watched(visit, page)
    for per_second in (0, PER_SECOND):
        watched.begin()
        told = stream(page, source, per_second)
        print(watched.told(f"{told / SECONDS:.0f} events a second"))


def stream(page: Any, source: Source, per_second: int) -> int:
    """Send so many events a second, and press a key now and then; how many were sent."""
    kinds, numbers = itertools.cycle(("reception", "delivery", "rejection")), itertools.count(1)
    began, told, count = time.monotonic(), 0, per_second // MESSAGES_PER_SECOND
    while (passed := time.monotonic() - began) < SECONDS:
        while told < int(passed * MESSAGES_PER_SECOND):
            told += 1
            if told % KEY_EVERY == 0:
                page.keyboard.press("p")
            if count:
                events = [event(next(numbers), next(kinds), time.time()) for _ in range(count)]
                source.socket.send(json.dumps({"type": "events", "cursor": events[-1]["cursor"], "events": events}))
        page.wait_for_timeout(10)
    return told * count


def measured_of_host(chromium: Any, address: str, smtp: int) -> None:
    """Tell of a page whose host refuses PER_SECOND recipients a second."""
    visit = Visit(chromium, address, viewport={"width": 1440, "height": 900})
    page = visit.open()
    watched = Watched(visit, page)
    refusing = Thread(target=refuse, args=(smtp, SECONDS * PER_SECOND, PER_SECOND))
    watched.begin()
    began = time.monotonic()
    refusing.start()
    while refusing.is_alive():
        page.keyboard.press("p")
        page.wait_for_timeout(1000 * KEY_EVERY / MESSAGES_PER_SECOND)
    rate = SECONDS * PER_SECOND / (time.monotonic() - began)
    rows = page.locator("#rejections .rows li").count()
    print(watched.told(f"a host that refuses {rate:.0f} a second"), f"{rows} rows", sep="; ")
    visit.context.close()


if __name__ == "__main__":
    with (
        TemporaryDirectory() as folder,
        browser() as chromium,
        running(Path(folder), port=free_port(), more=HTTP) as host,
    ):
        found = re.search(r"HTTP_Listener\b.*:(\d+)", host.said())
        assert found
        measured(chromium, f"http://127.0.0.1:{found[1]}/")
        measured_of_host(chromium, f"http://127.0.0.1:{found[1]}/", host.port)
