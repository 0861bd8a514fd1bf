#!/usr/bin/env bash
# Builds dist/aether-desktop-VERSION-windows-x86_64-setup.exe from the bundle. Runs in the bash that comes with git on
# Windows, where makensis is on the PATH or in its usual place.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
bundle=${BUNDLE:-build/package/aether-desktop}
output=${OUTPUT:-dist/aether-desktop-$version-windows-x86_64-setup.exe}
[ -f "$bundle/aether-desktop.exe" ] || { echo "There is no bundle of Windows in $bundle: run packaging/bundle.sh on Windows." >&2; exit 1; }
makensis=$(command -v makensis || echo '/c/Program Files (x86)/NSIS/makensis.exe')
native() { if command -v cygpath > /dev/null; then cygpath -m "$(realpath "$1")"; else realpath "$1"; fi; }
mkdir -p "$(dirname "$output")"
# makensis takes the time of its start unless SOURCE_DATE_EPOCH says another.
"$makensis" -V2 -WX -DVERSION="$version" -DBUNDLE="$(native "$bundle")" -DICON="$(native build/package/icons/aether-desktop.ico)" \
    -DLICENSE="$(native LICENSE)" -DOUTPUT="$(native "$(dirname "$output")")/$(basename "$output")" packaging/windows/installer.nsi
echo "$output"
