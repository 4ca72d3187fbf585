"""F5: the commands operators type."""
