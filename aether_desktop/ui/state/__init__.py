"""The state panel, comparisons, forks, and checks of snapshots."""
