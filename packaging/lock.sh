#!/usr/bin/env bash
# Writes requirements.lock, requirements-dev.lock and requirements-package.lock from pyproject.toml, newest versions that fit.
#
#   packaging/lock.sh [PYTHON]
#
# One file serves CPython 3.11 to 3.13: uv resolves for all of them at once and writes environment markers
# where they differ. Needs the package registry.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset PYTHONPATH PYTHONHOME

python=${1:-.venv/bin/python}
scratch=build/lock
rm -rf "$scratch"
mkdir -p "$scratch"
"$python" -m venv "$scratch/venv"
"$scratch/venv/bin/python" -m pip install --quiet --disable-pip-version-check uv

# 6.12.0 aborts on CPython 3.11 (see pyproject.toml); everyone tests and ships one Qt, so the others follow.
cat > "$scratch/constraints.txt" <<'CONSTRAINTS'
PySide6-Essentials==6.11.3
shiboken6==6.11.3
CONSTRAINTS
# hatchling needs it to install the project editable without build isolation.
echo editables > "$scratch/editable.in"

compile() { # output, note, further arguments
    local output=$1 note=$2
    shift 2
    # The name of the file written here has no folder, so that comments in it name no place on this machine.
    "$scratch/venv/bin/uv" pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes \
        --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        "$@" pyproject.toml --output-file "$scratch/$output" > /dev/null
    {
        printf '# %s\n# Made by "make lock" from pyproject.toml; do not edit.\n' "$note"
        cat "$scratch/$output"
    } > "packaging/$output"
}

compile requirements-dev.lock "What running, testing and packaging need: CPython 3.11, 3.12 and 3.13." \
    --extra dev --constraint "$scratch/constraints.txt" "$scratch/editable.in"
# Constrained by the first, so that both name the same versions.
grep -E '^[A-Za-z0-9]' "$scratch/requirements-dev.lock" | sed -E 's/ *\\$//' > "$scratch/dev-pins.txt"
compile requirements.lock "What running needs: CPython 3.11, 3.12 and 3.13." \
    --constraint "$scratch/dev-pins.txt"
compile requirements-package.lock "What freezing needs beside what running needs: CPython 3.11, 3.12 and 3.13." \
    --extra package --constraint "$scratch/dev-pins.txt"
rm -rf "$scratch"
printf 'Wrote packaging/requirements.lock, requirements-dev.lock and requirements-package.lock\n'
