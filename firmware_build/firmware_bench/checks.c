// What a program may not do with its stack and, where it is strictly watched, with each load and store.
#include "bench.h"

#include <stdlib.h>
#include <string.h>

void check_alignment(uint32_t instruction, const char *what, uint32_t address) {
    instruction_at = instruction;
    const uint32_t words = memory_word(instruction);
    bench_violation("an instruction (%04x %04x) that wants words %s 0x%08x", (unsigned)(words & 0xffff),
        (unsigned)(words >> 16), what, (unsigned)address);
}

// ---- the stack: how deep, and not deeper ----

static uint32_t stack_bottom, stack_top;
static uint8_t *stack_memory;
static const uint8_t paint = 0xa5;

void check_power_on(void) {
    if (symbol_value("_sstack", &stack_bottom) && symbol_value("_estack", &stack_top) && stack_top > stack_bottom) {
        stack_memory = memory_at(stack_bottom, stack_top - stack_bottom);
        if (stack_memory) {
            memset(stack_memory, paint, stack_top - stack_bottom);
        }
    }
}

uint32_t check_stack_used(uint32_t *size) {
    *size = stack_memory ? stack_top - stack_bottom : 0;
    uint32_t untouched = 0;
    while (untouched < *size && stack_memory[untouched] == paint) {
        untouched++;
    }
    return *size - untouched;
}

void check_stack(void) {
    static const uint32_t margin = 64;
    if (stack_memory) {
        for (uint32_t i = 0; i < margin; i++) {
            if (stack_memory[i] != paint) {
                bench_violation("the stack has used up all its %u bytes", (unsigned)(stack_top - stack_bottom));
                stack_memory = NULL;
                return;
            }
        }
    }
}

// ---- strict: each load and store ----

enum { SPAN = 9 };
static struct span {
    uint32_t base, bytes;
    uint8_t *written; // a bit of each byte
} spans[SPAN] = {
    {0x00000000u, 0x10000u, NULL},
    {0x20000000u, 0x20000u, NULL},
    {0x24000000u, 0x80000u, NULL},
    {0x30000000u, 0x48000u, NULL},
    {0x38000000u, 0x10000u, NULL},
    {0x38800000u, 0x1000u, NULL},
    {SDRAM_BASE, SDRAM_BYTES, NULL},
};
static bool strict;

static struct span *span_of(uint32_t address) {
    for (unsigned i = 0; i < SPAN; i++) {
        if (address - spans[i].base < spans[i].bytes) {
            return &spans[i];
        }
    }
    return NULL;
}

void check_memory_written(uint32_t address, uint32_t bytes) {
    struct span *span = strict ? span_of(address) : NULL;
    if (span) {
        for (uint32_t at = address - span->base; bytes && at < span->bytes; at++, bytes--) {
            span->written[at / 8] |= (uint8_t)(1u << at % 8);
        }
    }
}

static void check_access(uint32_t address, uint32_t bytes, bool write) {
    const char *what = write ? "write" : "read";
    if (address & 3 && bytes >= 4 && block_must_be_aligned(instruction_at)) {
        check_alignment(instruction_at, "uses", address);
    }
    if (!core_allows(address, write, false)) {
        bench_violation("%s of %u bytes at 0x%08x, which the MPU forbids", what, (unsigned)bytes, (unsigned)address);
    }
    if (address % bytes && core_device_memory(address)) {
        bench_violation(
            "unaligned %s of %u bytes at 0x%08x, which is device memory", what, (unsigned)bytes, (unsigned)address);
    }
    struct span *span = span_of(address);
    if (!span) {
        return;
    }
    const uint32_t from = address - span->base;
    if (write) {
        check_memory_written(address, bytes);
        return;
    }
    for (uint32_t at = from; at < from + bytes && at < span->bytes; at++) {
        if (!(span->written[at / 8] >> at % 8 & 1)) {
            bench_violation("read of %u bytes at 0x%08x, which nobody has written", (unsigned)bytes, (unsigned)address);
            check_memory_written(address, bytes); // said once
            return;
        }
    }
}

static void on_access(uc_engine *engine, uc_mem_type type, uint64_t where, int size, int64_t value, void *data) {
    (void)engine, (void)value, (void)data;
    cpu_at_instruction();
    check_access((uint32_t)where, (uint32_t)size, type == UC_MEM_WRITE);
    cpu_hook_ends();
}

void check_strict_open(void) {
    strict = true;
    for (unsigned i = 0; i < SPAN; i++) {
        spans[i].written = calloc(spans[i].bytes / 8 + 1, 1);
        if (!spans[i].written) {
            fail("no memory for the checks of memory");
        }
    }
    uc_hook hook;
    const uc_err error = uc_hook_add(uc, &hook, UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, (void *)on_access, NULL, 1, 0);
    if (error != UC_ERR_OK) {
        fail("loads and stores cannot be watched: %s", uc_strerror(error));
    }
}
