"""Chromium without a window, driven by Playwright: Debian's, as ``.ci/peers`` unpacks it, or an installed one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any

import pytest
from peers import environment, program

EXPECT_MS = 30_000
"""How long something may take to be seen, on a machine that has much else to do."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""Those of axe-core that a page has to keep."""
LISTENING = """
window.violations = [];
document.addEventListener("securitypolicyviolation",
    ({ violatedDirective, blockedURI }) => violations.push(`${violatedDirective} ${blockedURI}`));
"""
"""What is run in each page before its own scripts."""


@contextmanager
def browser() -> Iterator[Any]:
    """A browser for the block. Where it or its driver is missing the test is skipped, or in CI fails."""
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(str(missing))
        pytest.skip(f"{missing}: run make dev")
    expect.set_options(timeout=EXPECT_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=program("chromium-headless-shell"), env={**environment()}, args=["--disable-gpu"]
        )
        try:
            yield chromium
        finally:
            chromium.close()


class Visit:
    """A page that is looked at, and what was wrong with it so far. browser: Playwright's."""

    def __init__(self, browser: Any, address: str, **context: Any) -> None:
        self.address, self.complaints = address, list[str]()
        self.asked_elsewhere = list[str]()
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.page.add_init_script(LISTENING)
        self.page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        if not url.startswith(self.address):
            self.asked_elsewhere.append(url)

    def open(self) -> Any:
        """The page, when it is live."""
        from playwright.sync_api import expect

        self.page.goto(self.address)
        expect(self.page.locator("#link")).to_have_text("live")
        return self.page

    def violations(self) -> list[str]:
        """What the Content-Security-Policy forbade."""
        found: list[str] = self.page.evaluate("violations")
        return found

    def judged(self, part: str = "html") -> list[str]:
        """What axe-core finds wrong with a *part* of the page as it is."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(resources.files("axe_playwright_python").joinpath("axe.min.js").read_text())
        found = self.page.evaluate("([part, rules]) => axe.run(part, { runOnly: rules })", [part, RULES])
        return [
            f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]
