#!/bin/sh
# Pins every dependency of pyproject.toml, with hashes, into requirements/*.lock.
#
#   development.lock  everything: what `make venv` installs
#   runtime.lock      what a gateway or an orchestrator needs and nothing else
#   cluster.lock      the whole local cluster besides torch: what the one container holds
#   services.lock     what a model server needs besides torch
#
# torch itself stands unhashed in requirements/torch.txt: which build of the release is right (processor only, or one of
# several GPU builds) differs from machine to machine, and a hash would allow only one of them. What torch depends on is
# locked like the rest; it is resolved from the processor-only build where pip is pointed at one by PIP_FIND_LINKS.
set -eu
cd "$(dirname "$0")/../.."
export UV_FIND_LINKS="${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}}"

pin() {
    output="$1"
    shift
    .venv/bin/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-package torch \
        --no-header --no-emit-find-links "$@" --output-file "requirements/$output"
}

pin development.lock pyproject.toml --group services --group cluster --group training --group client --group dev
pin runtime.lock pyproject.toml --constraints requirements/development.lock
pin cluster.lock pyproject.toml --group services --group cluster --constraints requirements/development.lock
pin services.lock --group services --constraints requirements/development.lock
