# Everything a person or a machine does with this checkout. `make help` lists it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-test
BENCH_STAMP := $(VENV)/.installed-bench
MUTANTS_STAMP := $(VENV)/.installed-mutants
PIP_WHEEL := $(firstword $(wildcard deploy/bootstrap/pip-*.whl))
PYTEST := $(BIN)/pytest
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PYTHONDONTWRITEBYTECODE =

.PHONY: help setup setup-test demo test test-services check lint types imports format bench bench-services fault clock-case calendar-case signatures strangers clean requirements mutants translations rule-tables changelog release

help:  ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

setup: $(STAMP)  ## Virtual environment with pinned wheels; needs no root
setup-test: $(TEST_STAMP)  ## The same, with what the tests need

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (found: `$(PYTHON) --version 2>&1`). Set PYTHON=…"; exit 1; }
	@$(PYTHON) -m venv --without-pip $(VENV)
	@$(BIN)/python $(PIP_WHEEL)/pip install -q --no-index --disable-pip-version-check $(PIP_WHEEL)

$(STAMP): $(BIN)/python requirements/runtime.txt pyproject.toml
	@echo "Installing pinned packages (once)…"
	@$(BIN)/python -m pip install -q --require-hashes --only-binary :all: -r requirements/runtime.txt
	@$(BIN)/python deploy/bootstrap/link_checkout.py
	@touch $@

$(TEST_STAMP): $(STAMP) requirements/test.txt
	@$(BIN)/python -m pip install -q --require-hashes -r requirements/test.txt
	@touch $@

$(BENCH_STAMP): $(TEST_STAMP) requirements/bench.txt
	@$(BIN)/python -m pip install -q --require-hashes -r requirements/bench.txt
	@touch $@

$(MUTANTS_STAMP): $(TEST_STAMP) requirements/mutants.txt
	@$(BIN)/python -m pip install -q --require-hashes -r requirements/mutants.txt
	@touch $@

demo: setup  ## The whole service on this machine with sample documents (DEMO_EXIT=1: stop after the table)
	@$(BIN)/chartrier demo

test: setup-test  ## Every test; what cannot run here is counted and printed
	@$(BIN)/python tests/run.py

test-services: setup-test  ## Every test that starts real servers (MinIO, PostgreSQL …), none skipped; installs them as root
	@tests/servers/install.sh
	@REQUIRE_SERVICES=1 $(BIN)/python tests/run.py --services

check: lint types imports  ## Format, lint, types, import contracts

lint: setup-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup-test  ## Rewrite in the house format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: setup-test
	$(BIN)/mypy

imports: setup-test
	$(BIN)/lint-imports

signatures: setup-test  ## Every signed document that may arrive, genuine and forged, and what each is called
	SIGNATURES=whole $(PYTEST) tests/unit/signing/test_arriving.py -q -n 0

fault: setup-test  ## The long fault runs: kills at random moments, flushed broker
	FAULT=long $(PYTEST) tests/fault -q

clock-case: setup-test  ## A start under a clock one year ahead, by faketime, must end no dated hold
	$(BIN)/python -m tests.fault.clock_case

calendar-case: setup-test  ## The service at each clock of the calendar of proofs (0 to +31 years, 2050, -10), by faketime
	$(BIN)/python -m tests.fault.calendar_case $(CLOCKS)

strangers: setup-test  ## Our verifier and one in Go over altered bundles (COUNT=1000 SEED=1); needs Go
	$(BIN)/python -m tests.strangers $(if $(COUNT),--count $(COUNT)) $(if $(SEED),--seed $(SEED))

bench: $(BENCH_STAMP)  ## Ratios against peers in the same run; CORPUS=dir takes your own scans (PARTS="retention")
	$(BIN)/python -m tests.bench $(if $(CORPUS),--corpus $(CORPUS)) $(PARTS)

bench-services: setup-test  ## The service on a department's servers: deposits/s, lag, memory, scaling (PARTS="receipts lag")
	@tests/servers/install.sh
	$(BIN)/python -m tests.bench.services $(PARTS)

translations: setup-test  ## Bring the English catalogue up to date and compile it; fails while a sentence lacks English
	$(BIN)/python -m tests.translations

rule-tables: setup-test  ## Write the tables of the rule packs (docs/retention-pack-*.md) from rules/
	$(BIN)/python -m tests.pack_tables

changelog: setup-test  ## Gather the news of changelog/ into CHANGELOG.md, under today's date
	$(BIN)/towncrier build --yes --version $$($(BIN)/hatchling version)

release: setup-test  ## dist/: sdist, wheel, bill of materials, notes, checksums (RELEASE_KEY=… signs them)
	$(BIN)/python -m deploy.release $(if $(RELEASE_KEY),--key $(RELEASE_KEY))

mutants: $(MUTANTS_STAMP)  ## Break pure modules and guards line by line; which breaks no near test notices (GROUPS="signing journal")
	$(BIN)/python -m tests.mutants $(GROUPS)

requirements: setup-test  ## Pin again (needs uv)
	uv pip compile pyproject.toml --universal --generate-hashes --no-header -q --extra test --extra pytesseract -o requirements/test.txt
	uv pip compile pyproject.toml --universal --generate-hashes --no-header -q -c requirements/test.txt -o requirements/runtime.txt
	uv pip compile pyproject.toml --universal --generate-hashes --no-header -q --extra test --extra pytesseract --extra bench -c requirements/test.txt -o requirements/bench.txt
	uv pip compile pyproject.toml --universal --generate-hashes --no-header -q --extra test --extra pytesseract --extra mutants -c requirements/test.txt -o requirements/mutants.txt

clean:
	rm -rf build .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
