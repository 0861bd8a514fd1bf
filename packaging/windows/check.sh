#!/usr/bin/env bash
# Compiles the installer of Windows around stand-ins for the programs: makensis finds every mistake in the script, on Linux
# too. What it makes is thrown away, as the programs inside can be frozen on Windows only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=../source-date.sh
. packaging/source-date.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/bundle/_internal"
for file in aether-desktop.exe aether.exe aether-worker.exe LICENCES.txt _internal/python311.dll; do
    echo stand-in > "$scratch/bundle/$file"
done
[ -f build/package/icons/aether-desktop.ico ] || PYTHONPATH=packaging .venv/bin/python -m builds.icons build/package/icons
BUNDLE=$scratch/bundle OUTPUT=$scratch/aether-desktop-setup.exe packaging/windows/installer.sh > "$scratch/said.txt" || { cat "$scratch/said.txt"; exit 1; }
[ -s "$scratch/aether-desktop-setup.exe" ]
echo 'The installer of Windows compiles (around stand-ins; it was not run).'
