# `make help` lists the targets. Each does its own set-up: nothing needs to be run before it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST_ARGS ?=
FAST := -n 2 -m "not realkube and not realnode and not slow"
CHECKED := mcs_controller tests hack

.DEFAULT_GOAL := help
.PHONY: help setup pages docs demo test test-fast test-faults simulate test-real test-install lint format crds monitoring schemas kube kube-if-possible packages requirements conformance coverage bench-sync bench-dns fuzz-dns mutate lock upgrade clean image image-if-possible

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

setup: $(STAMP) ## make .venv with everything in it

$(STAMP): hack/lock/requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r hack/lock/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## a broker and three simulated clusters on this machine, until Ctrl-C
	@$(BIN)/mcs-controller demo $(DEMO_ARGS)

test: $(STAMP) packages kube-if-possible image-if-possible ## every test, real control planes included
	$(BIN)/python hack/test.py $(PYTEST_ARGS)

test-fast: $(STAMP) ## the tests that need no real control plane, in about two minutes
	$(BIN)/python -m pytest $(FAST) $(PYTEST_ARGS)

SEED ?= 1
SEEDS ?= 200
simulate: $(STAMP) ## whole clustersets in virtual time under random faults; PLANTED=1: with each of the planted bugs
	$(BIN)/python -m tests.simulation$(if $(PLANTED),.planted) --seed $(SEED) --seeds $(SEEDS) $(SIMULATE_ARGS)

# Charts, rights, commands that set up and connect, what watches it all, and what is packed.
INSTALL := tests/charts tests/docs tests/image tests/install tests/monitoring tests/api/test_rbac.py tests/api/test_rbac_on_kube_apiserver.py \
  tests/cli/test_broker.py tests/cli/test_check.py tests/cli/test_crds.py tests/cli/test_dns_install.py tests/cli/test_join.py \
  tests/cli/test_leave.py tests/cli/test_leaving.py tests/cli/test_removing.py tests/cli/test_uninstall.py \
  tests/test_packaging.py tests/test_wheel.py
test-install: $(STAMP) packages kube image ## installing: charts, rights, commands that set up a clusterset, alerts, packages
	$(BIN)/python -m pytest $(PYTEST_ARGS) $(INSTALL)

coverage: $(STAMP) ## what test-fast runs through, lines and branches; as pages in build/coverage/
	$(BIN)/python -m pytest $(FAST) --cov --cov-report=term:skip-covered --cov-report=html --cov-report=xml $(PYTEST_ARGS)

WORLDS ?= 2
test-faults: $(STAMP) packages kube ## the fault matrix on real control planes, in about 40 minutes; its page, too
	$(BIN)/python -m pytest -m faults -n $(WORLDS) --dist worksteal $(PYTEST_ARGS) tests/faults; \
	failed=$$?; $(BIN)/python -m tests.faults.report && exit $$failed

test-real: $(STAMP) packages kube image ## whole clusters only: nodes, pods, and traffic through the clusterset IP
	$(BIN)/python -m pytest -m realnode $(PYTEST_ARGS)

lint: $(STAMP) ## style, types, layers, dead code, generated files, the lock
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy $(CHECKED)
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/python hack/lock/check.py
	$(BIN)/python hack/image/lint.py
	$(BIN)/python hack/crds.py --check
	$(BIN)/python hack/monitoring/write.py --check
	$(BIN)/python hack/checks.py --check
	$(BIN)/python hack/conditions.py --check
	$(BIN)/python hack/requirements.py --check-page
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

format: $(STAMP) ## let ruff lay the code out
	$(BIN)/ruff check --fix $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

crds: $(STAMP) ## regenerate crds/ from mcs_controller/api
	$(BIN)/python hack/crds.py

monitoring: $(STAMP) ## regenerate alert rules, dashboards and the page about alerts from hack/monitoring/
	$(BIN)/python hack/monitoring/write.py

schemas: $(STAMP) kube ## take the schemas of simcluster's built-in kinds from the pinned kube-apiserver
	$(BIN)/python hack/kube_schemas.py

packages: ## the Debian packages that the tests use
	@hack/packages

kube: ## build the real Kubernetes programs and Helm, and get what else the tests use (cached outside the checkout)
	@hack/kube/build.py
	@hack/kube/build.py --helm
	@hack/kube/build.py --operator

# Exit code 3 means that there is no Go: then the end of the test run says what was not run.
kube-if-possible:
	@hack/kube/build.py || test $$? -eq 3
	@hack/kube/build.py --helm || test $$? -eq 3
	@hack/kube/build.py --operator || test $$? -eq 3

image: $(STAMP) packages ## build the container image, which the tests use, without a registry (Debian, as root)
	@$(BIN)/python hack/image/build_image.py

# Exit code 3 means that this machine cannot: then the end of the test run says what was not run.
image-if-possible: $(STAMP) packages
	@$(BIN)/python hack/image/build_image.py || test $$? -eq 3

pages: $(STAMP) ## write the tables of options and metrics, the checks and the conditions, into docs/
	$(BIN)/python -m tests.cli.reference
	$(BIN)/python -m tests.cli.metrics_reference
	$(BIN)/python hack/checks.py
	$(BIN)/python hack/conditions.py

# mkdocs-material tells of its successor each time.
docs: $(STAMP) ## build the site of docs/ into build/site/; a link that leads nowhere fails
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

conformance: $(STAMP) ## write docs/conformance.md: each requirement and its tests
	$(BIN)/python hack/requirements.py --page

requirements: $(STAMP) packages kube-if-possible image-if-possible ## run the tests of each requirement; print their results
	$(BIN)/python hack/requirements.py --strict $(if $(PYTEST_ARGS),-- $(PYTEST_ARGS))

bench-sync: $(STAMP) kube ## agents against a bare program, on real API servers; JSON=FILE keeps the figures
	$(BIN)/python -m tests.bench.sync $(if $(JSON),--json $(JSON))

bench-dns: $(STAMP) packages kube ## the DNS server against CoreDNS, each on one core; JSON=FILE keeps the figures
	$(BIN)/python -m tests.bench.dns $(if $(JSON),--json $(JSON)) $(if $(PAGE),--page $(PAGE)) $(BENCH_ARGS)

FUZZ_SECONDS ?= 300
fuzz-dns: $(STAMP) ## whatever the network may send to the DNS server, guided by coverage, for FUZZ_SECONDS
	$(BIN)/pip install --quiet --disable-pip-version-check atheris==3.0.0
	$(BIN)/python -m tests.dns.fuzz --seconds $(FUZZ_SECONDS)

# Without FILES: what differs from main. MUTATE_ARGS are for hack/mutate.py, such as --least 95.
mutate: $(STAMP) ## change FILES (or folders) a little at a time; which changes does no test notice?
	$(BIN)/pip install --quiet --disable-pip-version-check mutmut==3.8.1
	$(BIN)/python hack/mutate.py $(MUTATE_ARGS) $(FILES)

lock: $(STAMP) ## pin what pyproject.toml asks for, with hashes; what is pinned stays where it fits
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-emit-find-links --no-header --group dev $(LOCK_ARGS) pyproject.toml -o hack/lock/requirements.txt

upgrade: LOCK_ARGS := --upgrade
upgrade: lock ## pin the newest versions that pyproject.toml allows

clean: ## remove what the targets made in this checkout
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build
