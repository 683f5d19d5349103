# Everything runs from .venv, which this file builds from requirements-dev.txt.
PYTHON ?= python3
BIN := .venv/bin
OUTCOME ?= approved

.DEFAULT_GOAL := help
.PHONY: help demo test check local clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/ready  ## play one whole approval on this machine (OUTCOME=rejected|timed_out|api_failed|invalid_input plays the others)
	@$(BIN)/python -m storygate demo --outcome $(OUTCOME)

local: .venv/ready  ## an AWS on this machine, with storygate deployed to it, until Ctrl-C
	@$(BIN)/python -m storygate local

test: check  ## everything that CI runs: lint, types, tests
	@$(BIN)/python -m pytest

check: .venv/ready  ## lint, format and types, without the tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

clean:  ## remove the virtual environment and what tools left behind
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .chalice/deployed .chalice/deployments .chalice/venv
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "storygate needs Python 3.11 or newer; try make PYTHON=python3.12")'
	@echo "installing into .venv (once)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
