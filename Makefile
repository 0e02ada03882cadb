# Two commands matter: `make run` and `make test`. Everything they need is made on the way, in .venv and var.
.DEFAULT_GOAL := help
SHELL := /bin/sh

# The first Python that is new enough; `make PYTHON=/path/to/python3 run` chooses another.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
PY := $(VENV)/bin/python
PYTEST_ARGS ?=
# One more than there are cores, because some tests wait; not more than the databases of a Redis have room for.
PYTEST_WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 7 ? n + 1 : 8)))
BENCH_ARGS ?=
# What is installed is known by a stamp named after the content of the requirements.
STAMP := $(VENV)/.run-$(shell cat requirements.txt | cksum | cut -d' ' -f1)
DEV_STAMP := $(VENV)/.dev-$(shell cat requirements.txt requirements-dev.txt | cksum | cut -d' ' -f1)
PIP := $(PY) -m pip --disable-pip-version-check --no-input -q $(shell [ -w "$$HOME" ] || echo --no-cache-dir)
# The type checker loads Django's settings; nothing listens at these addresses and nothing has to.
TYPES_ENV := SECRET_KEY=types FIELD_KEYS=types DATABASE_URL=postgresql:///types REDIS_URL=redis://types BROKER_URL=redis://types

.PHONY: help run test tests faults bench lint format types clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(STAMP) ## Start Uptime here: http://127.0.0.1:8000 (PORT, HOST and DATA_DIR are respected); Ctrl-C stops it
	@exec $(PY) -m uptime.supervisor

test: lint types tests ## Run everything that must hold: lint, types, all tests (PYTEST_ARGS="-k name" for some)

tests: $(DEV_STAMP)
	@echo "== tests"
	@$(PY) -m pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

faults: $(DEV_STAMP) ## Try every fault of docs/reliability.md at full size, and print what each cost (PYTEST_ARGS="-k name" for some)
	@FAULT_SIZE=$(or $(FAULT_SIZE),full) $(PY) -m pytest -n 0 -m faults $(PYTEST_ARGS) tests/faults

bench: $(DEV_STAMP) ## Measure speed, delay and memory here, about 7 minutes (BENCH_ARGS=--help for parts)
	@$(PY) -m bench $(BENCH_ARGS)

lint: $(DEV_STAMP) ## Check style and formatting
	@echo "== lint"
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .

format: $(DEV_STAMP) ## Put style and formatting right
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

types: $(DEV_STAMP) ## Check types
	@echo "== types"
	@$(TYPES_ENV) $(PY) -m mypy accounts alerts incidents monitors uptime

clean: ## Remove the virtual environment and caches; the data in var stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP):
	@$(call install,requirements.txt)

$(DEV_STAMP):
	@$(call install,requirements-dev.txt)

# Make the virtual environment unless a whole one is there, install, and only then set the stamp.
define install
	if ! $(or $(PYTHON),false) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
		echo "Uptime needs Python 3.11 or newer. Install it, or name it: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; \
	fi; \
	if ! $(PY) -m pip --version >/dev/null 2>&1; then \
		echo "Making the virtual environment in $(VENV)"; \
		$(PYTHON) -m venv --clear $(VENV) || { \
			echo "The virtual environment could not be made; the lines above say why. Where ensurepip is missing"; \
			echo "(Debian, Ubuntu): apt install python3-venv"; exit 1; }; \
	fi; \
	echo "Installing the Python packages of $(1) (a minute the first time)"; \
	$(PIP) install -r $(1) || { echo "The packages could not be installed; the lines above say why."; exit 1; }; \
	rm -f $(VENV)/.run-* ; [ $(1) = requirements.txt ] || { rm -f $(VENV)/.dev-*; touch $(STAMP); }; touch $@
endef
