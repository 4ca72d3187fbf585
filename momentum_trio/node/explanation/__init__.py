"""F5: why a session or a delivery goes as it goes: the deciding code runs, and what it read is told. Needs no trio."""
