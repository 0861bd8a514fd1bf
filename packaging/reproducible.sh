#!/usr/bin/env bash
# Builds everything twice, the second time in a copy of this tree in another folder and under another umask and time zone, and
# compares the sums: the same input must give the same files. AETHER_COMPRESSION=0 makes it quicker.
#
#   packaging/reproducible.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=source-date.sh
. packaging/source-date.sh

packaging/package.sh --only-build
copy=$(mktemp -d)/again
trap 'rm -rf "$(dirname "$copy")"' EXIT
mkdir "$copy"
git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$copy"
(umask 077 && cd "$copy" && export TZ=Asia/Kathmandu LC_ALL=C && make venv && packaging/package.sh --only-build)
if ! diff dist/SHA256SUMS "$copy/dist/SHA256SUMS"; then
    echo 'FAILED: the second build differs.' >&2
    exit 1
fi
echo 'Both builds are the same, byte for byte:'
cat dist/SHA256SUMS
