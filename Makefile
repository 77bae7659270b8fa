# Two commands matter: `make run` starts a proxy to play with, `make test` runs the whole suite.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Tests wait for processes and disks more than they compute, so more of them than cores may run at once.
TESTERS ?= 3
# How many worlds `make simulate` plays; SIMULATE=--bugs plants bugs in the house and sees that they are found.
SEEDS ?= 500
# How often `make rig` kills the server, and from which seed everything is rolled.
KILLS ?= 100
MINUTES ?= 30
SEED ?= 1

.PHONY: run test lint format bench rig simulate soak clean

run: $(STAMP)
	@$(BIN)/faregate demo

test: $(STAMP) lint
	$(BIN)/python tests/sdk/build.py
	$(BIN)/python tests/sdk/node/build.py
	$(BIN)/python tests/support/debian.py
	$(BIN)/pytest -n $(TESTERS) --dist loadscope

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)
	$(BIN)/python -m benchmarks.json_call

simulate: $(STAMP)
	@$(BIN)/python -m simulator --seeds $(SEEDS) $(SIMULATE)

rig: $(STAMP)
	@cd tests && ../$(BIN)/python -m rig --kills $(KILLS) --seed $(SEED) $(RIG)

soak: $(STAMP)
	@cd tests && ../$(BIN)/python -m rig.soak --minutes $(MINUTES) --seed $(SEED) $(SOAK)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable . --group dev
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
