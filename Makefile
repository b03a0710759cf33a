# `make demo` and `make test` need Python 3.11, git and make; everything else is installed into .venv.
PYTHON ?= python3.11
BIN := .venv/bin

# Every process that a test starts would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint types tests fast simulate fuzz agree docs bench clean
.DEFAULT_GOAL := test

# Try it: real files through S3, SQS, Lambda and DynamoDB, on this machine.
demo: .venv/ready
	@$(BIN)/penstock demo

# All checks and tests.
test: lint types tests

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/spark
	$(BIN)/mypy

# The embedded AWS is installed once, and not by each of the processes that run tests.
tests: .venv/spark .venv-checkov/ready
	@$(BIN)/python -c "from penstock.local.install import install_server; install_server(print)"
	$(BIN)/pytest -n 3 --dist worksteal

# The tests that need no server and no network.
fast: .venv/ready
	$(BIN)/pytest -n 2 -m "not aws and not wheel"

# Histories in which things go wrong, as many as SEEDS says, from the seed START on.
simulate: .venv/ready
	@$(BIN)/python tests/simulation/simulate.py --seeds $(or $(SEEDS),1000) --start $(or $(START),0)

# Look for files, events, contracts and expressions that break what holds for all of them, for so many SECONDS.
fuzz: .venv/ready
	@$(BIN)/python tests/fuzz/fuzz.py --seconds $(or $(SECONDS),600)

# Look for queries on which DuckDB and Spark do not agree, for so many SECONDS.
agree: .venv/spark
	@$(BIN)/python tests/spark/agree/agree.py --seconds $(or $(SECONDS),600) --seed $(or $(SEED),$(shell date +%s))

# Write anew what is generated: the contract's JSON Schema and its reference, and that of the commands.
docs: .venv/ready
	$(BIN)/python -m penstock.contract.describe
	$(BIN)/python -m penstock.cli.reference > docs/commands.md

# Measure, in half an hour: prints a table and writes it to docs/benchmarks.md. BENCH_OPTIONS="--quick" for a first look.
bench: .venv-bench/ready
	@.venv-bench/bin/python -m bench $(BENCH_OPTIONS)

# Spark, for its tests and their types alone: the demo does without.
.venv/spark: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[spark]'
	@touch $@

# What others load and check files with is of no use to the tests, and has an environment of its own.
.venv-bench/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench,spark]'
	@touch $@

# What reviews the templates pins libraries that the tests have newer ones of.
.venv-checkov/ready: tests/stack/checkov.txt | .venv/ready
	$(PYTHON) -m venv --clear --without-pip .venv-checkov
	$(BIN)/python -m pip --python .venv-checkov/bin/python install --quiet --disable-pip-version-check --no-deps --no-compile --requirement tests/stack/checkov.txt
	@touch $@

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv .venv-bench .venv-checkov .bench .penstock build dist
