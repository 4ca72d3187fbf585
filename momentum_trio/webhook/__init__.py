"""F4: webhooks: events kept durably until somebody else's HTTP server has acknowledged them."""
