# The C user module `guarded`, and the sanitizers that a firmware with it is built with: AddressSanitizer everywhere, UBSan
# for code of ours. setjmp, since AddressSanitizer knows how a longjmp leaves the stack and MicroPython's own jumps not.
GUARDED_DIR := $(USERMOD_DIR)

SRC_USERMOD_C += $(GUARDED_DIR)/modguarded.c
CFLAGS_USERMOD += -fsanitize=address -fno-omit-frame-pointer -DMICROPY_NLR_SETJMP=1 -Wno-clobbered
LDFLAGS_USERMOD += -fsanitize=address,undefined
$(BUILD)/guarded/%.o $(BUILD)/ridge/%.o: CFLAGS += -fsanitize=undefined,float-cast-overflow -fno-sanitize-recover=all
