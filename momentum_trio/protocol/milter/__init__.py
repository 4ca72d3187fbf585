"""The milter protocol, version 6, from the mail server's side, without I/O."""
