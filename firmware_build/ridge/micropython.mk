# The C user module `ridge`, for USER_C_MODULES: the glue (modridge.c) and the core it calls (ridge_*.c, no py/*.h).
RIDGE_DIR := $(USERMOD_DIR)
RIDGE_CORE := $(wildcard $(RIDGE_DIR)/ridge_*.c)

SRC_USERMOD_C += $(RIDGE_DIR)/modridge.c
SRC_USERMOD_LIB_C += $(RIDGE_CORE)
CFLAGS_USERMOD += -I$(RIDGE_DIR)

# MicroPython's buffer for the sentence of an exception has no room for the 0 behind the longest one where sentences are
# compressed (py/objexcept.c), and the longest is ours. Without compression there is no such buffer.
MICROPY_ROM_TEXT_COMPRESSION = 0

# The same bits everywhere: no fusing but by name (fmaf). fmaf is one instruction on the M7 and on aarch64; on x86 it is
# one where compiler and processor both have FMA, else a slow call with the same result. The ports default to -Os.
RIDGE_CFLAGS := -O3 -ffp-contract=off
ifneq (,$(and $(filter x86_64-% i686-%,$(shell $(CC) -dumpmachine)),$(findstring __FMA__,$(shell \
    $(CC) -march=native -dM -E -x c /dev/null 2>/dev/null))))
RIDGE_CFLAGS += -mavx2 -mfma
endif
$(patsubst $(RIDGE_DIR)/%.c,$(BUILD)/ridge/%.o,$(RIDGE_CORE)): CFLAGS += $(RIDGE_CFLAGS)
