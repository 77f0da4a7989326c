# Everything runs in .venv, which is made on first use from the pinned list in
# constraints.txt. Needed: GNU make and Python 3.11 or newer with venv and pip.
#
#   make demo [PORT=8123] [DB=sqlite:///file.db]    the reference app
#   make test [ARGS="-k name"]                      every test
#   make help                                       the rest

PYTHON ?=
VENV   := .venv
BIN    := $(VENV)/bin
PY     := $(BIN)/python
# Bytecode is compiled by whoever first imports a module, not for all of them.
PIP    := $(PY) -m pip --disable-pip-version-check --quiet install --no-compile
STAMPS := $(VENV)/stamps
ARGS   ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test coverage check tour bench cases api docs clean demo-env dev-env bench-env

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# ------------------------------------------------------------- environment
# A stamp is newer than the files it was made from, so that a second run
# installs nothing and a changed list installs what changed.
$(STAMPS)/venv:
	@python=$$(scripts/find-python $(PYTHON)) && \
	  echo "making $(VENV) with $$python" && \
	  "$$python" -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/demo: requirements/demo.txt constraints.txt pyproject.toml | $(STAMPS)/venv
	@echo "installing requirements/demo.txt"
	@$(PIP) -r requirements/demo.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(STAMPS)/dev: requirements/dev.txt $(STAMPS)/demo
	@echo "installing requirements/dev.txt"
	@$(PIP) -r requirements/dev.txt
	@touch $@

$(STAMPS)/bench: requirements/bench.txt $(STAMPS)/dev
	@echo "installing requirements/bench.txt"
	@$(PIP) -r requirements/bench.txt
	@touch $@

demo-env: $(STAMPS)/demo
dev-env: $(STAMPS)/dev
bench-env: $(STAMPS)/bench

# ------------------------------------------------------------------ running
demo: demo-env  ## start the reference app (PORT=, DB=, ARGS=)
	@exec $(PY) -m examples.critical_buttons $(if $(PORT),--port $(PORT)) $(if $(DB),--db $(DB)) $(ARGS)

tour: dev-env  ## drive the app as a real process and check every promise
	@$(PY) -m examples.critical_buttons.tour $(ARGS)

bench: bench-env  ## measure (SUITE=name, JSON=file)
	@$(PY) -m benchmarks $(SUITE) $(if $(JSON),--json $(JSON)) $(ARGS)

# ------------------------------------------------------------------ proving
# A file stays on one worker, and so does the server that its tests share.
# (pytest-xdist 3.8 does not see xdist_group under pytest 9.2.) A worker that dies
# ends the run: restarted, it may leave the others waiting for ever.
# Hundreds of tests start a process. Where the environment forbids to write bytecode,
# as container images do, each of them would compile the app and its packages anew,
# which is half of what it does. So it is written here, once. Where that fails (a tree
# that cannot be written, a module that does not compile) the tests run all the same:
# slower, and they say what is wrong.
test: dev-env  ## run every test (ARGS= goes to pytest)
	@$(PY) -m compileall -q src examples || echo "not all bytecode was written: slower"
	@PYTHONDONTWRITEBYTECODE= $(PY) -c "import examples.critical_buttons.app, examples.critical_buttons.server" || echo "no bytecode of the app was written: slower"
	@$(PY) -m pytest -n 2 --dist loadfile --max-worker-restart 0 $(ARGS)

coverage: dev-env  ## run every test and show the lines that none of them runs
	@$(PY) -m coverage erase
	@$(PY) -m coverage run -m pytest $(ARGS)
	@$(PY) -m coverage combine --quiet
	@$(PY) -m coverage report

check: dev-env  ## lint, layers, types, API snapshot, cases, docs, hygiene
	@$(PY) scripts/check.py $(ARGS)

cases: dev-env  ## one line a case: identity, number of tests, the first
	@$(PY) scripts/cases.py $(ARGS)

api: dev-env  ## write docs/reference/api.txt anew
	@$(PY) scripts/api_snapshot.py --write

docs: dev-env  ## build the documentation into docs/_build/html
	@$(PY) -m sphinx -n -W --keep-going -q -j 2 docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean:  ## remove the environment, caches and built files (never var/)
	rm -rf $(VENV) build dist docs/_build htmlcov .coverage .coverage.*
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
