# The C user module `rivals`, for the benchmark's image alone: backpropagation, and CMSIS-DSP's kernels where
# $(USER_C_MODULES)/cmsisdsp is a source tree of it, compiled as its own makefiles do (-Ofast, unrolled loops).
RIVALS_DIR := $(USERMOD_DIR)
RIVALS_CMSISDSP := $(wildcard $(dir $(RIVALS_DIR))cmsisdsp)

SRC_USERMOD_C += $(RIVALS_DIR)/modrivals.c
SRC_USERMOD_LIB_C += $(RIVALS_DIR)/backprop.c
CFLAGS_USERMOD += -I$(RIVALS_DIR)
$(BUILD)/rivals/backprop.o: CFLAGS += -O3 -fno-math-errno

# ARM's core headers are a submodule of younger MicroPythons; Makefile says so where it is not there.
RIVALS_CORE := $(firstword $(wildcard $(TOP)/lib/cmsis/inc $(TOP)/lib/CMSIS_6/CMSIS/Core/Include))

ifneq (,$(and $(RIVALS_CMSISDSP),$(RIVALS_CORE)))
RIVALS_CMSIS_C := $(addprefix $(RIVALS_CMSISDSP)/Source/MatrixFunctions/,arm_mat_mult_f32.c arm_mat_mult_q15.c arm_mat_trans_q15.c \
    arm_mat_cholesky_f32.c)
SRC_USERMOD_LIB_C += $(RIVALS_CMSIS_C)
CFLAGS_USERMOD += -DRIVALS_CMSIS
CFLAGS_USERMOD += $(addprefix -isystem ,$(RIVALS_CORE) $(RIVALS_CMSISDSP)/Include $(RIVALS_CMSISDSP)/PrivateInclude)
$(patsubst $(RIVALS_CMSISDSP)/%.c,$(BUILD)/cmsisdsp/%.o,$(RIVALS_CMSIS_C)): CFLAGS += -Ofast -w -DARM_MATH_LOOPUNROLL
endif
