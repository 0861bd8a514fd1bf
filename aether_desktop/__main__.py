"""`python -m aether_desktop` starts the application."""

from aether_desktop.app import main

raise SystemExit(main())
