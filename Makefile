# Every target does its own set-up; run again, it installs nothing unless the lock or pyproject changed.
# Another Python: make PYTHON=/path/to/python3.12 report

IS_FIT := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
# 3.13 last: there causalml has no wheel and is compiled, which takes minutes and a C compiler.
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python3.13 python; do \
	$$p -c '$(IS_FIT)' 2>/dev/null && { echo $$p; break; }; done)
BIN := .venv/bin
READY := .venv/.installed
UV := $(shell sed -n 's/^uv==\([^ ;]*\).*/\1/p' requirements.lock)
PARALLEL := -n 2 --dist loadfile
# More workers for the unit tests, as many of them wait for Spark.

.DEFAULT_GOAL := help
.PHONY: help report test lint unit slow simulate coverage notebooks-test lab notebooks bench lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1|/p' Makefile | while IFS='|' read -r name what; do printf 'make %-10s %s\n' "$$name" "$$what"; done

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" && $(PYTHON) -c '$(IS_FIT)' 2>/dev/null || { \
		echo "bankmkt needs Python 3.11, 3.12 or 3.13 with its venv module, and found none (PYTHON='$(PYTHON)')."; \
		echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv) or name it: make PYTHON=/path/to/python3.12 …"; \
		exit 1; }
	@$(BIN)/python -c '$(IS_FIT)' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	@echo "installing requirements.lock"
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements.lock || { \
		echo "If causalml could not be built (Python 3.13): install a C compiler (Debian, Ubuntu: apt-get install"; \
		echo "build-essential python3-dev), or use Python 3.12: make PYTHON=/path/to/python3.12 …"; \
		exit 1; }
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

report: $(READY)  ## make the demo bank and all reports; the last line names reports/index.html
	$(BIN)/bankmkt report

test: lint unit notebooks-test  ## lint, types, unit tests, then the notebooks against their stored figures

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

unit: $(READY)
	$(BIN)/pytest -n 4 --dist loadfile -m "not slow" --doctest-modules bankmkt tests

slow: $(READY)  ## the unit tests that CI leaves out: most twins on Spark, kills, batches and simulations at length
	BANKMKT_SEEDS=10 $(BIN)/pytest $(PARALLEL) -m slow tests
	BANKMKT_SEEDS=10 $(BIN)/pytest tests/synth/test_calibration.py

simulate: $(READY)  ## do intervals, tests and refusals keep their word? in full; writes docs/validation.md
	cd tests && OMP_NUM_THREADS=1 ../$(BIN)/python -m simulations ../docs/validation.md

coverage: $(READY)  ## which lines the unit tests reach; takes twice their time
	$(BIN)/pytest -n 3 --dist loadfile --doctest-modules --cov --cov-report=term:skip-covered bankmkt tests

notebooks-test: $(READY)
	$(BIN)/python -c 'import bankmkt; bankmkt.demo_bank()'
	$(BIN)/pytest $(PARALLEL) --nbval-lax --nbval-current-env --nbval-cell-timeout 120 notebooks

lab: $(READY)  ## open JupyterLab at the start page, for this machine only
	$(BIN)/bankmkt lab

notebooks: $(READY)  ## run the committed notebooks again and store what they show
	$(BIN)/bankmkt notebooks

bench: $(READY)  ## measure: one line of figures a benchmark
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script" || exit 1; done

lock: $(READY)  ## choose new versions for requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --all-extras --upgrade --no-emit-index-url \
		--no-emit-find-links --no-annotate --custom-compile-command "make lock" pyproject.toml -o requirements.lock

clean:  ## remove the environment, the caches and what was made (demo bank, reports)
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .coverage .coverage.* data/demo
	find reports -mindepth 1 ! -name README.md -delete 2>/dev/null || true
	find bankmkt tests benchmarks notebooks -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf
