"""Appending by hand: drafts, what saves of them come to, conflicts, races."""
