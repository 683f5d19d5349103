# Everything runs from .venv, which this file fills step by step: the tool, the tests, the benchmarks.
PYTHON ?= python3
BIN := .venv/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check
OUTCOME ?= approved
unexport PYTHONDONTWRITEBYTECODE  # else each worker and child process compiles everything anew

.DEFAULT_GOAL := help
.PHONY: help demo local test check bench coverage mutants flakes policies pictures clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/tool  ## play one whole approval on this machine (OUTCOME=rejected|timed_out|api_failed|invalid_input plays the others)
	@$(BIN)/python -m storygate demo --outcome $(OUTCOME)

local: .venv/tool  ## an AWS on this machine, with storygate deployed to it, until Ctrl-C
	@$(BIN)/python -m storygate local

test: check  ## everything that CI runs: lint, types, tests
	@$(BIN)/python -m pytest

check: .venv/dev  ## lint, format and types, without the tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy

bench: .venv/bench  ## measure speed, cost and scale against their goals (docs/performance.md)
	@$(BIN)/python -m benchmarks

coverage: .venv/bench  ## which branches the tests take
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

mutants: .venv/bench  ## change the decision's code one thing at a time, and see which change no test notices (docs/mutants.md)
	@$(BIN)/mutmut run
	@$(BIN)/mutmut results

flakes: .venv/dev  ## run the tests until one fails, at most twenty times
	@for run in $$(seq 20); do echo "run $$run of 20"; $(BIN)/python -m pytest || exit 1; done

policies: .venv/tool  ## write the functions' policies of every stage from tools/policies.py
	@$(BIN)/python -m tools.policies

pictures: .venv/dev  ## take the README's pictures anew (needs Chromium)
	@$(BIN)/python -m docs.pictures

clean:  ## remove the virtual environment and what tools left behind
	rm -rf .venv mutants .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis .chalice/deployed .chalice/deployments .chalice/venv
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/tool: requirements-tool.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "storygate needs Python 3.11 or newer; try make PYTHON=python3.12")'
	@echo "installing into .venv (once)"
	@$(PYTHON) -m venv .venv
	@$(PIP) -r requirements-tool.txt
	@touch $@

.venv/dev: .venv/tool requirements-dev.txt
	@echo "installing what the tests need into .venv (once)"
	@$(PIP) -r requirements-dev.txt
	@touch $@

.venv/bench: .venv/dev requirements-bench.txt
	@echo "installing what the benchmarks need into .venv (once)"
	@$(PIP) -r requirements-bench.txt
	@touch $@
