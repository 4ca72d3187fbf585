"""F3: what a node counts, and how it is told to who scrapes it."""
