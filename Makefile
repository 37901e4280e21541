# `make help` lists the targets. `make smoke` shows the harness at work on two deployments of this machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tests wait for servers and processes half of their time: three for each core of the smallest machine in use.
WORKERS ?= 6
# The folders of the tests may be in memory: of the last run only those of the tests that failed are kept.
KEPT := -o tmp_path_retention_policy=failed -o tmp_path_retention_count=1
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

help:  ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /\1 /p' $(MAKEFILE_LIST) | while read -r name what; do printf 'make %-9s %s\n' "$$name" "$$what"; done

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python3 cannot make a virtual environment: install its venv module (Debian: python3-venv)"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

setup: $(STAMP)  ## create .venv and install everything that the project needs

smoke: $(STAMP)  ## start two small deployments and verify both; FAULT=name breaks them
	@$(ALONE) $(BIN)/python -m rehearsal --revision $(REVISION) $(if $(FAULT),--fault $(FAULT)) -- $(BIN)/python -m pytest \
		--environments rehearsal/environments.yaml --revision $(REVISION) --env preview --env production $(ARGS)

test: $(STAMP)  ## run the tests of the harness; ARGS="-k name" selects some
	$(BIN)/python -m pytest tests -n $(WORKERS) --dist worksteal $(KEPT) $(ARGS)

selftest: $(STAMP)  ## try every fault and every attack, and write docs/detection.md and docs/safety.md
	@$(BIN)/python -m tools.selftest
	@$(BIN)/python -m tools.attacks

bench: $(STAMP)  ## measure the gate beside other tools, and write bench/results.md; PARTS=name selects
	@$(BIN)/python -m bench $(PARTS)

docs: $(STAMP)  ## write the generated documents, and the pictures if there is a Chromium
	@$(BIN)/python -m tools.documents
	@$(BIN)/python -m tools.screenshots --if-possible

lint: $(STAMP)  ## check the code with ruff and mypy, and the words with codespell and tools.prose
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell *.md docs checks examples action.yml environments.yaml
	$(BIN)/python -m tools.prose

format: $(STAMP)  ## format the code with ruff
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(STAMP)  ## pin requirements/*.txt again from pyproject.toml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links -o requirements/gate.txt
	$(BIN)/uv pip compile --quiet pyproject.toml --extra source --constraint requirements/gate.txt --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links -o requirements/source.txt
	$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet requirements/bench.in --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links -o requirements/bench.txt

clean:  ## delete .venv, reports and caches
	rm -rf $(VENV) reports .pytest_cache .mypy_cache .ruff_cache .hypothesis .bench
