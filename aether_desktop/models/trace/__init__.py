"""The relatives of an event, and a correlation as a tree of causes."""
