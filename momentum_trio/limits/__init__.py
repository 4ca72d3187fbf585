"""F3: counters and ceilings shared by sessions; the deadline of a conversation."""
