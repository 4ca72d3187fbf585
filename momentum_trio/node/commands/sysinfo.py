"""``sysinfo``: which program this is, and on what it runs."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request

PRODUCT = "momentum-trio"


async def _sysinfo(request: Request) -> Answer:
    version, facts = request.administration.version, await request.administration.instruments.system()
    lines = [
        f"Momentum Version: {version} ({facts.bits}-bit)",
        f"build date: none ({facts.python})",
        f"product name: {PRODUCT}",
        *([facts.distribution] if facts.distribution else []),
        facts.uname,
    ]
    return Answer(
        "\n".join(lines),
        {
            "version": version,
            "bits": facts.bits,
            "python": facts.python,
            "product": PRODUCT,
            "distribution": facts.distribution,
            "uname": facts.uname,
        },
    )


SYSINFO = Command(
    ("sysinfo",),
    "Show the version and what it runs on.",
    _sysinfo,
    help="Nothing is built, so there is no build date; the Python that runs it is named in its place.",
)
