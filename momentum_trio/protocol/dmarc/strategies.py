"""DMARC records, good and nearly good, and lines of public suffix lists."""

from __future__ import annotations

from hypothesis import strategies as st

pairs = st.builds(
    "{}{}{}".format,
    st.sampled_from(["p", "sp", "adkim", "aspf", "pct", "psd", "t", "rua", "ruf", "fo", "v", "P"]),
    st.sampled_from(["=", " = "]),
    st.sampled_from(
        [
            "none",
            "quarantine",
            "reject",
            "Reject",
            "s",
            "r",
            "y",
            "n",
            "u",
            "0",
            "50",
            "100",
            "999",
            "-1",
            "",
            "mailto:a@b",
        ]
    ),
)
records = st.builds(
    "{}{}{}".format,
    st.sampled_from(["v=DMARC1", "v = DMARC1 ", "v=DMARC2", "V=DMARC1", "v=spf1"]),
    st.lists(pairs, max_size=6).map(lambda drawn: "".join(f"; {pair}" for pair in drawn)),
    st.sampled_from(["", ";", " ;", ";;", "\xff"]),
)
"""Texts that are nearly records."""

labels = st.sampled_from(["com", "example", "a", "b", "co", "uk", "bücher", "*"])
names = st.lists(labels, min_size=1, max_size=5).map(".".join)
suffix_lists = st.lists(
    st.builds(
        "{}{}{}".format, st.sampled_from(["", "", "!", "*.", "// ", " "]), names, st.sampled_from(["", " x", "\t"])
    ),
    max_size=8,
).map("\n".join)
