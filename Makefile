# The commands of this repository. They need python3 (3.11 or newer) and make, nothing else.
PYTHON ?= python3
PORT ?= 8080
BIN := .venv/bin
# Workers of the tests, which wait more than they reckon: more than there are processors. A file stays with one worker.
WORKERS ?= 4
unexport PYTHONDONTWRITEBYTECODE  # the tests start Python some hundred times
PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: run test setup lint check bench

# A tty gives the server its own process group, so that Ctrl-C ends the server and not make above it.
run: setup
	@if [ -t 0 ]; then set -m; fi; $(BIN)/cds-service serve --port $(PORT) --example

test: .venv/.test .venv/.fhir-server .venv/.browser
	$(BIN)/python -m pytest $(PARALLEL)

setup: .venv/.run

# That facts and outcomes are never changed is the type checker's to say: see hooks/sealed.py.
lint: .venv/.check .venv/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

# Ratios to references on this machine, in 5 to 8 minutes; fails only on what is worse than twice its goal. QUICK=1: under
# 90 seconds, without the peers, as a guard for CI. ONLY=load,memory: some parts. REQUESTS=100000: a longer search for leaks.
bench: .venv/.bench $(if $(QUICK),,.venv/.healthchain .venv/.cql)
	$(BIN)/python -m tests.bench $(if $(QUICK),--quick) $(if $(ONLY),--only $(ONLY)) $(if $(REQUESTS),--requests $(REQUESTS))

# One stamp file per extra: packages are installed again only when pyproject.toml changes.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

.venv/.run: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/.test: pyproject.toml | .venv/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

.venv/.bench: pyproject.toml | .venv/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

.venv/.check: pyproject.toml | .venv/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[check]'
	@touch $@

# A real FHIR server, for tests only: its packages are not ours, and must not decide over the versions that we use.
.venv/.fhir-server: tests/doctor/fhir-server.txt | .venv/bin/python
	$(PYTHON) -m venv .venv/fhir-server
	.venv/fhir-server/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# A Chromium for the tests of pages: the system's, Debian's package where we may install one, or Playwright's own download.
.venv/.browser: | .venv/.test
	@for one in chromium chromium-browser google-chrome google-chrome-stable; do command -v $$one >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	then apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; \
	else $(BIN)/python -m playwright install chromium; fi
	@touch $@

# The peers of `make bench`, in environments of their own too. Without npm the bench says that one was not run.
.venv/.healthchain: tests/bench/healthchain.txt | .venv/bin/python
	$(PYTHON) -m venv .venv/healthchain
	.venv/healthchain/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.venv/.cql: tests/bench/cql/package.json | .venv/bin/python
	@mkdir -p .venv/cql && cp $< .venv/cql/
	@cd .venv/cql && npm install --no-package-lock --no-audit --no-fund --loglevel=error && touch ../.cql \
	|| echo "npm is not there or failed: cql-execution will not be run"
