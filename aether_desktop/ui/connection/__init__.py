"""Dialogs around connections."""
