# Needs make and Python 3.11 or newer; everything else is set up inside this folder.
UV_VERSION := 0.13.9
PYTHONS := python3.13 python3.12 python3.11 python3
PYTHON := $(shell for p in $(PYTHONS); do \
	$$p -c 'import sys; sys.version_info < (3, 11) and sys.exit(1); print(sys.executable)' \
	2>/dev/null && break; done)
UV := .tools/bin/uv
UV_STAMP := .tools/uv-$(UV_VERSION)

export UV_PYTHON := $(PYTHON)
export UV_PYTHON_DOWNLOADS := never
# Compiling while installing, not at the first start, keeps the first start quick too.
export UV_COMPILE_BYTECODE := 1
# The same for our own modules, whatever the environment says: tests start the app many times.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help run worker test servers checks bench python

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST)

run: $(UV_STAMP) ## set up what is needed and start the app (ARGS="--port 9000", EXTRA=team)
	@$(UV) run --frozen --no-dev $(addprefix --extra ,$(EXTRA)) python -m app serve $(ARGS)

worker: $(UV_STAMP) ## run answers of a Postgres database beside other processes
	@$(UV) run --frozen --no-dev --extra team python -m app worker $(ARGS)

test: $(UV_STAMP) ## check format, lint and types, then run all tests (ARGS="-k grids")
	$(UV) sync --frozen
# One waits for downloads while the other computes.
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target servers checks
# What failed is tried once more, alone: four processes on two cores make some tests wait too long.
	$(UV) run --frozen pytest -n 4 --dist loadfile --no-loadscope-reorder $(ARGS) || \
		{ test $$? -eq 1 && $(UV) run --frozen pytest --last-failed --last-failed-no-failures none $(ARGS); }

servers:
	$(UV) run --frozen python -m tests.support.chromium
	$(UV) run --frozen python -m tests.support.postgres
	$(UV) run --frozen python -m tests.support.office
# So that each process of pytest need not compile all tests for itself.
	@$(UV) run --frozen pytest --collect-only -qqq >/dev/null

checks:
	$(UV) run --frozen ruff format --check .
	$(UV) run --frozen ruff check .
	$(UV) run --frozen mypy

bench: $(UV_STAMP) ## measure the fan-out beside a bare loop, 5 minutes (ARGS=pages)
	$(UV) run --frozen python -m bench $(ARGS)

python:
	@test -n "$(PYTHON)" || { \
		echo "Bluffcheck needs Python 3.11 or newer, and found none of: $(PYTHONS)." >&2; exit 1; }

# pip --target works where a plain install is refused, and without the venv module.
$(UV_STAMP): | python
	@echo "Installing uv $(UV_VERSION) into .tools/ ..."
	@for p in $(PYTHON) $(PYTHONS); do if $$p -m pip --version >/dev/null 2>&1; then \
		$$p -m pip install --quiet --disable-pip-version-check --upgrade --target .tools \
			uv==$(UV_VERSION) && touch $@; exit; fi; done; \
	echo "Python has no pip, which is needed once to install uv (Debian: python3-pip)." >&2; exit 1
