#!/usr/bin/env bash
# Freezes the wheel in dist/ into build/package/aether-desktop, a folder that runs where no Python is, and the bare
# window that it is measured against into build/package/bare-window.
#
#   packaging/bundle.sh [--without-bare]
#
# The same input gives the same files: times and the order of what Python hashes are fixed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONPATH PYTHONHOME
# shellcheck source=source-date.sh
. packaging/source-date.sh
export PYTHONHASHSEED=0
root=$PWD

wheel=$(echo dist/aether_desktop-*.whl)
[ -f "$wheel" ] || { echo 'There is no wheel in dist/: run packaging/build.sh first.' >&2; exit 1; }

work=build/package
case $(uname) in MINGW* | MSYS* | CYGWIN*) scripts=Scripts ;; *) scripts=bin ;; esac
python=$work/venv/$scripts/python
lock=packaging/requirements-package.lock
made_from=$(.venv/$scripts/python -I -c 'import hashlib, pathlib, sys
print(sys.version.split()[0], sys.base_prefix, hashlib.sha256(pathlib.Path(sys.argv[1]).read_bytes()).hexdigest())' "$lock")
if [ "$(cat "$work/venv/.made-from" 2> /dev/null)" != "$made_from" ]; then
    echo 'Setting up an environment with what the application needs and PyInstaller.'
    rm -rf "$work/venv"
    mkdir -p "$work"
    .venv/$scripts/python -m venv "$work/venv"
    "$python" -m pip --disable-pip-version-check --no-input install -qq --progress-bar off --require-hashes -r "$lock"
    echo "$made_from" > "$work/venv/.made-from"
fi
"$python" -m pip --disable-pip-version-check --no-input install -qq --no-index --no-deps --force-reinstall "$wheel"

PYTHONPATH=packaging .venv/$scripts/python -m builds.icons "$work/icons"

freeze() { # name
    rm -rf "$work/$1" "$work/work/$1"
    mkdir -p "$work/work/$1"
    # From a folder of its own: the sources of the current one would be frozen instead of the wheel.
    (cd "$work/work/$1" && "$root/$python" -m PyInstaller --noconfirm --clean --log-level ERROR --distpath "$root/$work" \
        --workpath . "$root/packaging/aether.spec") 2>&1 | sed '/ INFO: /d'
    if [ "$(uname)" = Linux ]; then
        # Names for a debugger; Qt's files are stripped as they come and do not bear it again.
        find "$work/$1/_internal" \( -path '*/PySide6/*' -o -path '*/shiboken6/*' \) -prune -o \
            -type f \( -name '*.so' -o -name 'libpython*.so*' \) -exec strip --strip-unneeded {} +
        find "$work/$1" -type d -exec chmod 755 {} +
        find "$work/$1" -type f -exec chmod 644 {} +
        find "$work/$1" -maxdepth 1 -type f -exec chmod 755 {} +
    fi
}
freeze aether-desktop
[ "${1:-}" = --without-bare ] || AETHER_BARE=1 freeze bare-window
