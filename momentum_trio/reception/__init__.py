"""F3: the one door by which mail enters."""
