"""Tables of events and actors, of which only what is looked at is in memory."""
