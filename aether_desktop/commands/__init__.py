"""The commands of `aether`, one file per kind of work. Nothing on this path imports Qt."""
