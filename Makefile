# make run     start the host in the foreground from docs/examples/quickstart.conf
# make test    set up everything the tests need and run them
# make lint types bench fuzz reference     what their names say
.POSIX:
PYTHON = python3
CONF = docs/examples/quickstart.conf
FUZZ_SECONDS = 60

run: product
	mkdir -p var
	.venv/bin/ecelerity -c $(CONF)

test: dev peers
	.venv/bin/python -m pytest -q -n 2 --dist loadfile

lint: dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: dev
	.venv/bin/mypy

# Postfix and this host, alternating in one run (docs/benchmarks.md has the figures)
bench: dev peers
	.venv/bin/python -m tests.bench.side_by_side

fuzz: dev
	for target in `.venv/bin/python -m fuzz --list`; do .venv/bin/python -m fuzz $$target --seconds $(FUZZ_SECONDS) || exit 1; done

# the pages that are generated from declarations
reference: dev
	.venv/bin/python -m momentum_trio.cli.reference > docs/options.md

product:
	@PYTHON=$(PYTHON) .ci/venv ""

dev:
	@PYTHON=$(PYTHON) .ci/venv dev

peers:
	@.ci/peers

clean:
	rm -rf .venv .cache var

.PHONY: run test lint types bench fuzz reference product dev peers clean
