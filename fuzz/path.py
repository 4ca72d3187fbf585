"""A path that is taken has one canonical text, which is taken again as itself and holds nothing that could leave it."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.mail.path import domain_of, forward_path, local_part_of, reverse_path
from momentum_trio.protocol.smtp.strategies import forward_paths, international_paths, nearly_paths, reverse_paths


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: paths, nearly paths, anything."""
    texts = reverse_paths | forward_paths | nearly_paths | international_paths | st.text(max_size=20)
    return texts.map(lambda text: text.encode(errors="replace"))


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    text = octets.decode(errors="replace")
    for pedantic in (True, False):
        for unqualified in (True, False):
            for international in (True, False):
                for parse in (reverse_path, forward_path):
                    try:
                        path = parse(text, pedantic=pedantic, unqualified=unqualified, international=international)
                    except ValueError:
                        continue
                    again = parse(f"<{path}>", pedantic=pedantic, unqualified=unqualified, international=international)
                    assert again == path
                    assert not {"\r", "\n", "\0"} & set(path)
                    assert international or path.isascii()
                    assert path in (local_part_of(path), f"{local_part_of(path)}@{domain_of(path)}")
