# `make demo` and `make test` set everything up; the virtual environment is made again only where these files changed.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-fast check setup clean

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip -c constraints.txt
	$(BIN)/python -m pip install --quiet -e '.[server,model,learn,vectors,encoder,plot,parquet,ray,s3,gs,https,dev]' -c constraints.txt
	touch $@

demo: setup
	$(BIN)/labeling demo

# every test: the real Label Studio, a real Chromium, real training; three at a time, since many wait for servers
test: setup
	$(BIN)/pytest -m "" -n 3 --dist loadfile --no-loadscope-reorder

test-fast: setup
	$(BIN)/pytest

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv dist artifacts .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
