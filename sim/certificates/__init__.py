"""Test certificates, and how they come onto a simulated host's disk (README.md)."""

from __future__ import annotations

from pathlib import Path

from ..disk import SimStore

HERE = Path(__file__).parent
FOLDER = "/etc/certificates"
AUTHORITY = "authority.pem"
SERVER, SERVER_KEY = "server.pem", "server.key"
CLIENT, CLIENT_KEY = "client.pem", "client.key"


def install(store: SimStore, folder: str = FOLDER) -> None:
    """Put all of them, durably, into *folder* of the disk *store*."""
    for name in (AUTHORITY, SERVER, CLIENT):
        store.put(f"{folder}/{name}", (HERE / name).read_bytes(), 0o644)
    for name in (SERVER_KEY, CLIENT_KEY):
        store.put(f"{folder}/{name}", (HERE / name).read_bytes(), 0o600)
