"""The text of capabilities (cap_from_text(3)), and what it means in bits."""

from __future__ import annotations

import pytest

from momentum_trio.net.capability import NAMES, Capabilities, capabilities, names

BIND, ADMIN = 1 << NAMES.index("cap_net_bind_service"), 1 << NAMES.index("cap_net_admin")
ALL = (1 << len(NAMES)) - 1


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ("", Capabilities()),
        ("cap_net_bind_service+ep", Capabilities(BIND, BIND)),
        ("CAP_NET_BIND_SERVICE=pe", Capabilities(BIND, BIND)),
        ("cap_net_admin+ep cap_net_bind_service+ep", Capabilities(BIND | ADMIN, BIND | ADMIN)),
        ("cap_net_admin,cap_net_bind_service=p cap_net_admin+ei", Capabilities(ADMIN, BIND | ADMIN, ADMIN)),
        ("all=p", Capabilities(0, ALL)),
        ("=ep cap_net_admin-e", Capabilities(ALL & ~ADMIN, ALL)),
        ("=ep cap_net_admin-ep", Capabilities(ALL & ~ADMIN, ALL & ~ADMIN)),
        ("cap_net_admin+ep cap_net_admin=", Capabilities()),
        ("cap_net_bind_service=e+p", Capabilities(BIND, BIND)),
    ],
)
def test_what_a_text_means(text: str, sets: Capabilities) -> None:
    assert capabilities(text) == sets


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cap_net_bind_service", "no clause"),
        ("cap_net_bind_service+x", "no clause"),
        ("cap_no_such+ep", "no capability 'cap_no_such'"),
        ("+ep", "no capability ''"),
        ("cap_net_admin+e", "permitted too"),
    ],
)
def test_what_is_no_text_of_capabilities(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        capabilities(text)


def test_numbers_are_the_kernels() -> None:
    assert (NAMES.index("cap_net_bind_service"), NAMES.index("cap_net_raw"), NAMES.index("cap_setuid")) == (10, 13, 7)
    assert names(BIND | ADMIN) == ("cap_net_bind_service", "cap_net_admin")
    assert "cap_net_admin" in Capabilities(ADMIN, ADMIN)
    assert "cap_net_admin" not in Capabilities(0, ADMIN)
