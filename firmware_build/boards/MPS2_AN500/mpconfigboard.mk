# A Cortex-M7 in QEMU (machine mps2-an500) for MicroPython's qemu port, from outside its tree: nothing there is edited.
# The port's own functions give way to those of board.c by renaming them in the files that define or call them.
QEMU_ARCH = arm
QEMU_MACHINE = mps2-an500
# The port sets it after it has read the modules' makefiles, which ask the compiler.
CROSS_COMPILE ?= arm-none-eabi-

CFLAGS += -mthumb -mcpu=cortex-m7 -mfpu=fpv5-d16 -mfloat-abi=hard
CFLAGS += -DQEMU_SOC_MPS2 -DMICROPY_HW_MCU_NAME='"Cortex-M7"'
CFLAGS += -I$(BOARD_DIR) -DMP_CONFIGFILE='"mpconfigboard.h"'
QSTR_GLOBAL_DEPENDENCIES += $(BOARD_DIR)/mpconfigboard.h
MICROPY_FLOAT_IMPL = float
SUPPORTS_HARDWARE_FP_SINGLE = 1
MPY_CROSS_FLAGS += -march=armv7emsp

LDSCRIPT = $(BOARD_DIR)/mps2_an500.ld
# All of the PSRAM: the heap, and what board.c leaves of it.
MICROPY_HEAP_SIZE = 16777216
MICROPY_VFS_LFS2 = 1
FROZEN_MANIFEST ?= $(BOARD_DIR)/manifest.py

vpath %.c $(BOARD_DIR)
BOARD_C = startup_m7.c board.c ticks.c console.c host_file.c modboard_m7.c
SRC_BOARD_O = shared/runtime/gchelper_native.o shared/runtime/gchelper_thumb2.o $(BOARD_C:.c=.o)
SRC_BOARD_O += shared/timeutils/timeutils.o
SRC_QSTR += $(addprefix $(BOARD_DIR)/,$(BOARD_C))
$(addprefix $(BUILD)/,$(BOARD_C:.c=.o)): CFLAGS += -Wextra -Wno-unused-parameter -Wno-missing-field-initializers

# Every new bytearray is cleared by memset(): 7 million instructions for 2 MB as the port compiles it.
$(BUILD)/shared/libc/string0.o: CFLAGS += -O2 -funroll-loops -fno-tree-loop-distribute-patterns

# sqrt() is then the FPU's instruction; the port has no C library whose sqrt() could set errno.
$(BUILD)/ridge/%.o: CFLAGS += -fno-math-errno

PORT_HAL = stdio_poll stdin_rx_chr ticks_ms ticks_us ticks_cpu delay_ms delay_us time_ns
$(BUILD)/mphalport.o: CFLAGS += $(foreach name,$(PORT_HAL),-Dmp_hal_$(name)=port_$(name))
$(BUILD)/main.o: CFLAGS += -Dgc_init=board_gc_init -Dmp_init=board_mp_init
