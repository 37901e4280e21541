# make smoke   verify two rehearsal deployments, the way a real run verifies Preview and production
# make test    prove the harness        make lint   ruff, mypy and prose
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tests wait for servers and processes half of their time: two for each core of the smallest machine in use.
WORKERS ?= 4
# A gate is installed without the plugins that the tests of the harness bring; loading them takes longer than a run.
ALONE := PYTEST_ADDOPTS= PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTEST_PLUGINS=harness.options
# The commit that the rehearsal's deployments say they serve, and that a gate waits for.
REVISION := $(shell git rev-parse HEAD 2>/dev/null || echo 5ca1ab1e)
.DEFAULT_GOAL := help
# What is typed with another spelling, such as fault=x, would change nothing, and nobody would notice.
KNOWN := FAULT ARGS PARTS PYTHON WORKERS REVISION VENV
GIVEN := $(foreach name,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name)))),$(name)))
UNKNOWN := $(filter-out $(KNOWN) SHELL MAKE% -%,$(GIVEN))
$(if $(UNKNOWN),$(error there is no variable $(UNKNOWN); make knows $(KNOWN), in capitals: make smoke FAULT=reuses_token))
.PHONY: help setup smoke test selftest bench docs lint format lock clean

help:  ## what can be made
	@sed -n 's/^\([a-z]*\):.*## /make \1\t/p' $(MAKEFILE_LIST)

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python3 cannot make a virtual environment: install its venv module (Debian: python3-venv)"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

setup: $(STAMP)  ## make .venv and install what the project needs

smoke: $(STAMP)  ## run every check against two rehearsal deployments; FAULT=name breaks them
	@$(ALONE) $(BIN)/python -m rehearsal --revision $(REVISION) $(if $(FAULT),--fault $(FAULT)) -- $(BIN)/python -m pytest \
		--environments rehearsal/environments.yaml --revision $(REVISION) --env preview --env production $(ARGS)

test: $(STAMP)  ## prove the harness: each fault is caught by the checks that claim to, and by no other
	$(BIN)/python -m pytest tests -n $(WORKERS) --dist worksteal $(ARGS)

selftest: $(STAMP)  ## measure what is caught on every fault, and which attacks hold; write it into docs/
	@$(BIN)/python -m tools.selftest
	@$(BIN)/python -m tools.attacks

bench: $(STAMP)  ## measure side by side what a user would use instead, and write bench/results.md
	@$(BIN)/python -m bench $(PARTS)

docs: $(STAMP)  ## write what docs/ says of the code, and take the pictures where there is a Chromium
	@$(BIN)/python -m tools.documents
	@$(BIN)/python -m tools.screenshots --if-possible

lint: $(STAMP)  ## ruff, mypy, and how documents are written
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell *.md docs checks examples action.yml environments.yaml
	$(BIN)/python -m tools.prose

format: $(STAMP)  ## let ruff format and sort
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(STAMP)  ## resolve requirements/*.txt anew from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links -o requirements/gate.txt
	$(BIN)/uv pip compile --quiet pyproject.toml --extra source --constraint requirements/gate.txt --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links -o requirements/source.txt
	$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet requirements/bench.in --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links -o requirements/bench.txt

clean:  ## remove what make and the runs have made
	rm -rf $(VENV) reports .pytest_cache .mypy_cache .ruff_cache .hypothesis .bench
