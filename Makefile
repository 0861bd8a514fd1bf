# Aether Desktop. `make help` lists the targets.
#
#   make run ARGS="events.db"     arguments for the application
#   make test PYTHON=python3.13   the interpreter to make .venv with (default: the first python >= 3.11 found)
#   make test TESTS="tests/engine -k audit"
#
# All paths are relative: the checkout's own path may contain spaces.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run test soak lint bench screenshots package lock clean venv

unexport PYTHONPATH
unexport PYTHONHOME

PYTHON ?=
ARGS ?=
TESTS ?=
VENV_PYTHON := .venv/bin/python

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | \
		while IFS=$$'\t' read -r name what; do printf '  make %-9s %s\n' "$$name" "$$what"; done

venv: ## set up .venv from packaging/requirements-dev.lock, compile what is in C (the other targets do it when they need it)
	@packaging/setup.sh "$(PYTHON)"

run: venv ## start the application on the demo data; without a display, write a screenshot of it
	@packaging/system-libraries.sh run
	@packaging/run.sh $(ARGS)

test: venv ## lint, type check and test everything
	@packaging/system-libraries.sh test
	@packaging/test.sh $(TESTS)

soak: venv ## faults, damage and mutations the long way, and the window in a flood for AETHER_SOAK_MINUTES (30)
	@AETHER_SOAK=1 $(VENV_PYTHON) -m pytest -s tests/engine -k "jetstream and (faults or cluster) or mutations or planted or native or ways" $(ARGS)
	@AETHER_SOAK=1 $(VENV_PYTHON) -m pytest -s tests/desktop/test_fuzz.py tests/desktop/tail/test_tail_restart.py tests/soak $(ARGS)

lint: venv ## ruff and mypy
	@packaging/test.sh --only-lint

screenshots: venv ## pictures of every panel and dialog in both themes, in screenshots/ or ARGS=FOLDER
	@packaging/system-libraries.sh run
	@QT_QPA_PLATFORM=offscreen $(VENV_PYTHON) -m aether_desktop --screenshots $(or $(ARGS),screenshots)

bench: venv ## measure speed and memory: prints a table
	@packaging/system-libraries.sh bench
	@$(VENV_PYTHON) -m tests.benchmarks $(ARGS)

package: venv ## build every package of this system into dist/, and try the .deb on a clean Debian
	@packaging/system-libraries.sh package
	@packaging/package.sh $(ARGS)

lock: venv ## refresh packaging/requirements*.lock from pyproject.toml (needs the package registry)
	@packaging/lock.sh $(VENV_PYTHON)

clean: ## remove .venv, dist/, build/, what was compiled and every cache
	rm -rf .venv build dist aether_engine/native/_library.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find aether_engine aether_desktop tests -name __pycache__ -type d -prune -exec rm -rf {} +
