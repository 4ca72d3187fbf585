"""Templates, the data they are rendered with, and requests to inject, good and nearly good."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Final

import msgspec
from hypothesis import strategies as st

NAMES: Final = ("a", "b", "first_name", "Ä", "end", "if")
KEYS: Final = ("a", "b", "x y", "")

texts = st.text(st.sampled_from("aB<>&'\"{}.\r\n é\t\x00,:@"), max_size=12)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-2, 10**20), st.floats(allow_nan=False, width=16), texts)
data = st.dictionaries(
    st.sampled_from(NAMES),
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=4,
)
"""What templates are rendered with: values of JSON by name."""

literals = st.sampled_from(["'there'", '"x"', "''", '"it\'s"'])
expressions = st.recursive(
    st.sampled_from(NAMES[:4]) | literals,
    lambda inner: st.one_of(
        st.builds("{}.{}".format, inner, st.sampled_from(NAMES[:4])),
        st.builds("{}[{}]".format, inner, inner | st.sampled_from(["0", "1", "999999999"])),
        st.builds("not {}".format, inner),
        st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("({})".format, inner),
    ),
    max_leaves=6,
)
pieces = st.recursive(
    texts.map(lambda text: text.replace("{", "")) | st.builds("{{{{ {} }}}}".format, expressions),
    lambda inner: st.one_of(
        st.builds("{{{{if {}}}}}{}{{{{end}}}}".format, expressions, inner),
        st.builds("{{{{if {} then}}}}{}{{{{elseif {}}}}}{}{{{{else}}}}{}{{{{end}}}}".format, expressions, inner,
                  expressions, inner, inner),
        st.builds("{}{}".format, inner, inner),
    ),
    max_leaves=8,
)  # fmt: skip
templates = pieces
"""Those that can be read, without raw values."""

scraps = st.sampled_from(
    ["{{", "}}", "{{{", "}}}", "{{if a}}", "{{end}}", "{{else}}", "{{elseif a}}", "a", ".", "[", "]", "(", ")", "not ",
     "'", '"', " or ", " and ", "0", "9", "é", "\n", "{", "}"]
)  # fmt: skip
broken_templates = st.lists(scraps, max_size=16).map("".join) | templates
"""Those that perhaps can be."""

good_addresses = st.sampled_from(["a@b.example", '"q q"@b.example', "a@[192.0.2.1]", "a@é.example"])
bad_addresses = st.sampled_from(["é@b.example", "a", "", "a b@c", "a@b\r\nX: y"])
lines = texts | st.sampled_from(["x" * 1200, "é" * 200, "Ann", 'A "q" \\ b', "  a  b  "])
mailboxes = good_addresses | st.sampled_from(["Ann <a@b.example>", '"A, b" <c@d.example>', "{{a}}", "{{a or 'x@y'}}"])
header_names = st.sampled_from(["X-A", "CC", "cc", "Date", "Message-ID"])
bad_names = st.sampled_from(["To", "Content-Type", "a b", "A\nB", "", "é"])

file_names = st.sampled_from(["a.pdf", 'Ü "q" \\.txt', "x" * 255, "%41.é" * 50, " ", "a\tb"])
media_types = st.sampled_from(["application/pdf", 'text/csv; charset="utf-8"', "image/svg+xml", "x-a/b;c=d ; e=f"])
files = st.binary(max_size=200).map(lambda octets: b64encode(octets).decode())
good_attachments = st.lists(st.fixed_dictionaries({"name": file_names, "type": media_types, "data": files}), max_size=3)
bad_attachments = st.lists(
    st.fixed_dictionaries(
        {
            "name": file_names | texts,
            "type": media_types | st.sampled_from(["", "a", "message/rfc822", "Multipart/mixed", "a/b\r\nX: y", "é/b"]),
            "data": files | texts,
        }
    ),
    max_size=3,
)
content_ids = st.sampled_from(["a", "logo.1", "a+b@c.example", "-_-"])
good_images = st.lists(
    st.fixed_dictionaries({"name": content_ids, "type": st.sampled_from(["image/png", "IMAGE/gif"]), "data": files}),
    max_size=3,
    unique_by=lambda image: image["name"],
)
bad_images = st.lists(
    st.fixed_dictionaries(
        {
            "name": content_ids | st.sampled_from(["", "a b", "a>", "a..b", "é", "a\n"]),
            "type": media_types | st.just("image/png"),
            "data": files,
        }
    ),
    max_size=3,
)


def requests_of(
    addresses: st.SearchStrategy[str],
    names: st.SearchStrategy[str],
    extras: st.SearchStrategy[dict[str, Any]],
    attachments: st.SearchStrategy[list[dict[str, str]]],
) -> st.SearchStrategy[dict[str, Any]]:
    """Requests of ``POST /api/v1/transmissions``, before they are JSON. extras: what else stands in their content."""
    named = {"name": lines, "header_to": addresses}
    recipients = st.fixed_dictionaries(
        {"address": addresses | st.fixed_dictionaries({"email": addresses}, optional=named)},
        optional={"substitution_data": data, "tags": st.lists(texts, max_size=11), "return_path": addresses},
    )
    contents = st.fixed_dictionaries(
        {
            "from": mailboxes | st.fixed_dictionaries({"email": mailboxes}, optional={"name": lines}),
            "subject": lines | templates,
            "text": templates,
        },
        optional={
            "html": templates,
            "reply_to": mailboxes,
            "headers": st.dictionaries(names, lines | mailboxes | templates, max_size=3),
            "attachments": attachments,
        },
    )
    return st.fixed_dictionaries(
        {
            "recipients": st.lists(recipients, min_size=1, max_size=3),
            "content": st.builds(lambda said, more: {**said, **more}, contents, extras)
            | st.just({"email_rfc822": "A: b\n\nc"}),
            "return_path": addresses,
        },
        optional={"substitution_data": data, "campaign_id": texts, "metadata": data},
    )


good_requests = requests_of(
    good_addresses,
    header_names,
    st.just({}) | st.fixed_dictionaries({"html": templates, "inline_images": good_images}),
    good_attachments,
)
bad_requests = requests_of(
    good_addresses | bad_addresses,
    header_names | bad_names,
    st.dictionaries(st.sampled_from(["x", "email_rfc822", "template_id", "html"]), texts, max_size=2)
    | st.fixed_dictionaries({"inline_images": bad_images}),
    bad_attachments,
)
octets = st.one_of(good_requests, good_requests, bad_requests).map(msgspec.json.encode)

ids = st.sampled_from(["a", "news-2026", "_", "A.b_c-1", "x" * 64, "a.kept", "a.kept.new"])
bad_ids = st.sampled_from(["", ".", "..", ".a", "a/b", "a\n", "é", "x" * 65, "a b", "a\0"])


def stored_of(requests: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Requests to store the content, and the recipients, of *requests*."""
    names = st.fixed_dictionaries({}, optional={"id": ids, "name": lines, "description": texts})
    parts = requests.map(lambda said: {"content": said["content"]}) | requests.map(
        lambda said: {"recipients": said["recipients"]}
    )
    return st.builds(lambda said, more: {**said, **more}, parts, names)


stored_octets = stored_of(good_requests | bad_requests).map(msgspec.json.encode)
