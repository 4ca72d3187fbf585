"""F1: conversations without I/O."""
