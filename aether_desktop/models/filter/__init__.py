"""The filter of a document, and how its table fills."""
