#!/bin/sh
# Makes .venv with Python 3.11 and installs what requirements/ locks. Costs nothing while the locks stay the same.
set -eu
cd "$(dirname "$0")/../.."

say() { printf '%s\n' "$*"; }
fail() { printf 'make venv: %s\n' "$*" >&2; exit 1; }

is_311() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; }

# The path counts because the scripts in .venv/bin carry it: a moved checkout needs a new one.
digest=$({ pwd; cat requirements/development.lock requirements/torch.txt client/pyproject.toml contracts/version.py; } | sha256sum | cut -d' ' -f1)
stamp=.venv/.installed
up_to_date() { [ "$(cat "$stamp" 2>/dev/null)" = "$digest" ] && is_311 .venv/bin/python; }
up_to_date && exit 0

# Two calls at once (a test run beside `make up`) take turns; the second then finds the work done.
mkdir -p .local
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
    for candidate in "${PYTHON:-python3}" python3 python3.11 /usr/bin/python3.11; do
        if is_311 "$candidate"; then python=$candidate; return; fi
    done
}

python=
find_python
if [ -z "$python" ] && can_install; then
    install python3 python3-venv
    find_python
fi
[ -n "$python" ] || fail "Python 3.11 is needed and $(python3 --version 2>/dev/null || echo 'no python3') was found. \
Install Python 3.11 and name it: make venv PYTHON=/path/to/python3.11"

if ! is_311 .venv/bin/python; then
    # A Debian python3 without its venv package has no ensurepip.
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        can_install || fail "$python cannot make virtual environments. As root, run: apt-get install python3-venv"
        install python3-venv
    fi
    say "Making .venv with $("$python" --version)."
    "$python" -m venv --clear .venv || fail "$python could not make .venv; see above."
fi

pip() { .venv/bin/python -m pip --disable-pip-version-check -qq "$@"; }
say "Installing the locked packages (a minute or two the first time)."
pip install --require-hashes --requirement requirements/development.lock ||
    fail "pip could not install requirements/development.lock; see above. Run make venv again to go on where it stopped."
pip install --requirement requirements/torch.txt ||
    fail "pip could not install requirements/torch.txt; see above. Run make venv again to go on where it stopped."
# The client from its folder, so that the command showcase is there; all that it needs is locked above.
pip install --no-deps --no-build-isolation --no-index --editable ./client ||
    fail "pip could not install client/; see above. Run make venv again to go on where it stopped."
printf '%s\n' "$digest" >"$stamp"
