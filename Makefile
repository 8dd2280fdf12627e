# A thin face over the commands. `make` alone prints what there is.
PYTHON ?= python3
PORT ?= 8080
BIN := .venv/bin
TESTS ?= tests

# Hundreds of commands are started below: none of them should compile the whole program anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test lint prove bench scale lock clean

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/installed ## build, start everything on this machine with sample articles, print the addresses
	$(BIN)/mahfuz up --demo --port $(PORT) || test $$? -eq 130

test: .venv/installed-dev ## linters, types and the whole test suite, with real S3 and PostgreSQL servers
	$(MAKE) lint
	$(BIN)/python -m pytest -n 4 --dist loadgroup $(TESTS)

lint: .venv/installed-dev ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

prove: .venv/installed-dev ## what is promised of faults, in full size: some hours of flips, stops, lies, jumps of the clock and harvests
	MAHFUZ_PROVE=1 $(BIN)/python -m pytest -n 0 -s $$(grep -rl 'from full_size import' --include='test_*.py' tests | sort)

bench: .venv/installed-dev ## measure against the naive way; prints a table and keeps it in docs/performance.md
	$(BIN)/python tests/bench/__main__.py --write

scale: .venv/installed-dev ## generate catalogues of 10,000 and a million articles, ask everything, keep docs/scale.md (12 GB, SCALE=folder)
	$(BIN)/python tests/bench/scale.py report --write $(if $(SCALE),--folder $(SCALE))

lock: ## write .requirements.lock from a fresh environment of the newest allowed versions
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check -e '.[embedded,dev]'
	.venv-lock/bin/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools > .requirements.lock
	rm -rf .venv-lock

clean: ## take away the environment (never what was ingested)
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml .requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c .requirements.lock -e '.[embedded]'
	@touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c .requirements.lock -e '.[embedded,dev]'
	@touch $@
