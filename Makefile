# Everything a person types. What each target does lives in deploy/local/ and in the packages; this file only names it.
.DEFAULT_GOAL := help
BIN := .venv/bin
CLUSTER := $(BIN)/python -m deploy.local
TYPED := contracts image_files runtime gateway orchestrator admin services deploy client/src bench tests
EXAMPLES := $(patsubst docs/examples/%/,services/%,$(wildcard docs/examples/*/))
ARGS ?=
MODELS := $(patsubst services/%/train.py,%,$(wildcard services/*/train.py))
comma := ,
space := $(subst ,, )

.PHONY: help
help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {gsub("%", "MODEL", $$1); printf "  \033[1m%-18s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv
venv:  ## Make .venv and install the locked packages (costs nothing when they are installed)
	@deploy/local/venv.sh

.PHONY: lock
lock: venv  ## Pin the newest releases that pyproject.toml allows into requirements/*.lock
	@deploy/local/lock.sh

.PHONY: pin-images
pin-images:  ## Write the newest digests of the public images into docker-compose.yml
	@deploy/docker/pin-images.sh

.PHONY: up
up: venv  ## Install what is missing, start everything, wait until it is ready (SHOWCASE_PORT=8100)
	@$(CLUSTER) up $(ARGS)

.PHONY: down
down: venv  ## Stop everything; the data stays
	@$(CLUSTER) down $(ARGS)

.PHONY: status
status: venv  ## Show each part's state, process, port, and whether it is ready
	@$(CLUSTER) status $(ARGS)

.PHONY: logs
logs: venv  ## Follow the logs, or one part's (PART=gateway)
	@$(CLUSTER) logs $(PART) $(ARGS)

.PHONY: reset
reset: venv  ## Stop everything and delete all data, after asking (FORCE=1 does not ask)
	@$(CLUSTER) reset $(if $(filter-out 0,$(FORCE)),--force) $(ARGS)

.PHONY: models
models: venv  ## Build the model archives that changed, into model-store/
	@$(CLUSTER) models

.PHONY: serve-model
serve-model: venv  ## Serve one model alone for direct calls, in the foreground (MODEL=digit_recognizer PORT=8080)
	@test -n "$(MODEL)" || { echo "Name the model: make $@ MODEL=digit_recognizer" >&2; exit 2; }
	@$(CLUSTER) prerequisites --only torchserve
	@$(BIN)/python -m services.archive $(MODEL) --store model-store >/dev/null
	@$(BIN)/python -m deploy.torchserve --models $(MODEL) $(if $(PORT),--port $(PORT)) $(ARGS)

.PHONY: samples
samples: venv  ## Write sample images for trying things out, into samples/
	@$(BIN)/python -m services.samples --out samples

.PHONY: lint
lint: venv  ## Check style, formatting, types and who may import whom
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy $(TYPED)
	@# The worked example of a model, where its imports find it: among the services, beside a link to what they share.
	@mkdir -p .local/examples/services
	@ln -sfn $(CURDIR)/services/__init__.py $(CURDIR)/services/common $(CURDIR)/docs/examples/* .local/examples/services/
	@ln -sfn $(CURDIR)/image_files .local/examples/
	cd .local/examples && ../../$(BIN)/mypy --config-file ../../pyproject.toml --cache-dir ../mypy $(EXAMPLES)
	$(BIN)/lint-imports
	cd client/src && ../../$(BIN)/lint-imports ../pyproject.toml

.PHONY: test
test: venv  ## Install what the tests need, build the models, run every test (ARGS="-k words" for some, COVERAGE=1 for a report)
	@$(CLUSTER) prerequisites --browser
	@$(CLUSTER) models
	@test -n "$(SHOWCASE_DATA)" || echo "SHOWCASE_DATA names no folder: the tests on the real data sets are left out."
	$(BIN)/pytest tests --ignore tests/faults --numprocesses 2 --dist loadfile $(if $(COVERAGE),--cov --cov-report=term) $(if $(SHOWCASE_DATA),,-m "not data") $(ARGS)

.PHONY: test-faults
test-faults: venv  ## Kill and stop every part under load, and write docs/faults.md (about ten minutes)
	@$(CLUSTER) prerequisites
	@$(CLUSTER) models
	$(BIN)/pytest tests/faults -p no:randomly -s $(ARGS)

.PHONY: test-compose
test-compose: venv  ## Run the system tests against the cluster of docker compose
	@$(CLUSTER) prerequisites --only database --browser
	$(BIN)/pytest tests/system --cluster compose $(if $(SHOWCASE_DATA),,-m "not data") $(ARGS)

.PHONY: test-container
test-container: venv  ## Run the system tests against the one container
	@$(CLUSTER) prerequisites --only database --browser
	$(BIN)/pytest tests/system --cluster container $(if $(SHOWCASE_DATA),,-m "not data") $(ARGS)

.PHONY: test-unit
test-unit: venv  ## Run the tests that need no other process
	$(BIN)/pytest tests/unit $(ARGS)

.PHONY: mutants
mutants: venv  ## Change the code line by line and list what no unit test notices (ARGS="'orchestrator.planning*'" for one package)
	-$(BIN)/mutmut run $(ARGS)
	@$(BIN)/mutmut results

# $(1): the module that does it, train or evaluate.
define check_model
	@test -f "services/$*/$(1).py" || { echo "No model has the name '$*'. Name one: $(1)-$(subst $(space),$(comma) $(1)-,$(MODELS))" >&2; exit 2; }
	@test -n "$(DATA)" || { echo "Name the folder that holds the data: make $@ DATA=/path/to/data" >&2; exit 2; }
	@test -d "$(DATA)" || { echo "There is no folder $(DATA). Name the one that holds the data: make $@ DATA=/path/to/data" >&2; exit 2; }
endef

train-%: venv  ## Train a model again from a data folder (DATA=...), say train-digit_recognizer
	$(call check_model,train)
	$(BIN)/python -m services.$*.train --data "$(DATA)" $(ARGS)

evaluate-%: venv  ## Measure a model on a data folder (DATA=...), say evaluate-digit_recognizer
	$(call check_model,evaluate)
	$(BIN)/python -m services.$*.evaluate --data "$(DATA)" $(ARGS)
