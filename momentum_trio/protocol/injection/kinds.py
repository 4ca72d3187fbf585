"""Kinds of values that requests are made of, and what OpenAPI says of them."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta

LINE_CHARACTERS_MAX: Final = 2_000
ADDRESS_CHARACTERS_MAX: Final = 320

LINE: Final = {"pattern": r"^[^\u0000-\u0008\u000a-\u001f\u007f]*$"}
Line = Annotated[str, Meta(max_length=LINE_CHARACTERS_MAX, extra_json_schema=LINE)]
"""A name, a subject, the text of a field: without line ends and controls."""

Email = Annotated[str, Meta(max_length=ADDRESS_CHARACTERS_MAX, extra_json_schema={"format": "email"})]
"""An address without brackets."""
EMAIL_OR_NOTHING: Final = {"anyOf": [{"format": "email"}, {"maxLength": 0}]}
EmailOrNothing = Annotated[str, Meta(max_length=ADDRESS_CHARACTERS_MAX, extra_json_schema=EMAIL_OR_NOTHING)]
"""The same, or none: where it is a reverse-path, the null one."""

MailParameters = Annotated[
    str,
    Meta(
        max_length=500,
        extra_json_schema={
            "pattern": "^(BODY=(7BIT|8BITMIME))?((^| )RET=(FULL|HDRS))?((^| )ENVID=[!-*,-<>-~]{1,100})?"
            "((^| )SMTPUTF8)?$",
            "description": "Parameters of MAIL, as SMTP writes them",
        },
    ),
]
RcptParameters = Annotated[
    str,
    Meta(
        max_length=1_000,
        extra_json_schema={
            "pattern": "^(NOTIFY=(NEVER|(SUCCESS|FAILURE|DELAY)(,(SUCCESS|FAILURE|DELAY)){0,2}))?"
            "((^| )ORCPT=rfc822;[!-*,-<>-~]{1,200})?$",
            "description": "Parameters of RCPT, as SMTP writes them",
        },
    ),
]

Base64 = Annotated[
    bytes,
    Meta(extra_json_schema={"pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"}),
]
"""Octets."""
