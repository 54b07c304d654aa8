#!/bin/sh
# Makes .venv and installs what requirements/ locks. Costs nothing while the locks stay the same. PYTHON names the Python.
set -eu
cd "$(dirname "$0")/../.."
. deploy/local/python.sh

say() { printf '%s\n' "$*"; }
fail() { printf 'make venv: %s\n' "$*" >&2; exit 1; }

# The path counts because the scripts in .venv/bin carry it: a moved checkout needs a new one.
digest=$({ pwd; cat requirements/development.lock requirements/torch.txt client/pyproject.toml contracts/version.py; } | sha256sum | cut -d' ' -f1)
stamp=.venv/.installed
up_to_date() { [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ] && is_supported_python .venv/bin/python; }
up_to_date && exit 0

# Two calls at once (a test run beside `make up`) take turns; the second then finds the work done.
mkdir -p .local
chmod 700 .local
exec 9>.local/venv.lock
flock 9
up_to_date && exit 0

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }
install() {
    say "Installing $*."
    mkdir -p .local/logs
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o DPkg::Lock::Timeout=300 "$@"; } >.local/logs/apt.log 2>&1 </dev/null ||
        { tail -n 15 .local/logs/apt.log >&2; fail "apt-get could not install $*; see above."; }
}
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        choose_python "$PYTHON"
    else
        # Twice by the path: PATH may hold a version manager's wrappers, which fail for a version that is not chosen.
        choose_python python3.11 python3 /usr/bin/python3.11 /usr/bin/python3 \
            python3.12 python3.13 /usr/bin/python3.12 /usr/bin/python3.13
    fi
}

if ! is_supported_python .venv/bin/python; then
    find_python
    untried=
    if [ -z "$python" ] && [ -z "${PYTHON:-}" ]; then
        if can_install; then
            install python3 python3-venv
            find_python
            untried=" apt-get's newest python3 is none of them."
        else
            untried=" Not tried: installing one, which needs root and apt-get (apt-get install python3 python3-venv)."
        fi
    fi
    [ -n "$python" ] || fail "one of Python $SUPPORTED_PYTHONS is needed. Tried: $tried.$untried \
Name one that you have: make venv PYTHON=/path/to/python3"

    # A Debian python3 without its venv package has no ensurepip.
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        can_install || fail "$python cannot make virtual environments. As root, run: apt-get install python3-venv"
        install python3-venv
    fi
    note=
    [ "$python_version" = "$TESTED_PYTHON" ] || note=" The tests run on Python $TESTED_PYTHON only."
    say "Making .venv with Python $python_version ($python).$note"
    "$python" -m venv --clear .venv || fail "$python could not make .venv; see above."
fi

pip() { .venv/bin/python -m deploy.local.pip_progress "$@"; }
say "Installing the locked packages (a minute or two the first time)."
pip install --progress-bar off --require-hashes --requirement requirements/development.lock ||
    fail "pip could not install requirements/development.lock; see above. Run make venv again to go on where it stopped."
pip install --progress-bar off --requirement requirements/torch.txt ||
    fail "pip could not install requirements/torch.txt; see above. Run make venv again to go on where it stopped."
# The client from its folder, so that the command showcase is there; all that it needs is locked above.
.venv/bin/python -m pip --disable-pip-version-check -qq install --no-deps --no-build-isolation --no-index --editable ./client ||
    fail "pip could not install client/; see above. Run make venv again to go on where it stopped."
printf '%s\n' "$digest" >"$stamp"
