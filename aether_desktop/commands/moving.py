"""The commands that move events between stores and NDJSON files, byte for byte."""
