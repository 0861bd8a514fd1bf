#!/usr/bin/env bash
# Builds the sdist, and the wheel from that sdist, into dist/, with the versions of the lock and no network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONPATH PYTHONHOME
# shellcheck source=source-date.sh
. packaging/source-date.sh

rm -rf dist
.venv/bin/python -m build --no-isolation --outdir dist
ls -l dist
