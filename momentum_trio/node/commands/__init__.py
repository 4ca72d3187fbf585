"""F5: console commands, one a file."""
