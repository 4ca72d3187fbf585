"""F4: clients for Python programs that inject mail: ``ecstream`` (trio) and ``ecstream_blocking`` (plain sockets)."""
