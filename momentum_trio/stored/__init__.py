"""What is kept for later requests to inject: templates and recipient lists."""
