"""Programs from Debian's packages: found on PATH or unpacked in .cache/peers by ``.ci/peers``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

CACHE = Path(__file__).resolve().parents[1] / ".cache" / "peers" / "root"
FOLDERS = ("usr/lib/chromium", "usr/bin", "usr/sbin", "bin")
"""The script that starts Chromium, in usr/bin, knows an installed one only."""
LIBRARIES = (
    "usr/lib/postfix",
    "usr/lib/rspamd",
    "usr/lib/x86_64-linux-gnu",
    "usr/lib/x86_64-linux-gnu/pulseaudio",
    "usr/lib/aarch64-linux-gnu",
    "usr/lib/aarch64-linux-gnu/pulseaudio",
    "lib/x86_64-linux-gnu",
    "usr/lib",
)


def program(name: str) -> str:
    """The path of *name*. Where it is missing the test is skipped, or in CI fails."""
    unpacked = [CACHE / folder / name for folder in FOLDERS]
    for found in (*(str(path) for path in unpacked if path.exists()), shutil.which(name)):
        if found:
            return found
    reason = f"{name} is not here: run .ci/peers (needs apt-get, dpkg and the package registry)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def environment() -> dict[str, str]:
    """The environment in which unpacked programs find their libraries."""
    paths = [str(CACHE / folder) for folder in LIBRARIES if (CACHE / folder).is_dir()]
    perl = [str(CACHE / "usr/share/perl5"), *map(str, CACHE.glob("usr/lib/*/perl5/*")), os.environ.get("PERL5LIB", "")]
    return {**os.environ, "LD_LIBRARY_PATH": ":".join(paths), "PERL5LIB": ":".join(perl), "LC_ALL": "C.UTF-8"}
