"""F1: the console's conversation, sans-IO (docs/protocols/console.md)."""
