#!/usr/bin/env bash
# Installs what installer.sh built, uses both commands, and removes it. Runs on Windows only, in the bash that comes with git.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
setup=$(echo dist/aether-desktop-*-windows-*-setup.exe)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
program=$(cygpath -u "$LOCALAPPDATA")/Programs/Aether\ Desktop

# With a single slash the bash of git would take the flag for a path.
MSYS2_ARG_CONV_EXCL='*' "$setup" /S
for _ in $(seq 60); do [ ! -x "$program/uninstall.exe" ] || break; sleep 1; done
"$program/aether.exe" --version
"$program/aether.exe" import "$scratch/permits.aether" tests/data/permits-extract.ndjson --namespace permits
"$program/aether.exe" events "$scratch/permits.aether" --filter 'type:T05*' | grep -q T05
actor=$("$program/aether.exe" actors "$scratch/permits.aether" --limit 1 | sed -E 's/.*"actorId":"([^"]+)".*/\1/')
"$program/aether.exe" state "$scratch/permits.aether" --actor "$actor" --reducer-file packaging/probe_reducer.py --trust \
    --reducer-seconds 60 | tee "$scratch/probe.json"
grep -q '"problems":\[\]' "$scratch/probe.json"
"$program/aether-desktop.exe" "$scratch/permits.aether" --screenshot "$scratch/window.png"
[ -s "$scratch/window.png" ]
reg query 'HKCU\Software\Classes\.aether' > "$scratch/registry.txt"

MSYS2_ARG_CONV_EXCL='*' "$program/uninstall.exe" /S
for _ in $(seq 60); do [ -e "$program" ] || break; sleep 1; done
[ ! -e "$program" ] || { echo 'Something is left:' && find "$program"; exit 1; }
if reg query 'HKCU\Software\Classes\.aether' 2> "$scratch/registry.txt"; then echo 'The file type is left.'; exit 1; fi
echo 'Installed, used and removed.'
