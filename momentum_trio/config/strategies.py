"""Configuration texts drawn at random: words, values, scopes, whole files, and settings that the schema allows.

What is drawn comes with what it means, so that a law can compare the two. For tests, fuzz and sim only: importing
hypothesis changes trio's scheduling.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from momentum_trio.config.lexis import BARE_OPTIONS, DIRECTIVES, FOREIGN
from momentum_trio.config.merged import ScopePath
from momentum_trio.config.schema import OptionEntry, Schema
from momentum_trio.config.show import value_lines
from momentum_trio.config.value import Array, Dictionary, Value, Word

_BEGINNING = "abzAZ_"
_WITHIN = _BEGINNING + "09.-"
_PLAIN = _WITHIN + "*/:@$%&+<>?!^|~`\\\u00e9\u0416\u6f22"  # may stand in a bare word
_ANY = _PLAIN + " \t\r\n\f\"'={}[]()#,;\x01\x7f" + FOREIGN  # may stand in a string


@dataclass(frozen=True, slots=True)
class GivenOption:
    """An option as it was drawn."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class GivenScope:
    """A scope as it was drawn."""

    name: str
    instance: str | None
    body: tuple[Given, ...]


Given = GivenOption | GivenScope

names: SearchStrategy[str] = st.builds(str.__add__, st.sampled_from(_BEGINNING), st.text(_WITHIN, max_size=5)).filter(
    lambda name: name.lower() not in DIRECTIVES and name.lower() not in BARE_OPTIONS
)
blanks: SearchStrategy[str] = st.sampled_from(
    [
        " ",
        "\n",
        "\t",
        "\r\n",
        "  ",
        "\n\n",
        " # }\n",
        " /* = { */ ",
        '\n#"\n',
        " /**/",
    ]  # a comment begins apart from words
)
gaps: SearchStrategy[str] = st.just("") | blanks  # where no blank is needed
bare_words: SearchStrategy[str] = (
    st.sampled_from(
        ["1", "true", "*:25", ":25", "-1", "0660", "/tmp/2025", "*.example.com", "a/*b", "192.0.2.1:25", "fd82::1"]
    )
    | st.text(_PLAIN, min_size=1, max_size=8)
).filter(lambda word: not word.startswith("/*"))
texts: SearchStrategy[str] = st.text(_ANY, max_size=10) | st.sampled_from(
    ["", "\\", "\\n", "a\\d", '"', "'", "{ # }", "x = 1", "\\\\", "\r\n", "/* */"]
)


@st.composite
def strings(draw: DrawFn) -> tuple[str, str]:
    """A quoted string and what it means. Backslashes are doubled where they must be, and at will elsewhere."""
    meaning = draw(texts)
    if "'" not in meaning and meaning and draw(st.booleans()):
        return f"'{meaning}'", meaning
    parts = []
    for place, c in enumerate(meaning):
        following = meaning[place + 1 : place + 2]
        if c == "\\":
            must = following in ("", "n", "r", "t", "\\", '"', "\n", "\r", "\t")
            parts.append("\\\\" if must or draw(st.booleans()) else "\\")
        elif c in '"':
            parts.append('\\"')
        elif c in "\n\r\t" and draw(st.booleans()):
            parts.append({"\n": "\\n", "\r": "\\r", "\t": "\\t"}[c])
        else:
            parts.append(c)
    return f'"{"".join(parts)}"', meaning


@st.composite
def words(draw: DrawFn) -> tuple[str, Word]:
    """A word, bare or quoted, as it can be a value."""
    if draw(st.booleans()):
        text, meaning = draw(strings())
        return text, Word(meaning, quoted=True)
    word = draw(bare_words)
    return word, Word(word)


@st.composite
def arrays(draw: DrawFn) -> tuple[str, Array]:
    """``( a "b", c )``."""
    items = draw(st.lists(words().filter(lambda item: "," not in item[1].text), max_size=4))
    text = "(" + draw(gaps)
    for place, (item, _) in enumerate(items):
        if place:
            text += draw(gaps) + "," + draw(gaps) if draw(st.booleans()) else draw(blanks)
        text += item
    return text + draw(blanks) + ")", Array(tuple(word for _, word in items))


@st.composite
def dictionaries(draw: DrawFn) -> tuple[str, Dictionary]:
    """``[ key = value ... ]``."""
    plain = words().filter(lambda item: not set(",;") & set(item[1].text))
    pairs = draw(st.lists(st.tuples(plain, plain), max_size=3))
    text = "[" + draw(gaps)
    for place, ((key, _), (held, _)) in enumerate(pairs):
        if place:
            text += draw(gaps) + draw(st.sampled_from(",;")) + draw(gaps) if draw(st.booleans()) else draw(blanks)
        text += key + draw(gaps) + "=" + draw(gaps) + held
    kept = {key.text: held for (_, key), (_, held) in pairs}
    return text + draw(blanks) + "]", Dictionary(tuple(kept.items()))


@st.composite
def options(draw: DrawFn) -> tuple[str, Given]:
    """``Name = value``, ended by a blank."""
    name = draw(names)
    text, value = draw(words() | arrays() | dictionaries())
    equals = "=" if isinstance(value, Word) or draw(st.booleans()) else ""
    return name + draw(gaps) + equals + draw(gaps) + text + draw(blanks), GivenOption(name, value)


@st.composite
def scopes(draw: DrawFn, inner: SearchStrategy[tuple[str, Given]]) -> tuple[str, Given]:
    """``Name "instance" { ... }``."""
    name = draw(names)
    instance, head = None, name
    if draw(st.booleans()):
        text, word = draw(words().filter(lambda item: item[0].startswith('"') or not item[0].startswith("/")))
        head += draw(blanks) + text + draw(blanks)
        instance = word.text
    elif draw(st.booleans()):
        head += draw(gaps) + "="
    body = draw(st.lists(inner, max_size=3))
    inside = draw(gaps) + "".join(text for text, _ in body)
    return f"{head}{draw(gaps)}{{{inside}}}{draw(gaps)}", GivenScope(name, instance, tuple(given for _, given in body))


statements: SearchStrategy[tuple[str, Given]] = st.recursive(options(), scopes, max_leaves=8)


@st.composite
def files(draw: DrawFn) -> tuple[str, tuple[Given, ...]]:
    """A whole file and what it says; the names in it are no known ones."""
    drawn = draw(st.lists(statements, max_size=5))
    text = draw(gaps) + "".join(text for text, _ in drawn)
    return text, tuple(given for _, given in drawn)


PIECES = (
    "ESMTP_Listener",
    "Listen",
    "Peer",
    "Domain",
    "Enable",
    "Idle_Time",
    "include",
    "relay_for_sending_domains",
    "=",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    '"',
    "'",
    "#",
    "/*",
    "*/",
    "\\",
    "\n",
    "\r\n",
    " ",
    "/",
    "1",
    "a",
    ":25",
    "10.0.0.0/8",
    '"*:25"',
    '"/(/"',
    "\u201c",
    "\u00bb",
    "\x01",
    "\u00e9",
)
token_soup: SearchStrategy[bytes] = st.lists(st.sampled_from(PIECES), max_size=40).map(
    lambda pieces: "".join(pieces).encode()
)


_KNOWN = (  # statements that mean something, good and bad
    "ESMTP_Listener {",
    "Control_Listener {",
    'Listen ":25" {',
    "Listen [::]:25 {",
    "Listen /tmp/2025 {",
    "Peer 10.0.0.0/8 {",
    'Peer "::ffff:10.0.0.1" {',
    'Domain "/a(b|c)$/" {',
    "Domain /x\\.(y)$/{",
    "Binding b {",
    "Pathway p {",
    "cluster {",
    "}",
    "}",
    "Enable = false",
    "Enabled = false",
    "Idle_Time = 5",
    "Idle_Time = soon",
    "Relay_Hosts = ( 10.0.0.0/8 fd82:: )",
    'Pathway = "p"',
    "Pathway = q",
    "Gateway = fd82::1",
    "Outbound_SMTP_AUTH_Pass = x",
    "relay_for_sending_domains",
    "include fuzzed.conf",
    "include nowhere",
    "Local_Changes_Only = 1",
    "Local_Changes_File = local",
    "Hostname = 'a' # b",
    "Context = [ a = b ; c = d ]",
)
known_files: SearchStrategy[bytes] = st.lists(st.sampled_from(_KNOWN), max_size=12).map(
    lambda lines: "\n".join(lines).encode()
)

# what the schema allows

_VALUES: dict[str, SearchStrategy[Value]] = {
    "boolean": st.sampled_from(["on", "OFF", "true", "False", "enabled", "disabled", "1", "0"]).map(Word),
    "integer": st.integers(-5, 10**6).map(lambda n: Word(str(n))),
    "size-bytes": st.integers(0, 10**9).map(lambda n: Word(str(n))),
    "time-seconds": st.integers(0, 10**6).map(lambda n: Word(str(n))),
    "time-milliseconds": st.integers(0, 10**6).map(lambda n: Word(str(n))),
    "percent": st.integers(0, 100).map(lambda n: Word(str(n))),
    "port": st.integers(1, 65535).map(lambda n: Word(str(n))),
    "number": st.sampled_from(["0", "1.5", "-2", ".5"]).map(Word),
    "octal-mode": st.sampled_from(["0660", "0644", "0"]).map(lambda text: Word(text, quoted=True)),
    "throttle": st.sampled_from(["0", "10", "10/60"]).map(lambda text: Word(text, quoted=True)),
    "string": texts.map(lambda text: Word(text, quoted=True)),
    "path": st.sampled_from(["/tmp/a", "/var/log/%Y"]).map(Word),
    "hostname": st.sampled_from(["a.example", "b"]).map(Word),
    "ip-address": st.sampled_from(["192.0.2.1", "fd82::1", "*"]).map(Word),
    "string-list": st.lists(texts.map(lambda text: Word(text, quoted=True)), max_size=3).map(lambda i: Array(tuple(i))),
    "domain-list": st.lists(st.sampled_from(["a.example", "*.b"]).map(Word), max_size=3).map(lambda i: Array(tuple(i))),
    "address-list": st.lists(st.sampled_from(["10.0.0.0/8", "fd82::", "[::1]"]).map(Word), max_size=3).map(
        lambda items: Array(tuple(items))
    ),
    "regex": st.sampled_from(["^a", "b+$", r"\d"]).map(lambda text: Word(text, quoted=True)),
    "regex-list": st.just(Array((Word("^a", quoted=True),))),
    "dictionary": st.just(Dictionary((("uri", Word("file:///x", quoted=True)),))),
}


def values_of(entry: OptionEntry) -> SearchStrategy[Value]:
    """Values that *entry* takes."""
    kind = entry.kind.name
    if kind.startswith("enum("):
        return st.sampled_from(kind.removeprefix("enum(").removesuffix(")").split("|")).map(Word)
    if kind.startswith("union("):
        return st.just(Word("1"))
    if entry.key in ("gateway", "routes"):
        return st.just(Word("[fd82::1]", quoted=True))
    return _VALUES[kind]


def value_texts(entry: OptionEntry) -> SearchStrategy[str]:
    """The same in file syntax, as ``config set`` is given them."""
    return values_of(entry).map(lambda value: " ".join(value_lines(value, None)))


PATHS: tuple[ScopePath, ...] = (
    (),
    (("esmtp_listener", ""),),
    (("esmtp_listener", ""), ("listen", ":25")),
    (("esmtp_listener", ""), ("listen", ":25"), ("peer", "10.0.0.1")),
    (("esmtp_listener", ""), ("peer", "10.0.0.0/8")),
    (("control_listener", ""), ("listen", "/tmp/2025")),
    (("domain", "Example.com"),),
    (("binding", "b"), ("domain", "example.com")),
    (("binding_group", "g"), ("binding", "b")),
    (("pathway", "p"),),
)


@st.composite
def settings(draw: DrawFn, schema: Schema, path: ScopePath) -> tuple[OptionEntry, str]:
    """An option that may be set at *path*, and a value for it in file syntax."""
    kinds = ("global", *(kind for kind, _ in path))
    possible = sorted(
        (entry for entry in schema.by_scope[kinds[-1]] if _is_settable(schema, kinds, entry)),
        key=lambda entry: entry.key,
    )
    entry = draw(st.sampled_from(possible))
    return entry, draw(value_texts(entry))


def _is_settable(schema: Schema, kinds: tuple[str, ...], entry: OptionEntry) -> bool:
    floating = ("enable_duravip", "duravip_follow", "duravip_preference")  # wants an address, and cluster {}
    special = ("pathway", "local_changes_file", "local_changes_only", "match_cache_size", *floating)
    return schema.option(kinds, entry.key) is entry and not entry.is_out_of_scope and entry.key not in special
