# Two commands: `make run` serves on this machine, `make test` proves that it works. Everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
# Two workers for two cores; PYTEST_ARGS adds to the command line.
PYTEST_ARGS ?=
# Seconds for each target of the fuzzer.
FUZZ_SECONDS ?= 600
AUDIT_ARGS ?=
# `--image PULLSPEC` to name another image, or the same one by its digest.
RELEASE_ARGS ?=
SUPPLY := .supply/tools/bin
# What the two parts become together is validated, by tests/sbom.py.
CYCLONEDX := --spec-version 1.6 --output-reproducible --no-validate
LOCK := --universal --generate-hashes --no-annotate --custom-compile-command 'make lock'

.PHONY: help run test browser valgrind scaling lint bench bench-memory bench-peers faults fuzz mutants golden lock audit sbom licences release pythons clean

help:  ## say what there is
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST)

run: .venv/run  ## serve over TLS on this machine, with the shipped policy
	$(BIN)/istag-webhook serve --dev

test: .venv/dev lint  ## check and test everything
	$(BIN)/python tests/assets.py
	$(BIN)/pytest --numprocesses 2 --dist loadgroup --cov --cov-report=term:skip-covered $(PYTEST_ARGS)

lint: .venv/dev  ## ruff, mypy, the house's own rules, and zizmor for the workflows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/zizmor --offline --quiet .github

browser:  ## install Debian's Chromium, as root; without one the tests of the page are skipped
	command -v chromium || { apt-get update && apt-get install --yes --no-install-recommends chromium fonts-dejavu-core; }

valgrind:  ## install Debian's Valgrind, as root, for make scaling
	command -v valgrind || { apt-get update && apt-get install --yes --no-install-recommends valgrind; }

scaling: .venv/dev valgrind  ## count the instructions of each sort of input at a size and at twice that: at most 2.3 times as many
	$(BIN)/python tests/scaling.py

bench: .venv/dev  ## measure a review beside a null endpoint, large policies and streams, a replay, a scan, an open load
	$(BIN)/python tests/assets.py
	$(BIN)/python tests/bench.py measure
	$(BIN)/python tests/bench.py policies
	$(BIN)/python tests/bench.py schemas
	$(BIN)/python tests/bench.py streams
	$(BIN)/python tests/bench.py replay
	$(BIN)/python tests/bench.py scan
	$(BIN)/python tests/bench.py load

bench-memory: .venv/dev  ## measure what a worker holds after up to a million reviews, which takes some ten minutes
	$(BIN)/python tests/bench.py memory

bench-peers: .venv/dev .peers/done  ## measure the same reviews and rules on kopf, Pepr and a null endpoint, into the README
	$(BIN)/python tests/assets.py
	$(BIN)/python tests/bench_peers.py --readme

faults: .venv/dev  ## run the tests of faults, and write what they counted into tests/FAULTS.md
	$(BIN)/pytest -q --measure $$(grep -o 'test_[a-z]*\.py::test_[a-z_0-9]*' tests/FAULTS.md | sort -u | sed 's|^|tests/|')

fuzz: .venv/fuzz  ## run ten thousand sequences of requests; fuzz each target of tests/fuzz.py for FUZZ_SECONDS
	$(BIN)/pytest tests/test_state_machine.py -q -n 0 --hypothesis-profile fuzz
	$(BIN)/python tests/fuzzing.py $(FUZZ_SECONDS) --keep

mutants: .venv/mutants  ## change the rooms that decide, a little at a time, and write to tests/MUTANTS.md what no test notices
	$(BIN)/python tests/mutants.py

golden: .venv/dev  ## write the golden answers, the dashboards and the generated parts of the README anew; read the diff
	$(BIN)/pytest tests/test_golden.py tests/test_readme.py tests/test_dashboards.py --regenerate -q

lock: .venv/dev  ## take up newer releases in the image, each with its hashes
	$(BIN)/uv pip compile --quiet --upgrade $(LOCK) --all-extras pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade $(LOCK) --group build --output-file requirements-build.lock

audit: .supply/tools/done  ## ask for known vulnerabilities of all that is locked; what cannot be looked up fails too
	@$(SUPPLY)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off $(AUDIT_ARGS) \
	  --requirement requirements.lock --requirement requirements-build.lock \
	  || { echo 'audit: not clean: a library has a known vulnerability or could not be looked up, as said above' >&2; exit 1; }

sbom: .supply/image/done  ## write what the image holds to dist/istag-webhook.cdx.json, by CycloneDX's schema
	$(SUPPLY)/cyclonedx-py environment $(CYCLONEDX) --pyproject pyproject.toml --mc-type application \
	  --output-file .supply/installed.json .supply/image/bin/python
	$(SUPPLY)/cyclonedx-py requirements $(CYCLONEDX) --output-file .supply/locked.json requirements.lock
	$(SUPPLY)/python tests/sbom.py join .supply/installed.json .supply/locked.json dist/istag-webhook.cdx.json

licences: sbom  ## write LICENSES.md anew, from the SBOM
	$(SUPPLY)/python tests/sbom.py licences dist/istag-webhook.cdx.json LICENSES.md

release: .supply/build/done  ## write one-file manifests, wheel, source, SBOM and checksums to dist/
	rm -rf dist
	$(MAKE) sbom
	.supply/build/bin/python tests/release.py dist $(RELEASE_ARGS)

pythons: .venv/dev  ## run the tests with each newer Python that is installed
	@for version in 3.12 3.13 3.14; do \
	  python$$version --version 2>/dev/null || { echo "Python $$version: not installed"; continue; }; \
	  python$$version -m venv .pythons/$$version && bin=.pythons/$$version/bin && \
	  $$bin/pip install --quiet --upgrade 'pip>=25.1' && $$bin/pip install --quiet --editable . --group dev && \
	  $$bin/pytest --numprocesses 2 --dist loadgroup $(PYTEST_ARGS) || exit 1; \
	done

clean:  ## remove what was made
	rm -rf .venv .pythons .peers .supply build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .fuzz mutants .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/pip:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade 'pip>=25.1'

.venv/run: .venv/bin/pip pyproject.toml
	$(BIN)/pip install --quiet --editable '.[cluster]'
	@touch $@

.venv/dev: .venv/bin/pip pyproject.toml
	$(BIN)/pip install --quiet --editable . --group dev
	@touch $@ .venv/run

.venv/fuzz: .venv/dev
	$(BIN)/pip install --quiet --editable . --group fuzz
	@touch $@

.venv/mutants: .venv/dev
	$(BIN)/pip install --quiet --editable . --group mutants
	@touch $@

# kopf in an environment of its own; Pepr's module bundled as its own command does, with what it needs beside it.
.peers/done: tests/peers/requirements.txt $(wildcard tests/peers/pepr/*)
	rm -rf .peers && mkdir -p .peers && cp -r tests/peers/pepr .peers/pepr
	$(PYTHON) -m venv .peers/kopf && .peers/kopf/bin/pip install --quiet --requirement tests/peers/requirements.txt
	cd .peers/pepr && npm install --silent --no-audit --no-fund && npx esbuild pepr.ts --bundle --platform=node \
	  --format=cjs --external:pepr --external:@kubernetes/client-node --outfile=peer.js --log-level=warning
	@touch $@

# The tools of the supply chain in an environment of their own, and beside it what the image gets, as the Dockerfile does it.
.supply/tools/done: pyproject.toml
	rm -rf .supply/tools && $(PYTHON) -m venv .supply/tools
	$(SUPPLY)/pip install --quiet --upgrade 'pip>=25.1'
	$(SUPPLY)/pip install --quiet --group supply
	@touch $@

# What builds the package, by its lock.
.supply/build/done: requirements-build.lock .supply/tools/done
	rm -rf .supply/build && $(PYTHON) -m venv --without-pip .supply/build
	$(SUPPLY)/pip --python .supply/build/bin/python install --quiet \
	  --only-binary=:all: --require-hashes --requirement requirements-build.lock
	@touch $@

.supply/image/done: requirements.lock .supply/tools/done
	rm -rf .supply/image && $(PYTHON) -m venv --without-pip .supply/image
	$(SUPPLY)/pip --python .supply/image/bin/python install --quiet \
	  --only-binary=:all: --require-hashes --requirement requirements.lock
	@touch $@
