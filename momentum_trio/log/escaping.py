r"""How octets from outside stand in a log line, so that one record is one line and its fields can be read back.

Spec/logs.md section 1 takes the acctlog rule for all "@ logs": ``@`` and ``\`` in a field are preceded by ``\``.
Control characters cannot be: a newline after a backslash still ends the line. They, and every other character that is
not printable, are written as their code point: ``\x0A``, ``\u2028``, ``\U000E0001``.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\(?:x([0-9A-F]{2})|u([0-9A-F]{4})|U([0-9A-F]{8})|(.))", re.DOTALL)
_FIELD = re.compile(r"((?:[^@\\]|\\.)*)(@|$)", re.DOTALL)
_BARE = re.compile(r"[A-Za-z0-9._:@/+-]*")


def field(text: str) -> str:
    """*text* as one field between ``@``."""
    if text.isprintable() and "@" not in text and "\\" not in text:
        return text
    return "".join(_character(character, "\\@") for character in text)


def rest(text: str) -> str:
    """*text* as the last field of a line, in which ``@`` needs no escape."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(_character(character, "\\") for character in text)


def quoted(text: str) -> str:
    """*text* in double quotes."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_character(character, '\\"') for character in text) + '"'


def word(text: str) -> str:
    """*text* as it is if it consists of harmless characters alone, else in double quotes."""
    return text if _BARE.fullmatch(text) else quoted(text)


def unescaped(text: str) -> str:
    """What ``field``, ``rest`` or the inside of ``quoted`` was made from."""
    return _ESCAPE.sub(_meant, text) if "\\" in text else text


def fields(line: str, count: int = -1) -> list[str]:
    """The fields of an "@ log" line, escapes undone.

    count: how many fields there are at most: the last one is then the rest of the line, whatever it contains.
    """
    found: list[str] = []
    at = 0
    while len(found) + 1 != count:
        match = _FIELD.match(line, at)
        if match is None:  # a lone backslash ends the line: not written by us
            break
        found.append(unescaped(match[1]))
        at = match.end()
        if not match[2]:
            return found
    return [*found, unescaped(line[at:])]


def _character(character: str, escaped: str) -> str:
    if character in escaped:
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _meant(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if not code:
        return match[4]
    return chr(int(code, 16)) if int(code, 16) <= 0x10FFFF else match[0]
