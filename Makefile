# Everything a newcomer needs: Python 3.11 or newer and make. The work is done by the plain Python in workbench/.
# ARGS is passed on:  make test ARGS="tests/routing -k ties"   make run ARGS="--quiet"   CONTACT_CENTER_PORT=9000 make run

.DEFAULT_GOAL := help
.PHONY: help run test check bench lock clean

# The first Python that is new enough, preferring one that can make virtual environments by itself.
FIND_PYTHON = for with in 'import venv, ensurepip' 'pass'; do \
	for python in python3.11 python3.12 python3.13 python3.14 python3 python; do \
		$$python -c "import sys; assert sys.version_info >= (3, 11); $$with" >/dev/null 2>&1 && echo $$python && exit; \
	done; done; echo no-python-3.11-found
PYTHON ?= $(shell $(FIND_PYTHON))
WORKBENCH = @$(PYTHON) -m workbench

help: ## list what make can do
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## set everything up and start the hub with its sandbox; prints the addresses to open
	$(WORKBENCH) run $(ARGS)

test: ## set everything up and pass every test, against real servers and a real browser
	$(WORKBENCH) test $(ARGS)

check: ## the whole gate: format, lint, types, import contracts, generated types, then every test
	$(WORKBENCH) check $(ARGS)

bench: ## measure the hub against bare floors in the same run (ARGS=--quick for a first look)
	$(WORKBENCH) bench $(ARGS)

lock: ## write constraints.txt anew with the newest versions that fit
	$(WORKBENCH) lock

clean: ## remove what make made: .venv, .cache, node_modules, the built console (never your data)
	$(WORKBENCH) clean
