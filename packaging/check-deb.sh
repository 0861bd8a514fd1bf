#!/usr/bin/env bash
# Checks the package of Debian with the tools of those who keep such packages: lintian, desktop-file-validate, appstreamcli.
#
#   packaging/check-deb.sh FILE.deb
set -euo pipefail
package=$(realpath "${1:?a .deb}")
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
dpkg-deb --extract "$package" "$tree"

missing=()
check() { # tool, arguments
    if command -v "$1" > /dev/null; then
        "$@" || { echo "$1 found something wrong in $package." >&2; exit 1; }
    else
        missing+=("$1")
    fi
}
check desktop-file-validate "$tree"/usr/share/applications/*.desktop
check appstreamcli validate --no-net --explain "$tree"/usr/share/metainfo/*.metainfo.xml
check lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$package"
for page in "$tree"/usr/share/man/man1/*.gz; do
    said=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 > /dev/null) || missing+=(man)
    [ -z "$said" ] || { echo "man says of $(basename "$page"): $said" >&2; exit 1; }
done
# Whatever the tools say of themselves: nothing may be there that names the machine it was built on.
if grep -rl "$PWD" "$tree" | grep .; then echo "These files name the folder that they were built in." >&2; exit 1; fi
[ "${#missing[@]}" = 0 ] || echo "Not checked, as they are not installed: ${missing[*]}" >&2
echo "$(basename "$package"): nothing to complain about"
