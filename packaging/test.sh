#!/usr/bin/env bash
# Lint, types and tests. Every part runs, whatever the others find; any that fails fails the whole.
#
#   packaging/test.sh [--only-lint | arguments for pytest]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
unset PYTHONPATH PYTHONHOME

python=.venv/bin/python
failed=()
heading() { printf '\n== %s\n' "$*"; }

mkdir -p build
types=build/mypy.txt
# Beside the tests, on the second core; its output is shown in one piece when they are done.
$python -m mypy --no-color-output > "$types" 2>&1 &
mypy=$!
trap 'kill "$mypy" 2> /dev/null' EXIT

heading 'ruff check'
$python -m ruff check || failed+=('ruff check')
heading 'ruff format --check'
$python -m ruff format --check || failed+=('ruff format')

if [ "${1:-}" != --only-lint ]; then
    heading pytest
    # File by file in as many processes as there are processors: what a file shares is made once. In the order of the
    # files, since those with few tests are not the short ones.
    QT_QPA_PLATFORM=offscreen $python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile \
        --no-loadscope-reorder "$@" || failed+=(pytest)
fi

heading mypy
wait "$mypy" || failed+=(mypy)
trap - EXIT
cat "$types"

if [ "${#failed[@]}" -gt 0 ]; then
    printf '\nFAILED:'
    printf ' %s;' "${failed[@]}" | sed 's/;$//'
    printf '\n'
    exit 1
fi
printf '\nAll checks passed.\n'
