"""F2: what happened, written down: subscribers of the machine's events."""
