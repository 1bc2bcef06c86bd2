#!/bin/sh
# Make .venv, or bring it up to date: the package (editable) and the dependency groups that are
# named, at the versions of constraints.txt. With uv where it is on PATH, else with venv and pip.
#
#   tools/environment.sh [GROUP ...]
#
# PYTHON=/path/to/python chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."

is_recent() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1
}

# A name on PATH may be a shim that refuses to start, so each candidate is run.
find_python() {
    for name in ${PYTHON:-} python3.13 python3.12 python3.14 python3 python; do
        if is_recent "$name"; then
            "$name" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    echo "bayesgmm needs Python 3.12 or newer, and neither python3.13, python3.12, python3.14," \
        "python3 nor python is; install one, or name one: make PYTHON=/path/to/python" >&2
    exit 1
}

groups=""
for group in "$@"; do groups="$groups --group $group"; done

has_uv=no
if command -v uv >/dev/null 2>&1; then has_uv=yes; fi

if ! is_recent .venv/bin/python; then
    python=$(find_python)
    echo "Making the environment in .venv with $("$python" --version) (uv: $has_uv)"
    if [ $has_uv = yes ]; then
        uv venv --quiet --clear --no-project --python "$python" .venv
    else
        "$python" -m venv --clear .venv
    fi
fi

echo "Installing the package${groups:+ and}$groups; the first time this takes a few minutes"
# An environment made by uv has no pip, and uv can serve one that has.
if [ $has_uv = yes ]; then
    # As pip does: else each process compiles all that it imports until one may write it down.
    # shellcheck disable=SC2086
    uv pip install --quiet --compile-bytecode --python .venv/bin/python -c constraints.txt -e . $groups
else
    if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        .venv/bin/python -m ensurepip --upgrade >/dev/null
    fi
    # Dependency groups need pip 25.1.
    .venv/bin/python -m pip install --quiet -c constraints.txt "pip>=25.1"
    # shellcheck disable=SC2086
    .venv/bin/python -m pip install --quiet -c constraints.txt -e . $groups
fi
