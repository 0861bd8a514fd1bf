"""The inspector: one event as a tree, as text and in hexadecimal."""
