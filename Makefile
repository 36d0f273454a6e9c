# Everything a developer does, and everything CI does. `make` alone lists the targets.
# Needs python3 (3.11 or later, with venv), git and make; all else goes into .venv, in exact versions.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
OPINIONS := .venv/opinions
OPINIONS_STAMP := $(OPINIONS)/.installed
PYTEST := $(BIN)/pytest -n 2

# These decide what is created, destroyed and trusted: every branch of them is tested.
DECIDING := model diff plan checks
comma := ,
empty :=
space := $(empty) $(empty)
DECIDING_FILES := $(subst $(space),$(comma),$(foreach name,$(DECIDING),reconciler/$(name).py reconciler/$(name)/*))

.PHONY: help setup opinions demo test check ci soak bench golden fmt lint types imports cov properties mutants clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv and install everything in exact versions

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or later is needed, and '$(PYTHON)' is not that: install it, or say make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv module is missing: install it (Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt hatchling editables
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[all,test]'
	@$(BIN)/python -m compileall -q reconciler  # as pip does for what it installs: some environments forbid Python to do it later
	@touch $@

opinions: $(OPINIONS_STAMP) ## Install the second opinions on the sandbox; needs node and npm

$(OPINIONS_STAMP): tests/opinions/package.json tests/opinions/package-lock.json tests/opinions/requirements.txt | $(STAMP)
	@command -v node >/dev/null && command -v npm >/dev/null || { \
	  echo "node and npm are missing: install them (Debian and Ubuntu: apt-get install nodejs npm)" >&2; exit 1; }
	mkdir -p $(OPINIONS)
	cp tests/opinions/package.json tests/opinions/package-lock.json $(OPINIONS)
	npm ci --prefix $(OPINIONS) --ignore-scripts --no-audit --no-fund --loglevel=error
	$(PYTHON) -m venv $(OPINIONS)/python  # one of its own: it wants another botocore
	$(OPINIONS)/python/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r tests/opinions/requirements.txt
	@touch $@

demo: $(STAMP) ## Play the whole story on the sandbox
	$(BIN)/reconciler demo

test: $(STAMP) ## The quick suite, under five minutes on two cores
	HYPOTHESIS_PROFILE=test $(PYTEST)

check: lint types imports test ## What to run before a commit

ci: export SECOND_OPINIONS := required
ci: test opinions lint types imports cov properties ## What CI runs: the quick suite, the linters, every test, the properties at length

properties: $(STAMP) ## Every property with 2,000 examples; uncovered, which halves their time
	HYPOTHESIS_PROFILE=ci $(PYTEST) -m hypothesis -o faulthandler_timeout=0

mutants: $(STAMP) ## Change what decides in one place after another, and see whether a test notices
	$(BIN)/python -m tests.mutation

soak: $(STAMP) ## Every property with 100,000 examples; takes hours
	HYPOTHESIS_PROFILE=soak $(PYTEST) -m hypothesis -o faulthandler_timeout=0

bench: $(STAMP) ## Measure the plan, drift and the sandbox against their limits
	$(BIN)/python -m tests.bench

golden: $(STAMP) ## Write the golden files anew; review them with git diff
	HYPOTHESIS_PROFILE=test $(PYTEST) -m '' --snapshot-update
	$(BIN)/python -m tests.docs.excerpt

fmt: $(STAMP) ## Format, and mend what can be mended without thought
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lint: $(STAMP) ## ruff, spelling, and the project file itself
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/validate-pyproject pyproject.toml

types: $(STAMP) ## mypy --strict
	$(BIN)/mypy

imports: $(STAMP) ## The rules of the house: who may import whom
	$(BIN)/lint-imports --no-logo

cov: $(STAMP) ## Every test, with the coverage gates
	$(BIN)/coverage erase
	HYPOTHESIS_PROFILE=test $(PYTEST) -m '' --cov --cov-report=
	$(BIN)/coverage report --fail-under=90
	$(BIN)/coverage report --fail-under=100 --include='$(DECIDING_FILES)'

clean: ## Remove .venv, caches and measurements
	rm -rf .venv build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
