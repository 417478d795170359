# Each target sets up what it uses.
#   make demo      the whole pipeline on the sample data: SQLite, no server, no key
#   make fast      the unit tests: about a minute, no Java, no browser
#   make test      every test, those against a real Neo4j and a real browser included
#   make check     ruff, mypy --strict, import-linter, the word list
#   make docs      the documentation site, into build/site; warnings are errors
#   make coverage  every test, with line coverage
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# The editable install is a path, not an import hook: a hook loses to a folder named kgtag where Python starts.
INSTALL = $(BIN)/uv pip install --python $(BIN)/python -q -c constraints.txt -C editable_mode=compat
# Compiled modules are kept: each of the tests' processes would compile pandas, torch and the rest anew (3 s in place of 1).
export PYTHONDONTWRITEBYTECODE =
PYTEST = $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo fast test check docs coverage format serve screenshots clean

demo: $(VENV)/train.stamp
	$(BIN)/kgtag demo

fast: $(VENV)/dev.stamp
	$(PYTEST) -m "not slow and not neo4j and not browser"

test: $(VENV)/dev.stamp system
	$(PYTEST)

check: $(VENV)/dev.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/words.py

docs: $(VENV)/docs.stamp
	PYTHONPATH=$(CURDIR) NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict -f .ci/docs/mkdocs.yml
	@echo "build/site/index.html"

coverage: $(VENV)/dev.stamp system
	$(PYTEST) --cov=graph --cov=kgtag --cov=api --cov-report=term --cov-report=html:build/coverage

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# docs/images, anew: from the real Neo4j Browser, and the architecture's drawings.
screenshots: $(VENV)/dev.stamp system
	$(BIN)/python docs/diagrams.py
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

$(VENV)/docs.stamp: $(VENV)/dev.stamp
	$(INSTALL) -e '.[train,dev,docs]'
	@touch $@

clean:
	rm -rf $(VENV) demo-out build *.egg-info
