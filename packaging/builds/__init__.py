"""What `make package` is made of. Each module is a step; packaging/package.sh runs them in their order."""
