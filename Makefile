# Every target sets up what it needs first (scripts/setup; a moment where that was done before).

VENV := $(or $(ORTWIN_VENV),$(CURDIR)/.venv)
BIN := $(VENV)/bin
OUT ?= demo
# Each worker loads the heavy libraries for itself, so that more than eight would only fill the memory.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((n < 8 ? n : 8)))

# Kernels that numba compiles are kept, so that the next run starts at full speed.
export NUMBA_CACHE_DIR ?= $(VENV)/numba-cache

# Seconds mean something only while nothing else runs.
ALONE := tests/test_startup.py

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all check format bench bench-peers clean

help: ## what there is to make
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /|/' | awk -F'|' '{ printf "  make %-10s %s\n", $$1, $$2 }'

setup: ## a virtual environment with ortwin in it
	@scripts/setup

demo: setup ## simulate a small operating room, build its twin, draw pictures (OUT=folder)
	@$(BIN)/ortwin demo $(OUT)

# The bodies of simulated people take anny some minutes, once for each machine.
BODIES := from ortwin.datasets.simulated_or.anny_body import Phenotype, body_shape; body_shape(Phenotype())

test: setup ## the tests, without those that take minutes
	@$(BIN)/python -m pytest -q $(ALONE)
	@$(BIN)/python -c '$(BODIES)'
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) -m "not slow" --ignore $(ALONE)

test-all: setup ## all tests
	@$(BIN)/python -m pytest -q $(ALONE)
	@$(BIN)/python -c '$(BODIES)'
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --ignore $(ALONE)

check: setup ## lint, layout and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pyright --pythonpath $(BIN)/python

format: setup ## bring the layout in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## cost of start-up, decoding and each stage, fusion beside Open3D, scores on a simulated operation
	@for bench in benchmarks/bench_pipeline.py benchmarks/bench_tsdf.py benchmarks/bench_scores.py benchmarks/bench_render.py benchmarks/bench_bodies.py benchmarks/bench_query.py benchmarks/bench_predicates.py; do OMP_NUM_THREADS=1 $(BIN)/python $$bench || exit 1; done
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/bench_lift.py --people 5
	@[ -z "$$ORTWIN_TEST_DATA" ] || OMP_NUM_THREADS=1 $(BIN)/python benchmarks/bench_mvor.py
	@[ -z "$$ORTWIN_TEST_DATA" ] || OMP_NUM_THREADS=1 $(BIN)/python benchmarks/bench_pose2sim.py --every 20

PEERS := $(CURDIR)/build/peers
PEER_PACKAGES := motmetrics==1.4.0 trackeval==1.3.0

bench-peers: setup ## our metrics beside maintained references, which get an environment of their own
	@[ -x $(PEERS)/bin/python ] || $(BIN)/python -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install -q --disable-pip-version-check $(PEER_PACKAGES)
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/bench_peers.py $(PEERS)/bin/python
	@[ -x $(PEERS)-lift/bin/python ] || $(BIN)/python -m venv $(PEERS)-lift
	@$(PEERS)-lift/bin/python -m pip install -q --disable-pip-version-check pose2sim==0.10.49
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/bench_peers_lift.py $(PEERS)-lift/bin/python

clean: ## remove what was built; the virtual environment stays
	@rm -rf build dist demo *.egg-info .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
