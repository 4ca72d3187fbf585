"""DMARC (RFC 7489): records as values, organizational domains, and the evaluation of what SPF and DKIM have found."""
