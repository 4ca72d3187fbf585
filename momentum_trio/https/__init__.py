"""F3: a client of HTTP: what fetches the policies of MTA-STS, and tells webhooks of events."""
