"""F3: durable custody of accepted mail."""
