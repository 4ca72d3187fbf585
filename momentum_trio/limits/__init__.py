"""F3: counters and ceilings shared by sessions."""
