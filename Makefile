# make run     start the host in the foreground from docs/examples/quickstart.conf
# make test    set up everything the tests need and run them
# What another target is for stands above it, unless its name says it.
.POSIX:
PYTHON = python3
CONF = docs/examples/quickstart.conf
FUZZ_SECONDS = 60
SEEDS = 1..1000
JOBS = 2
TIME = 1h
TIMES = 50
STEPS = 1000000
CLUSTER = bus bus_five bus_nine floats shared owners moves gathered broadcast cluster

run: product
	mkdir -p var
	.venv/bin/ecelerity -c $(CONF)

# compiled once here rather than in each process of the tests, even where PYTHONDONTWRITEBYTECODE forbids them to keep it
test: dev peers
	.venv/bin/python -m compileall -q momentum_trio sim
	.venv/bin/python -m pytest -q -n 2 --dist loadfile

lint: dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

types: dev
	.venv/bin/mypy

# what `make test` samples, whole: 20,000 messages through 50 sessions, kill -9 at 20 random moments, and at 100 while mail
# is delivered, deferred and bounced, 1,000 reloads under 50 sessions, and the fault stories with power cut, killed and
# signalled at every step
campaign: dev peers
	MOMENTUM_LOAD=20000 MOMENTUM_KILLS=20 .venv/bin/python -m pytest -q -s --timeout 600 tests/interop/test_durability.py
	MOMENTUM_KILLS=100 MOMENTUM_LIFE=2 .venv/bin/python -m pytest -q -s --timeout 1800 tests/interop/test_relay_durability.py
	MOMENTUM_RELOADS=1000 .venv/bin/python -m pytest -q -s tests/interop/test_reloads.py
	MOMENTUM_FAULTS=1 .venv/bin/python -m pytest -q -n 2 --timeout 600 tests/node/test_whole_node_faults.py \
	  tests/node/test_stored.py

# Postfix and this host, alternating in one run (docs/benchmarks.md has the figures)
bench: dev peers
	.venv/bin/python tests/bench/side_by_side.py

# ECStream and SMTP into this host, alternating in one run
bench-ecstream: dev
	.venv/bin/python tests/bench/ecstream_side_by_side.py

# as bench, for mail that is relayed over 20 connections, and what delivery costs reception
bench-relay: dev peers
	.venv/bin/python tests/bench/relay_side_by_side.py

# many seeds of the mail-flow scenario under faults, each in two processes, none begun after TIME (90s, 10m, 1h);
# the failing ones are kept in var/swarm.  make swarm SEEDS=1..200 TIME=10m
swarm: dev
	.venv/bin/python -m sim swarm sim/scenarios/mail_flow.sim --seeds $(SEEDS) --jobs $(JOBS) --time $(TIME) --twice

# as swarm, of delivery.sim: mail is accepted, delivered, put off, bounced and its segments freed, under every fault
campaign-delivery: dev
	.venv/bin/python -m sim swarm sim/scenarios/delivery.sim --seeds $(SEEDS) --jobs $(JOBS) --time $(TIME)

# as swarm, of operator.sim: somebody at the console changes, races, confirms, reloads, writes back and asks, under load
campaign-operator: dev
	.venv/bin/python -m sim swarm sim/scenarios/operator.sim --seeds $(SEEDS) --jobs $(JOBS) --time $(TIME)

# as swarm, of a cluster: its bus alone at three, five and nine nodes, and whole. nightly-cluster goes on each time with the
# seeds after the last ones, of which var/nightly keeps the numbers, one file for each scenario
campaign-cluster: dev
	status=0; for name in $(CLUSTER); do .venv/bin/python -m sim swarm sim/scenarios/$$name.sim --seeds $(SEEDS) \
	  --jobs $(JOBS) --time $(TIME) || status=$$?; done; exit $$status
nightly-cluster: dev
	status=0; for name in $(CLUSTER); do .venv/bin/python -m sim swarm sim/scenarios/$$name.sim --seeds $(SEEDS) \
	  --jobs $(JOBS) --time $(TIME) --onward var/nightly/$$name.seed || status=$$?; done; exit $$status

# five nodes and their manager as processes: commands to all, a limit over all under a flood, kill -9, logs gathered
campaign-cluster-real: dev
	MOMENTUM_CLUSTER_NODES=5 .venv/bin/python -m pytest -q -s -n 0 tests/cluster/test_real_cluster.py

# a million steps of SMTP sessions beside the model of what they may be; it takes half an hour
campaign-session: dev
	MOMENTUM_SESSION_STEPS=$(STEPS) .venv/bin/python -m pytest -q -n $(JOBS) --timeout 0 tests/protocol/smtp/test_smtp_model.py

# a week with one deferred message; 100,000 messages for a thousand domains of which three hundred are bad, and those for
# the good ones alone
week: dev
	.venv/bin/python -m sim run sim/scenarios/week.sim
domains: dev
	.venv/bin/python -m sim fair sim/scenarios/domains.sim --load healthy --times $(TIMES)

# one seed in 100 processes is one run, 40 seeds are 40 runs
determinism: dev
	.venv/bin/python -m sim same sim/scenarios/mail_flow.sim --seed 3 --processes 100 --seeds 1..40 --jobs $(JOBS)

# mail over HTTP, beside SMTP into Postfix, and hypercorn where there is one. HYPERCORN: an interpreter that has hypercorn[trio]
bench-http: dev peers
	.venv/bin/python tests/bench/http_side_by_side.py --postfix --hypercorn "$(HYPERCORN)"

# requests made of /openapi.json. SCHEMATHESIS: the tool's program, in an environment of its own
schemathesis: dev
	.venv/bin/python tests/interop/openapi_client.py "$(SCHEMATHESIS)"

# the simulated world's own speed, beside real loopback
bench-sim: dev
	.venv/bin/python tests/bench/simulator.py

# how many seeds it takes to find each bug of sim/planted, and what is left of it: docs/planted.md and sim/planted/found
planted: dev
	.venv/bin/python -m sim planted --jobs $(JOBS) -o docs/planted.md

fuzz: dev
	.venv/bin/python -m fuzz all --seconds $(FUZZ_SECONDS)

# the pages that are generated: from declarations, and of the RFCs from tests/rfc/*.toml
reference: dev
	.venv/bin/python -m momentum_trio.cli.reference > docs/options.md
	.venv/bin/python -m momentum_trio.cli.reference event-types > docs/event-types.md
	.venv/bin/python -m momentum_trio.cli.reference metrics > docs/metrics.md
	.venv/bin/python -m sim.scenario_manual > docs/scenario.md
	.venv/bin/python tests/rfc/rfc_page.py > docs/rfc.md

# .venv with the product alone, and with all that tests and tools need; the programs that tests drive
product:
	@PYTHON=$(PYTHON) .ci/venv ""

dev:
	@PYTHON=$(PYTHON) .ci/venv dev

peers:
	@.ci/peers

clean:
	rm -rf .venv .cache var

.PHONY: run test lint types campaign bench bench-ecstream bench-relay swarm campaign-delivery campaign-operator \
    campaign-cluster nightly-cluster campaign-cluster-real campaign-session week domains determinism bench-http \
    schemathesis bench-sim planted fuzz reference product dev peers clean
