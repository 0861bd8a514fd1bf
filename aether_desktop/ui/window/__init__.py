"""The window itself: bars, commands, docks, tabs, start and session."""
