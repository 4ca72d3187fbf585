"""SPF (RFC 7208): records as values, their macros, and the evaluation of one, which asks DNS through its caller."""
