"""One event in all its views, what it differs in, and where it is damaged."""
