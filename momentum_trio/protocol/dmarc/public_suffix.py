"""The public suffix list in its own format: below which names do others register theirs (RFC 7489 section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

from momentum_trio.mail.international import a_labels

RULES_MAX = 100_000
LIST_OCTETS_MAX = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PublicSuffixes:
    """rules: suffixes; wildcards: those below whose every name there is one; exceptions: names that are none."""

    rules: frozenset[str]
    wildcards: frozenset[str]
    exceptions: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> PublicSuffixes:
        """Of the whole list. Raises ValueError, when it is none; single lines that are no rule are passed over."""
        rules, wildcards, exceptions = set[str](), set[str](), set[str]()
        for line in text.splitlines():
            rule = line.split(maxsplit=1)[0].lower() if line.strip() and not line.startswith("//") else ""
            name = _ascii(rule.removeprefix("!").removeprefix("*."))
            if name:
                (exceptions if rule[0] == "!" else wildcards if rule[0] == "*" else rules).add(name)
        if not rules or len(rules) + len(wildcards) + len(exceptions) > RULES_MAX:
            raise ValueError(f"expected a list of 1 to {RULES_MAX} public suffixes")
        return cls(frozenset(rules), frozenset(wildcards), frozenset(exceptions))

    def organizational(self, domain: str) -> str:
        """The organizational domain of *domain* (section 3.2): the suffix it is in and one label more."""
        labels = domain.split(".")
        for place in range(len(labels)):
            name = ".".join(labels[place:])
            parent = ".".join(labels[place + 1 :])
            if name in self.exceptions:
                return name
            if name in self.rules or parent in self.wildcards or not parent:  # an unknown last label is a suffix too
                return ".".join(labels[max(place - 1, 0) :])
        raise AssertionError(domain)


def _ascii(name: str) -> str:
    """*name* with A-labels; empty where it is no name."""
    if name.isascii():
        return name
    try:
        return a_labels(name)
    except ValueError:
        return ""
