# Everything a person types. What each target does lives in deploy/local/ and in the packages; this file only names it.
.DEFAULT_GOAL := help
PYTHON_BIN := .venv/bin/python

.PHONY: help
help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z_-]+:.*## / {printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv
venv:  ## Make .venv and install the locked packages (costs nothing when they are installed)
	@deploy/local/venv.sh

.PHONY: lock
lock: venv  ## Pin the newest releases that pyproject.toml allows into requirements/*.lock
	@deploy/local/lock.sh
