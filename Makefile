# Everything happens inside this checkout. `make` alone shows what there is.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:

PYTHON ?= python3
ARGS ?=

bin := .venv/bin
pip := $(bin)/python -m pip --disable-pip-version-check --cache-dir .cache/pip --quiet

help: ## show this list
	@sed -n 's/^\([a-z0-9]*\):.*## /  make \1\t/p' Makefile | expand -t 18

demo: .venv/demo ## run the main job on simulated devices, about 90 seconds (ARGS="--headless --json")
	@$(bin)/doorpost demo $(ARGS)

# three at a time even on two cores: most tests wait for a device, or for its silence
test: prepared .venv/test ## install what the tests need, then check and test everything
	@$(MAKE) check
	@$(bin)/pytest --numprocesses 3 --dist worksteal

check: .venv/test ## style, types and the arrows between the rooms
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/lint-imports --no-logo

soak: prepared .venv/test ## the long runs, 95 minutes: a thousand kill -9, a day at 60 times its speed, fuzzing (docs/soak.md)
	@$(bin)/pytest -m soak --timeout=0 -s
	@$(MAKE) fuzz

fuzz: .venv-fuzz/ready ## fuzz the parsers of the contract, guided by coverage (ARGS="--seconds 600 verify")
	@PYTHONPATH=tests .venv-fuzz/bin/python -m fuzz.run $(ARGS)

bench: prepared .venv/test .venv-bench/ready ## measure, 30 minutes, and write docs/performance.md (ARGS="append" for one, "--quick" to see it run)
	@$(bin)/python -m bench $(ARGS)

sllurp: .venv-sllurp/ready ## let sllurp, an LLRP client of other authors, work with the simulated reader
	@.venv-sllurp/bin/python tests/peers/sllurp_peer.py

contract: .venv/test ## make docs/contract and the schema of profiles again from the types
	$(bin)/python -m sync.contract.document docs/contract
	$(bin)/doorpost profile schema >config/profiles/profile.schema.json

drivers: .venv/test ## make the tables of docs/drivers.md and docs/settings.md again from the drivers
	@PYTHONPATH=tests $(bin)/python -m support.scorecard
	@PYTHONPATH=tests $(bin)/python -m support.settings_page

locale := config/messages/zh_CN/LC_MESSAGES

words: ## make what the command line's library says in Chinese of its messages.po (needs Debian's gettext)
	msgfmt --output-file=$(locale)/messages.mo $(locale)/messages.po

# first: evdev, which comes as source, is compiled into .venv
prepared:
	@tests/prepare

gs1: .venv/test ## make the table of application identifiers again (ARGS=gs1-syntax-dictionary.txt)
	$(bin)/python -m traceability.gs1.dictionary <$(ARGS) >.cache/facts.py && mv .cache/facts.py traceability/gs1/facts.py

uv := .cache/uv/bin/uv
compile := $(uv) pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate --extra camera --extra demo --extra gpio --group build

lock: ## resolve the newest versions into the two lock files
	$(PYTHON) -m venv .cache/uv
	.cache/uv/bin/pip --disable-pip-version-check --quiet install uv
	$(compile) -o requirements.lock
	$(compile) --extra hid --group dev --constraint requirements.lock -o requirements-dev.lock

.venv/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "doorpost needs Python 3.11 or newer; $(PYTHON) is: $$($(PYTHON) -V 2>&1)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
		{ echo "doorpost needs Python's venv package: sudo apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv

define install
	@echo "Installing $< into .venv (once; some 100 MB) ..."
	@$(pip) install --require-hashes -r $<
	@$(pip) install --no-build-isolation --no-deps -e .
	@sync # else the card is still busy with it while the demo wants to show how quick the gateway is
	@touch $@
endef

.venv/demo: requirements.lock pyproject.toml | .venv/pyvenv.cfg
	$(install)

.venv/test: requirements-dev.lock pyproject.toml | .venv/pyvenv.cfg
	$(install)

# atheris, and from .venv what is fuzzed with it. Where there is no atheris, the fuzzing says that it is skipped.
.venv-fuzz/ready: tests/fuzz/requirements.txt | .venv/test
	@$(PYTHON) -m venv .venv-fuzz
	@$(bin)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		>$$(.venv-fuzz/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/doorpost.pth
	@.venv-fuzz/bin/python -m pip --disable-pip-version-check --cache-dir .cache/pip --quiet install \
		--only-binary :all: --require-hashes -r $< && touch $@ || true

# the peer that the whole way is measured against, and py-spy: nothing of ours
.venv-bench/ready: bench/requirements.txt
	@$(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip --disable-pip-version-check --cache-dir .cache/pip --quiet install --require-hashes -r $<
	@touch $@

# GPL: it stands alone, and meets the simulated reader over a socket
.venv-sllurp/ready: tests/peers/sllurp-requirements.txt
	@$(PYTHON) -m venv .venv-sllurp
	@.venv-sllurp/bin/python -m pip --disable-pip-version-check --cache-dir .cache/pip --quiet install --require-hashes -r $<
	@touch $@

.PHONY: help demo test check soak fuzz bench sllurp contract drivers gs1 words lock prepared
