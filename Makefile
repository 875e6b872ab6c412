# make demo: install and score the reference agents.  make test: install and run every check.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/pip install --quiet --constraint constraints.txt
FAMILY ?= SmileAntGoal-v0
AGENTS ?= expert task-blind retrieve-and-play meta-bc smile

.PHONY: demo test benchmark clean

demo: $(VENV)/installed
	$(BIN)/smile-bench evaluate --family $(FAMILY) --agent $(AGENTS)

test: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n auto

benchmark: $(VENV)/installed-dev
	$(PIP) --editable ".[bench]"
	$(BIN)/pytest tests/benchmarks --benchmark-only

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable ".[baselines]"
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) --editable ".[baselines,irl,minari,render,docs,dev]"
	touch $@

clean:
	rm -rf $(VENV)
