"""SPF records, good and nearly good, and what DNS may answer."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from momentum_trio.net.dns_records import DnsAnswer, NoRecords, Records, Unanswered

NAMES: Final = ("example.com", "a.example", "loop.example", "_spf.%{d2}", "%{ir}.%{v}._spf.%{d}", "%{l1r+-}.x.example")

letters = st.sampled_from("slodiphvSLODIPHVcrtx")
macros = st.builds(
    "%{{{}{}{}{}}}".format,
    letters,
    st.sampled_from(["", "0", "1", "2", "99", "12345"]),
    st.sampled_from(["", "r"]),
    st.sampled_from(["", ".", "-", "+-", "_=/,"]),
)
pieces = st.one_of(macros, st.sampled_from(["%%", "%_", "%-", "%", "a.", "example.com", "{", "-1", ".", "/", "é"]))
domains = st.one_of(st.sampled_from(NAMES), st.lists(pieces, max_size=4).map("".join))
lengths = st.sampled_from(["", "/24", "//64", "/24//64", "/0", "/33", "//129", "/", "/08"])
qualifiers = st.sampled_from(["", "+", "-", "~", "?"])
addresses = st.sampled_from(
    ["192.0.2.0/24", "192.0.2.1", "2001:db8::/32", "::ffff:192.0.2.1", "1.2.3", "fe80::1%1", ""]
)
mechanisms = st.one_of(
    st.just("all"),
    st.builds("{}:{}".format, st.sampled_from(["include", "exists", "ptr", "all"]), domains),
    st.builds(
        "{}{}{}".format, st.sampled_from(["a", "mx", "A", "ptr"]), domains.map(":{}".format) | st.just(""), lengths
    ),
    st.builds("{}:{}".format, st.sampled_from(["ip4", "ip6"]), addresses),
    st.sampled_from(["include", "unknown:x", "redirect:x", "a=b", "exp"]),
)
modifiers = st.builds("{}={}".format, st.sampled_from(["redirect", "exp", "REDIRECT", "x-other"]), domains)
terms = st.one_of(st.builds("{}{}".format, qualifiers, mechanisms), modifiers)
records = st.lists(terms, max_size=6).map(lambda drawn: " ".join(["v=spf1", *drawn]))
"""Texts that begin as a record does."""

texts = records | st.sampled_from(["v=spf1", "v=spf10", "v=DKIM1; p=", "V=SPF1 -ALL", "", "v=spf1\t-all", "\xff" * 300])
hosts = st.sampled_from(["192.0.2.1", "192.0.2.77", "2001:db8::1"])
answers: st.SearchStrategy[DnsAnswer] = st.one_of(
    st.lists(texts, min_size=1, max_size=2).map(lambda drawn: Records(tuple(drawn))),
    st.builds(NoRecords, st.booleans()),
    st.just(Unanswered("SERVFAIL")),
)
"""To questions about TXT."""
