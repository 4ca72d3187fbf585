"""F0: words of mail and of its log records, values only."""
