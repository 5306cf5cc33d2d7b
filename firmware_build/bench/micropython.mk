# The C user module `baselines`, for the benchmark's image alone: backpropagation, and CMSIS-DSP's kernels where
# $(USER_C_MODULES)/cmsisdsp is a source tree of it, compiled as its own makefiles do (-Ofast, unrolled loops).
BASELINES_DIR := $(USERMOD_DIR)
BASELINES_CMSISDSP := $(wildcard $(dir $(BASELINES_DIR))cmsisdsp)

SRC_USERMOD_C += $(BASELINES_DIR)/modbaselines.c
SRC_USERMOD_LIB_C += $(BASELINES_DIR)/backprop.c
CFLAGS_USERMOD += -I$(BASELINES_DIR)
$(BUILD)/baselines/backprop.o: CFLAGS += -O3 -fno-math-errno

# ARM's core headers are a submodule of younger MicroPythons; Makefile says so where it is not there.
BASELINES_CORE := $(firstword $(wildcard $(TOP)/lib/cmsis/inc $(TOP)/lib/CMSIS_6/CMSIS/Core/Include))

ifneq (,$(and $(BASELINES_CMSISDSP),$(BASELINES_CORE)))
BASELINES_CMSIS_C := $(addprefix $(BASELINES_CMSISDSP)/Source/MatrixFunctions/,arm_mat_mult_f32.c arm_mat_mult_q15.c arm_mat_trans_q15.c \
    arm_mat_cholesky_f32.c)
SRC_USERMOD_LIB_C += $(BASELINES_CMSIS_C)
CFLAGS_USERMOD += -DBASELINES_CMSIS
CFLAGS_USERMOD += $(addprefix -isystem ,$(BASELINES_CORE) $(BASELINES_CMSISDSP)/Include $(BASELINES_CMSISDSP)/PrivateInclude)
$(patsubst $(BASELINES_CMSISDSP)/%.c,$(BUILD)/cmsisdsp/%.o,$(BASELINES_CMSIS_C)): CFLAGS += -Ofast -w -DARM_MATH_LOOPUNROLL
endif
