"""Lines that an operator may type, by a grammar that knows the commands, and beside it."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.config.schema import Schema

verbs = st.sampled_from(
    ["config get", "config eval", "config set", "config unset", "config show", "config showrecurse", "help", "summary"]
)
paths = st.sampled_from(
    [
        "",
        "esmtp_listener",
        "ESMTP_Listener Listen :2525",
        'esmtp_listener listen "*:2525" peer 10.0.0.0/8',
        "domain example.net",
        'Domain "/.*[.]example$/"',
        "binding_group a binding b domain c",
        "control_listener listen /tmp/2025",
        "ec_logger l",
        "ac_auth x y",
        "listen",
        "peer ::1",
        "pathway p",
        "global",
    ]
)
options = st.sampled_from(sorted({entry.name for entry in Schema.load().options.values()})) | st.sampled_from(
    ["blackhole", "enable", "enabel", "relay_hosts", "idle_time=", "http_basic_auth", '"Blackhole"', "listen", "{"]
)
values = st.sampled_from(
    [
        "",
        "true",
        "5",
        "= 5",
        "( a b )",
        "()",
        "( a",
        "[ uri = x ]",
        "[ a = ]",
        '"x y"',
        '"x',
        "'x'",
        "x # y",
        "{ }",
        "0666",
    ]
)
pieces = st.one_of(verbs, paths, options, values, st.text(max_size=8), st.just("json"))
lines = st.one_of(
    st.tuples(verbs, paths, options, values).map(" ".join),
    st.lists(pieces, max_size=6).map(" ".join),
    st.text(max_size=30),
)
