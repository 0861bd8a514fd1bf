#!/usr/bin/env bash
# Starts the application on the demo data, or with the arguments given. Without a display it writes a picture of the
# window instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONPATH PYTHONHOME

application=.venv/bin/aether-desktop
[ $# -gt 0 ] || set -- --demo
if [ "$(uname)" = Linux ] && [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}${QT_QPA_PLATFORM:-}" ]; then
    picture=build/aether-desktop.png
    mkdir -p build
    rm -f "$picture"
    echo 'There is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so this writes a picture of the window instead.'
    QT_QPA_PLATFORM=offscreen "$application" "$@" --screenshot "$picture"
    [ -s "$picture" ] || { echo "No picture was written to $PWD/$picture." >&2; exit 1; }
    echo "$PWD/$picture"
else
    exec "$application" "$@"
fi
