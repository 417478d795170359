# Everything a newcomer needs; each target sets up what it uses.
#   make demo    the whole line on the sample data: SQLite, no server, no key
#   make test    every test, those against a real Neo4j included
#   make check   ruff, mypy --strict, import-linter
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALL = $(BIN)/uv pip install --python $(BIN)/python -q -c constraints.txt

.PHONY: demo test check format serve screenshots clean

demo: $(VENV)/train.stamp
	$(BIN)/kgtag demo

test: $(VENV)/dev.stamp system
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(VENV)/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# docs/images, anew, from the real Neo4j Browser.
screenshots: $(VENV)/dev.stamp system
	PYTHONPATH=. $(BIN)/python docs/screenshots.py

.PHONY: system
# Java, Maven and Chromium, for the tests' real Neo4j and its Browser: installed where apt may, else named.
system:
	@sh .ci/install-system.sh

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "kgtag needs Python 3.11 or newer; set PYTHON=…" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q "uv>=0.5,<1"

$(VENV)/train.stamp: $(BIN)/uv pyproject.toml constraints.txt
	@echo "Installing kgtag and what it trains with (about a minute) …"
	$(INSTALL) -e '.[train]'
	@touch $@

$(VENV)/dev.stamp: $(BIN)/uv pyproject.toml constraints.txt
	@echo "Installing kgtag, what it trains with and its tests (about a minute) …"
	$(INSTALL) -e '.[train,dev]'
	@touch $@ $(VENV)/train.stamp

clean:
	rm -rf $(VENV) demo-out build *.egg-info
