"""Connections that are kept, and trying them out."""
