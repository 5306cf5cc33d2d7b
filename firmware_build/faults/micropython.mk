# The C user module `faults`, for tests alone: the nth allocation fails, or Ctrl-C comes before the nth bytecode.
FAULTS_DIR := $(USERMOD_DIR)

SRC_USERMOD_C += $(FAULTS_DIR)/modfaults.c
CFLAGS_USERMOD += -DUFF_FAULTS=1
LDFLAGS_USERMOD += -Wl,--wrap=gc_alloc,--wrap=gc_realloc
$(BUILD)/py/vm.o: CFLAGS += -include $(FAULTS_DIR)/faults_vm.h
