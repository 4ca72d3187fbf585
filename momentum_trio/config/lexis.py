"""The words of the language as regular expressions, shared by prescan and grammar (spec: config-language, section 2).

Every repetition is possessive or over disjoint alternatives, so that no text costs more than linear time.
"""

from __future__ import annotations

WHITE = r"[ \t\r\n\f\v]"
BLANKS = r"(?:[ \t\r\n\f\v]++|\#[^\n]*+|/\*[^*]*+(?:\*(?!/)[^*]*+)*\*/)*"

# Marks that stand in documents and never in files: typographic quotes, the guillemet of a wrap for print, no-break
# space.
FOREIGN = "\u2018\u2019\u201c\u201d\u00ab\u00bb\u00a0"
_NEVER = r" \t\r\n\f\v\"'={}\[\]()\#\x00-\x08\x0e-\x1f\x7f" + FOREIGN

WORD = rf"(?!/\*)[^{_NEVER}]++"  # a bare word
ITEM_WORD = rf"(?!/\*)[^{_NEVER},]++"  # inside ( )
LIST_WORD = rf"(?!/\*|;)[^{_NEVER},]++(?<!;)"  # the same, where ';' separates nothing
PAIR_WORD = rf"(?!/\*)[^{_NEVER},;]++"  # inside [ ]
INSTANCE_PATH = r"/(?!\*)[^ \t\r\n\f\v{]*+"  # an instance that begins with '/': section 3, form 23
NAME = r"[A-Za-z_][A-Za-z0-9_.\-]*+"
STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*"'
LITERAL = r"'[^']*+'"
ITEM = rf"(?:{LIST_WORD}(?![\"'])|(?:{STRING}|{LITERAL})(?![^{WHITE[1:-1]},)\#/]))"
ARRAY = rf"\({BLANKS}(?:{ITEM}{BLANKS}(?:,{BLANKS}(?!\)))?)*\)"
PAIR_VALUE = rf"(?:{PAIR_WORD}(?![\"'])|(?:{STRING}|{LITERAL})(?![^{WHITE[1:-1]},;\]\#/]))"
PAIR = rf"(?:{PAIR_WORD}(?![\"'])|{STRING}|{LITERAL}){BLANKS}={BLANKS}{PAIR_VALUE}"
DICTIONARY = rf"\[{BLANKS}(?:{PAIR}{BLANKS}(?:[,;]{BLANKS}(?!\]))?)*\]"

DIRECTIVES = frozenset(("include", "readonly_include"))
BARE_OPTIONS = frozenset(("relay_for_sending_domains",))  # 2.x: the name alone stands for the option (section 3)
