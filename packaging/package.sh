#!/usr/bin/env bash
# Builds every package that this system can build, into dist/: sdist and wheel; on Linux the portable archive, on Debian and
# its relatives the .deb, on Windows the installer, on macOS the disk image; the bill of materials, and the sums of it all.
#
#   packaging/package.sh [--only-build]
#
# With --only-build nothing is checked or tried out. AETHER_COMPRESSION=0 is quicker, for what is not to be handed on.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONPATH PYTHONHOME
# shellcheck source=source-date.sh
. packaging/source-date.sh
heading() { printf '\n== %s\n' "$*"; }

heading 'sdist and wheel'
packaging/build.sh
heading 'the bundle'
packaging/bundle.sh

case $(uname) in MINGW* | MSYS* | CYGWIN*) scripts=Scripts ;; *) scripts=bin ;; esac
python=.venv/$scripts/python
site=$(build/package/venv/$scripts/python -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
build() { PYTHONPATH=packaging "$python" -m "$@" --site "$site"; }

case $(uname) in
    Linux)
        heading 'the portable archive'
        build builds.portable build/package/aether-desktop dist
        if command -v dpkg-deb > /dev/null; then
            heading 'the package of Debian'
            build builds.debian build/package/aether-desktop dist
            build builds.debian --bare build/package/bare-window build/package
        fi
        ;;
    Darwin)
        heading 'the disk image of macOS'
        build builds.bill build/package/aether-desktop dist
        packaging/macos/dmg.sh
        ;;
    *)
        heading 'the installer of Windows'
        build builds.bill build/package/aether-desktop dist
        packaging/windows/installer.sh
        ;;
esac
(cd dist && rm -f SHA256SUMS && sha256sum -- * > ../build/package/SHA256SUMS && mv ../build/package/SHA256SUMS .)
heading 'dist'
cat dist/SHA256SUMS

[ "${1:-}" != --only-build ] || exit 0
if [ "$(uname)" = Linux ] && command -v dpkg-deb > /dev/null; then
    heading 'checks'
    packaging/check-deb.sh dist/*.deb
    if command -v makensis > /dev/null; then packaging/windows/check.sh; fi
    if [ "$(id -u)" = 0 ] && PATH=$PATH:/usr/sbin command -v debootstrap > /dev/null; then
        packaging/test-deb.sh dist/*.deb
    else
        echo 'Not tried on a clean Debian: that takes root and debootstrap (packaging/test-deb.sh).'
    fi
fi
