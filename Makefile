# `make app` and `make test` do all their own set-up: a virtual environment, the pinned packages, and s2f itself.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
PORT ?= 7860
BIN := $(VENV)/bin

.PHONY: app test lint types wheel clean

app: $(VENV)/.app-ready
	@PORT=$(PORT) $(BIN)/python app.py

test: $(VENV)/.test-ready
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test-ready
	$(BIN)/mypy

wheel: $(VENV)/.test-ready
	$(BIN)/python -m build --wheel --outdir dist

clean:
	rm -rf $(VENV) dist build

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "got no Python 3.11 or newer; install one, or say make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) could not make a virtual environment; install its venv package (Debian: apt install python3-venv)" >&2; exit 1; }

$(VENV)/.app-ready: requirements.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps -e .
	@touch $@

$(VENV)/.test-ready: tests/requirements.txt tests/requirements-nodeps.txt $(VENV)/.app-ready
	$(BIN)/python -m pip install --quiet -r tests/requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps -r tests/requirements-nodeps.txt
	@touch $@
