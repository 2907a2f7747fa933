# Two commands are enough: `make serve` and `make test`. Everything they need is set up on the way.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests run side by side, a file always in one process; `make test PARALLEL=` runs them one after the other. One process more than
# there are cores, since servers under test are waited for now and then.
PROCESSES := $(shell $(PYTHON) -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))')
PARALLEL ?= -n $(PROCESSES) --dist loadfile --no-loadscope-reorder
# Where compiled modules are not kept, every process that a test starts compiles Calotype again.
unexport PYTHONDONTWRITEBYTECODE
.DEFAULT_GOAL := help
.PHONY: help setup serve test check unit fmt bench lock wheel clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Calotype needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/.python
	@echo "Installing Calotype into $(VENV) (once)..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo "Installing the development tools..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# A real S3-speaking server for the object store's tests, apart from our own packages because it pins others.
$(VENV)/.s3: tests/storage/s3_server.lock | $(VENV)/.python
	@echo "Installing the S3 server for tests..."
	@$(PYTHON) -m venv $(VENV)/s3-server
	@$(VENV)/s3-server/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/storage/s3_server.lock
	@touch $@

setup: $(VENV)/.dev $(VENV)/.s3  ## Make .venv with everything for development

serve: $(VENV)/.runtime  ## Start the server (http://127.0.0.1:8484) with its database and worker
	@exec $(BIN)/calotype serve

check: $(VENV)/.dev  ## Lint, formatting, types and import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

unit: $(VENV)/.dev $(VENV)/.s3  ## The quick tests: no server, no database
	$(BIN)/pytest $(PARALLEL) tests/domain tests/imaging tests/video tests/documents tests/storage tests/ai tests/sandbox tests/web

test: check $(VENV)/.s3  ## Everything: checks, unit, database and end-to-end tests
	$(BIN)/pytest $(PARALLEL) tests

bench: $(VENV)/.dev  ## Measure (see bench/README.md)
	$(BIN)/python -m bench

fmt: $(VENV)/.dev  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/.dev  ## Pin the newest allowed dependencies, with hashes
	$(BIN)/python scripts/lock.py

wheel: $(VENV)/.dev  ## Build dist/*.whl
	$(BIN)/python -m build --no-isolation --wheel

clean:  ## Remove what the build made (never the data folder)
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .hypothesis
