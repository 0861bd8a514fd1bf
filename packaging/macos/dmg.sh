#!/usr/bin/env bash
# Packs "Aether Desktop.app", which packaging/bundle.sh leaves in build/package on macOS, into a disk image. It is signed if
# CODESIGN_IDENTITY names a certificate, and notarised if NOTARY_PROFILE names kept credentials of notarytool.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
[ "$(uname)" = Darwin ] || { echo 'A disk image is made on macOS.' >&2; exit 1; }

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml)
application="build/package/Aether Desktop.app"
image=dist/aether-desktop-$version-macos-$(uname -m).dmg
[ -d "$application" ] || { echo "There is no $application: run packaging/bundle.sh." >&2; exit 1; }
plutil -lint "$application/Contents/Info.plist"

if [ -n "${CODESIGN_IDENTITY:-}" ]; then
    codesign --force --deep --options runtime --timestamp --entitlements packaging/macos/entitlements.plist \
        --sign "$CODESIGN_IDENTITY" "$application"
else
    # Apple's processors start nothing that is not signed at all.
    codesign --force --deep --sign - "$application"
fi
codesign --verify --deep --strict "$application"

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp -R "$application" "$stage/"
cp build/package/aether-desktop/LICENCES.txt "$stage/"
ln -s /Applications "$stage/Applications"
mkdir -p dist
rm -f "$image"
hdiutil create -volname 'Aether Desktop' -srcfolder "$stage" -fs HFS+ -format UDZO -imagekey zlib-level=9 "$image"
if [ -n "${NOTARY_PROFILE:-}" ]; then
    xcrun notarytool submit "$image" --keychain-profile "$NOTARY_PROFILE" --wait
    xcrun stapler staple "$image"
fi
hdiutil verify "$image"
echo "$image"
