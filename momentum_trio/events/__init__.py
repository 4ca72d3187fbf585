"""F3: the event stream of a node: what happened lately, for those who follow it."""
