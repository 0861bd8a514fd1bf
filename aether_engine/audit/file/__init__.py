"""An event file as the target of an audit: who reads it, and what only a file can get wrong."""
