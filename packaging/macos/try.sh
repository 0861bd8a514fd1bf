#!/usr/bin/env bash
# Mounts the disk image that dmg.sh made and uses what is on it. Runs on macOS only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
image=$(echo dist/aether-desktop-*-macos-*.dmg)
scratch=$(mktemp -d)
mounted=$scratch/image
trap 'hdiutil detach -quiet "$mounted" || true; rm -rf "$scratch"' EXIT

mkdir "$mounted"
hdiutil attach -nobrowse -readonly -mountpoint "$mounted" "$image"
programs="$mounted/Aether Desktop.app/Contents/MacOS"
"$programs/aether" --version
"$programs/aether" import "$scratch/permits.aether" tests/data/permits-extract.ndjson --namespace permits
"$programs/aether" events "$scratch/permits.aether" --filter 'type:T05*' | grep -q T05
actor=$("$programs/aether" actors "$scratch/permits.aether" --limit 1 | sed -E 's/.*"actorId":"([^"]+)".*/\1/')
"$programs/aether" state "$scratch/permits.aether" --actor "$actor" --reducer-file packaging/probe_reducer.py --trust \
    --reducer-seconds 60 | tee "$scratch/probe.json"
grep -q '"problems":\[\]' "$scratch/probe.json"
"$programs/aether-desktop" "$scratch/permits.aether" --screenshot "$scratch/window.png"
[ -s "$scratch/window.png" ]
plutil -extract CFBundleURLTypes json -o - "$mounted/Aether Desktop.app/Contents/Info.plist" | grep -q aether
echo 'Mounted and used.'
