"""An event file as the target of an audit: read by several processes, and checked for what only a file gets wrong."""
