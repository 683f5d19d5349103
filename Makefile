# Everything runs from .venv. tools/install.py installs into it what a target needs.
PYTHON ?= python3
BIN := .venv/bin
OUTCOME ?= approved
ARGS ?=
# Run a command that says itself why it failed. Make then ends at SIGQUIT: it exits 1 without a line of its own, after it
# has waited for this shell, which must not have ended before. Where shells ignore SIGQUIT, as for what runs in the
# background, the second line fails as usual.
define run
@rm -f $(BIN)/failed-$@-$(OUTCOME); $(1) || { touch $(BIN)/failed-$@-$(OUTCOME); kill -s QUIT $$PPID; sleep 1; }
@test ! -e $(BIN)/failed-$@-$(OUTCOME)
endef
unexport PYTHONDONTWRITEBYTECODE  # else each worker and child process compiles every module again

.DEFAULT_GOAL := help
.PHONY: help demo local quick quick-others quick-handlers test check lint proofs bench coverage mutants flakes policies docs drawing pins pictures clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/local  ## play one whole approval on this machine (OUTCOME=rejected|timed_out|api_failed|invalid_input plays the others)
	$(call run,$(BIN)/storygate demo --outcome $(OUTCOME))

local: .venv/local  ## an AWS on this machine, with storygate deployed to it, until Ctrl-C (ARGS="--aws-port 4567" passes flags on)
	$(call run,$(BIN)/storygate local $(ARGS))

# Two plain processes: workers of pytest-xdist would spend a third of the time on talking to each other.
quick: .venv/test  ## in 20 seconds, what a change usually breaks: lint, handlers, workflow, docs
	@$(MAKE) --no-print-directory -k -j 2 $(if $(filter output-sync,$(.FEATURES)),-O) lint quick-others quick-handlers
quick-others: PATHS = tests/statemachine tests/docs tests/package/test_pins.py tests/policies/test_policy_files.py \
	tests/storygate/support tests/storygate/stage tests/storygate/runs tests/storygate/operations
quick-handlers: PATHS = tests/chalicelib
# The slow ones are for `make test`.
SLOW = properties dynamodb_local reference_engines many_runs hostile_bodies hostile_requests
quick-others quick-handlers:
	@$(BIN)/python -m pytest -n 0 $(PATHS) $(foreach name,$(SLOW),--ignore-glob='*/test_$(name).py') \
		-k "not cfn_lint and not million"

test: check  ## everything that CI runs: lint, types, tests
	@$(BIN)/python -m pytest

check: lint  ## lint, format and types, without the tests
	@$(BIN)/mypy

lint: .venv/test
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .

proofs: .venv/test  ## print the tables of two proofs: the decision protocol, and least privilege
	@$(BIN)/python -m pytest --proofs tests/protocol tests/policies

bench: .venv/bench  ## measure speed, cost and scale against their goals (docs/measured.md)
	@$(BIN)/python -m benchmarks

coverage: .venv/bench  ## which branches the tests take
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

mutants: .venv/bench  ## change the decision's code one thing at a time, and see which change no test notices (docs/measured.md)
	@$(BIN)/mutmut run
	@$(BIN)/mutmut results

flakes: .venv/test  ## run the tests until one fails, at most twenty times
	@for run in $$(seq 20); do echo "run $$run of 20"; $(BIN)/python -m pytest || exit 1; done

policies: .venv/test  ## write the functions' policies of every stage from storygate/stage/policies.py
	@$(BIN)/python -m storygate.stage.policies

docs: .venv/local  ## write docs/commands.md, and the tables of docs/operate.md, from the code
	@$(BIN)/python -m tools.docs

drawing: .venv/local  ## lay out the workflow's drawing again, after a change of its states (needs Node)
	@npm --prefix tools/drawing ci --silent
	@$(BIN)/python -m tools.drawing.lay_out

# uv alone decides, by pyproject.toml and the public index: no settings of this machine. The largest file comes first.
COMPILE = env $(addprefix -u ,$(filter UV_%,$(.VARIABLES))) uv pip compile --no-config --quiet --universal \
	--python-version 3.11 --no-annotate --custom-compile-command "make pins" pyproject.toml --extra local $(ARGS)
pins:  ## write requirements-*.txt from pyproject.toml, with uv (ARGS=--upgrade takes newer versions)
	$(COMPILE) --group bench --output-file requirements-bench.txt
	$(COMPILE) --group test --constraint requirements-bench.txt --output-file requirements-test.txt
	$(COMPILE) --constraint requirements-bench.txt --output-file requirements-local.txt

pictures: .venv/test  ## take the README's pictures again (needs Chromium)
	@$(BIN)/python -m tools.pictures

clean:  ## remove the virtual environment and what tools left behind
	rm -rf .venv mutants .coverage* .pytest_cache .mypy_cache .ruff_cache .hypothesis .chalice/deployed .chalice/deployments .chalice/venv
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/%: requirements-%.txt
	@$(PYTHON) tools/install.py $*
	@touch $@
