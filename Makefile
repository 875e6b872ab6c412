# make demo: install and score the reference agents.
# make check: install, then lint, types, imports and the fast tests. For while you work.
# make test: the same with every test. For before you share.
# make docs: build the documentation site, to be read from disk.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/pip install --quiet --constraint constraints.txt
FAMILY ?= SmileAntGoal-v0
AGENTS ?= expert task-blind retrieve-and-play meta-bc smile

.PHONY: demo lint check test docs benchmark clean

demo: $(VENV)/installed
	$(BIN)/smile-bench evaluate --family $(FAMILY) --agent $(AGENTS)

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint
	$(BIN)/pytest -n auto --dist worksteal -m "not slow"

test: lint
	$(BIN)/pytest -n auto --dist worksteal

docs: $(VENV)/installed-dev
	$(BIN)/python -m tools.docs.build

benchmark: $(VENV)/installed-dev
	$(PIP) --editable ".[bench]"
	$(BIN)/pytest tests/benchmarks --benchmark-only

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable ".[baselines]"
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) --editable ".[baselines,irl,minari,render,docs,study,ray,slurm,sb3,dev]"
	touch $@

clean:
	rm -rf $(VENV)
