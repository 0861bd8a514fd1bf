#!/usr/bin/env bash
# Makes .venv: the versions of requirements-dev.lock and the project itself, editable; and compiles what of it is in C,
# where there is a compiler.
#
#   packaging/setup.sh [PYTHON]
#
# Without PYTHON it keeps a finished .venv, or makes one with the first python >= 3.11 found. A stamp, written
# last, tells a finished .venv from an interrupted one and names what it was made from; a second one does so for
# the compiled library. When nothing of that changed, this script starts one interpreter and is done.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# A user's settings for other projects must not redirect what is installed here.
unset PYTHONPATH PYTHONHOME PIP_USER PIP_TARGET PIP_PREFIX PIP_REQUIRE_VIRTUALENV

wanted=${1:-}
lock=packaging/requirements-dev.lock
stamp=.venv/.made-from
compiled_stamp=.venv/.compiled-from
library=aether_engine/native/_library.so
venv_python=.venv/bin/python

say() { printf '%s\n' "$*" >&2; }

# Prints three lines: what the venv itself depends on (interpreter, place), what is installed into it, and what the
# library is compiled from.
describe='
import hashlib, pathlib, sys
digest = lambda names: hashlib.sha256(b"\0".join(pathlib.Path(name).read_bytes() for name in names)).hexdigest()
print(sys.implementation.name, sys.version.split()[0], sys.base_prefix, pathlib.Path.cwd())
print(digest(sys.argv[1:3]))
print(digest(sorted(sys.argv[3:])))'
description() {
    "$1" -I -c "$describe" "$lock" pyproject.toml packaging/builds/native_library.py aether_engine/native/*.[ch] 2> /dev/null
}

is_recent_enough() { "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' > /dev/null 2>&1; }
can_make_venvs() { "$1" -I -c 'import ensurepip, venv' > /dev/null 2>&1; }

may_install_packages() {
    command -v apt-get > /dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2> /dev/null; }
}
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi; }

# Every python on the PATH, best first: a version manager's `python3` may stand before one that works.
candidates() {
    if [ -n "$wanted" ]; then
        type -P "$wanted" || true
    else
        local name
        for name in python3 python3.13 python3.12 python3.11; do type -ap "$name" || true; done
    fi
}

choose_python() {
    local candidate recent=
    while IFS= read -r candidate; do
        is_recent_enough "$candidate" || continue
        if can_make_venvs "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
        recent=${recent:-$candidate}
    done < <(candidates)

    if [ -z "$recent" ]; then
        if [ -n "$wanted" ]; then
            say "PYTHON=$wanted is no Python 3.11 or newer that starts."
        else
            say 'Aether Desktop needs Python 3.11 or newer, and none is on the PATH (looked for python3, python3.13,'
            say 'python3.12, python3.11). Install one, or name it: make test PYTHON=/path/to/python3.12'
        fi
        return 1
    fi
    local version package
    version=$("$recent" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    package=python$version-venv
    if may_install_packages; then
        say "$recent cannot make virtual environments yet; installing $package."
        { as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package" ||
            { as_root apt-get update -qq &&
                as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$package"; }; } >&2 || true
    fi
    if can_make_venvs "$recent"; then
        printf '%s\n' "$recent"
        return
    fi
    say "$recent cannot make virtual environments: its modules venv and ensurepip are missing."
    say "On Debian and Ubuntu: sudo apt-get install $package"
    return 1
}

# The same sources are compiled again where the library is gone, or another compiler is there than before.
compilation() { # description
    tail -n 1 <<< "$1"
    # shellcheck disable=SC2086
    type -P -- ${CC:-cc gcc clang} 2> /dev/null || true
    [ ! -e "$library" ] || echo "$library"
}
is_compiled() { [ -f "$compiled_stamp" ] && [ "$(cat "$compiled_stamp")" = "$(compilation "$now")" ]; }

is_finished() { # is .venv what the stamp says, and is that what is asked for now?
    [ -f "$stamp" ] && [ -x "$venv_python" ] || return 1
    made_from=$(cat "$stamp")
    now=$(description "$venv_python") || return 1
    if [ -n "$wanted" ]; then
        local asked
        asked=$(description "$wanted") || return 0 # choose_python says what is wrong with it
        [ "$(head -n 1 <<< "$asked")" = "$(head -n 1 <<< "$now")" ] || return 1
    fi
    [ "$made_from" = "$(head -n 2 <<< "$now")" ]
}

made_from='' now=''
if [ -n "$wanted" ] && ! is_recent_enough "$wanted"; then choose_python; fi
is_finished && is_compiled && exit 0

# Two `make`s at once: the second waits, and then finds the work done.
mkdir -p build
if command -v flock > /dev/null; then
    exec 9> build/setup.lock
    flock 9
fi

install() {
    if [ -n "$made_from" ] && [ -n "$now" ] && [ "$(head -n 1 <<< "$made_from")" = "$(head -n 1 <<< "$now")" ] &&
        { [ -z "$wanted" ] || [ "$(description "$wanted" | head -n 1)" = "$(head -n 1 <<< "$now")" ]; }; then
        say 'The lock or pyproject.toml changed: bringing .venv up to date.'
        rm -f "$stamp"
    else
        local python
        python=$(choose_python)
        say "Setting up .venv with $("$python" --version) ($python); this is done once and takes a minute or so."
        rm -rf .venv
        "$python" -m venv .venv
    fi
    pip install -qq --progress-bar off --require-hashes --requirement "$lock"
    pip install -qq --no-index --no-deps --no-build-isolation --editable .
    # An editable install copies the resources as they are now; the checkout's own are the ones to be found.
    rm -rf .venv/lib/python3*/site-packages/aether_desktop
    now=$(description "$venv_python")
    head -n 2 <<< "$now" > "$stamp.new"
    mv "$stamp.new" "$stamp"
    say 'Set up.'
}
pip() { "$venv_python" -m pip --disable-pip-version-check --no-input "$@"; }
if ! is_finished; then install; fi
if ! is_compiled; then
    # Whatever comes of it, nothing depends on it.
    PYTHONPATH=packaging "$venv_python" -m builds.native_library || true
    compilation "$now" > "$compiled_stamp"
fi
