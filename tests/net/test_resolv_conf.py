"""The words of resolv.conf(5) and those that Resolv_Conf adds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.net.resolv_conf import ATTEMPTS_MAX, NAMESERVERS_MAX, TIMEOUT_SECONDS_MAX, ResolvConf


@pytest.mark.parametrize(
    ("text", "conf"),
    [
        ("", ResolvConf()),
        ("nameserver 192.0.2.1\nnameserver ::1\n", ResolvConf(("192.0.2.1", "::1"))),
        ("nameserver\t192.0.2.1 # ours\n#nameserver 192.0.2.2\n nameserver 192.0.2.3\n", ResolvConf(("192.0.2.1",))),
        ("nameserver fe80::1%eth0", ResolvConf(("fe80::1%eth0",))),
        ("nameserver here\nsearch a b\nlookup fb\nsortlist 10.0.0.0/255.0.0.0", ResolvConf()),
        ("options ndots:1 timeout:3 attempts:4", ResolvConf((), 3, 4)),
        ("options retrans:3 retry:4", ResolvConf((), 3, 4)),
        ("options timeout:0 attempts:99\noptions timeout:x timeout", ResolvConf((), 1, ATTEMPTS_MAX)),
        ("options timeout:999", ResolvConf((), TIMEOUT_SECONDS_MAX)),
        (
            "".join(f"nameserver 192.0.2.{number}\n" for number in range(9)),
            ResolvConf(("192.0.2.0", "192.0.2.1", "192.0.2.2")),
        ),
    ],
)
def test_words(text: str, conf: ResolvConf) -> None:
    assert ResolvConf.parse(text) == conf


@given(
    st.text() | st.lists(st.sampled_from(["nameserver", "options", " ", "timeout:", "9" * 20, "::", "\n"])).map("".join)
)
def test_any_text_has_limits(text: str) -> None:
    conf = ResolvConf.parse(text)
    assert len(conf.nameservers) <= NAMESERVERS_MAX
    assert 1 <= conf.timeout <= TIMEOUT_SECONDS_MAX
    assert 1 <= conf.attempts <= ATTEMPTS_MAX
