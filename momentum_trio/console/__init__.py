"""F3: console sessions: who may say what, and who answers."""
