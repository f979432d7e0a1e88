# Every target sets up what it needs: a virtual environment from the lock, made once and used again.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

ESTATE ?= estates/demo.yaml
SEED ?= 7
DAYS ?= 3
FAULTS ?= default
ORDERS ?= 2000
DEFECTS ?= 5
STATE ?=
UI ?= 1
FRACTION ?= 1
REST ?= $(FRACTION)
ENGINE ?= both
JOBS ?=
DEMO := --estate $(ESTATE) --seed $(SEED) --days $(DAYS) --faults $(FAULTS) --orders $(ORDERS) --defects $(DEFECTS) $(if $(STATE),--state $(STATE)) $(if $(filter 0,$(UI)),--no-ui)

.PHONY: help demo test losses check crash bench dev docs lock
.DEFAULT_GOAL := help

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-7s %s\n", $$1, $$2}'

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"Cogent pipelines needs Python 3.11, 3.12 or 3.13; {sys.executable} is {v[0]}.{v[1]}. Try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing from requirements.lock (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## a retailer's days, faults and all, end to end on the sandbox (UI=0 ends with the books)
	@$(BIN)/cogent demo $(DEMO)

test: $(READY) ## every test (unit, rules, contract, flow, a part of the crash matrix) but for the losses
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m "not losses"

losses: $(READY) ## somebody else's history, then four stores lost one after the other, through Dagster
	@$(BIN)/python -m pytest -q -m losses

check: $(READY) ## lint, formatting, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

crash: $(READY) ## every write of every vendor x crash points x answers, on SQLite and on Postgres
	@$(BIN)/python -m cogent_pipelines_tests.outbox.matrix --engine $(ENGINE) --fraction $(FRACTION) --rest $(REST) $(if $(JOBS),--jobs $(JOBS))

bench: $(READY) ## measure against benchmarks/RESULTS.md's targets and rewrite it
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@$(BIN)/python benchmarks/run.py

dev: $(READY) ## Dagster's webserver and daemon on your own estate: make dev ESTATE=... STATE=...
	@$(BIN)/cogent dev --estate $(ESTATE) $(if $(STATE),--state $(STATE))

docs: $(READY) ## write the tables of the documents that come from the code
	@$(BIN)/python -m cogent_pipelines_tests.docs_tables

lock: ## make requirements.lock again (needs uv)
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-header --no-annotate --quiet --output-file requirements.lock
