# Without a firmware of ours: `ridge` as a native module, and the stock firmware that it is tested in. Part of ../Makefile.
.PHONY: mpy mpy-armv7emsp mpy-armv7emdp mpy-x64 unix-stock m7-stock

# ---- ridge.mpy, and the folder that `mpremote mip install` takes ----
#
# x64 is for MicroPython on this machine: the unix port loads native modules on x86 alone.
NATIVE_ARCHS = armv7emsp armv7emdp $(if $(filter x86_64,$(shell uname -m)),x64)
NATIVE_PYTHON = $(firstword $(wildcard $(TOP)/.venv/bin/python) $(PYTHON))
NATIVE_KEY = $(MICROPYTHON) $(shell cat $(HERE)/natmod/Makefile $(HERE)/natmod/*.[ch] $(HERE)/ridge/*.[ch] | cksum) \
    $(shell gcc -march=native -dM -E -x c /dev/null 2>/dev/null | cksum)

mpy: $(NATIVE_ARCHS:%=mpy-%) $(MPY_CROSS) ## Build ridge.mpy for firmware without it, and a package: build/mpy/package.json
	@$(PYTHON) $(HERE)/natmod/package.py $(MPY_CROSS) $(OUT)/mpy $(foreach arch,$(NATIVE_ARCHS),$(OUT)/natmod/$(arch)/ridge.mpy)

mpy-armv7emsp mpy-armv7emdp mpy-x64: mpy-%:
	@folder=$(OUT)/natmod/$*; mkdir -p $$folder && exec 9>$(OUT)/natmod/$*.lock && { $(LOCK); } && \
	$(call settle,$$folder/key,$(NATIVE_KEY),rm -rf $$folder) && \
	{ [ -e $$folder/ridge.mpy ] || $(MAKE) -C $$folder -f $(HERE)/natmod/Makefile ARCH=$* MPY_DIR=$(MICROPYTHON) PYTHON=$(NATIVE_PYTHON) \
	    >$$folder.log 2>&1 9>&- || { cat $$folder.log >&2; echo "$@: the build failed, see above" >&2; exit 1; }; }

# ---- MicroPython with nothing of ours ----

unix-stock m7-stock: MODULES =
unix-stock m7-stock: ALSO = natmod
unix-stock m7-stock: ULAB =
unix-stock m7-stock: USERMODS = $(OUT)/usermods-stock

unix-stock: $(MPY_CROSS) ## Build MicroPython's standard unix port, with doubles and without ridge
	$(call build,unix-stock,ports/unix,micropython,FROZEN_MANIFEST= \
	    MICROPY_PY_BTREE=0 MICROPY_PY_FFI=0 MICROPY_PY_SSL=0 MICROPY_SSL_MBEDTLS=0)

m7-stock: TARGET_DIR = $(HERE)/boards/MPS2_AN500
m7-stock: $(MPY_CROSS) ## Build MicroPython for the emulated Cortex-M7 without ridge
	$(call build,m7-stock,ports/qemu,firmware.elf,BOARD=MPS2_AN500 BOARD_DIR=$(TARGET_DIR) \
	    FROZEN_MANIFEST=$(HERE)/natmod/m7_stock_manifest.py)
