# The STM32H747I-DISCO for MicroPython's stm32 port, from outside its tree: upstream's board (this file's folder is
# $(BOARD_DIR), the port's the current one) and what differs. See mpconfigboard.h for the rest.
include boards/STM32H747I_DISCO/mpconfigboard.mk

# The port sets it after it has read the modules' makefiles, which ask the compiler.
CROSS_COMPILE ?= arm-none-eabi-

# As on all targets: the same bits everywhere, and a double is a boxed object of 16 bytes.
MICROPY_FLOAT_IMPL = float

LD_FILES = $(BOARD_DIR)/stm32h747i_disco.ld

# See mpconfigboard.h: power cuts, and no Ethernet.
MICROPY_VFS_LFS2 = 1
MICROPY_PY_LWIP = 0
MICROPY_PY_SSL = 0
MICROPY_SSL_MBEDTLS = 0
# Nothing runs on the second core.
MICROPY_PY_OPENAMP = 0
MICROPY_PY_OPENAMP_REMOTEPROC = 0

# USB is the port's own stack, as upstream has it for this board; the makefile lists TinyUSB's files all the same, and its
# submodule would be needed to compile them for nothing. (override: the makefile's own value comes later.)
override TINYUSB_SRC_C :=

ifeq ($(UART_REPL),1)
CFLAGS += -DUFF_UART_REPL
else ifneq (,$(filter-out 0,$(UART_REPL)))
$(error UART_REPL: want 1 or 0, got $(UART_REPL))
endif

ifeq ($(CORE_MHZ),480)
CFLAGS += -DUFF_CORE_480
else ifneq (,$(filter-out 400,$(CORE_MHZ)))
$(error CORE_MHZ: want 400 or 480, got $(CORE_MHZ))
endif

# The core's headers in a checkout that has CMSIS_5 alone, which upstream's makefile does not look into.
ifeq (,$(wildcard $(TOP)/lib/CMSIS_6/CMSIS/Core/Include/core_cm7.h))
CFLAGS += -I$(TOP)/lib/CMSIS_5/CMSIS/Core/Include
endif

# sqrt() is then the FPU's instruction; the port has no C library whose sqrt() could set errno.
$(BUILD)/ridge/%.o: CFLAGS += -fno-math-errno

# What the port does not ask of its own files.
$(BUILD)/$(BOARD_DIR)/modboard_h747.o: CFLAGS += -Wextra -Wno-unused-parameter -Wno-missing-field-initializers
