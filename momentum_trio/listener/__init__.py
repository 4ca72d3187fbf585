"""F4: the edges that accept connections, one file a listener."""
