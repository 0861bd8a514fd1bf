"""Dialogs that append, and the conflict panel."""
