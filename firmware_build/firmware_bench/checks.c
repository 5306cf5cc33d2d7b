// What each instruction may not do. The decoder knows what the checks need of Thumb-2 (ARMv7-M manual DDI 0403E, A5).
#include "bench.h"

#include <stdlib.h>
#include <string.h>

static uint32_t half(uint32_t address) {
    const uint8_t *place = memory_at(address, 2);
    return place ? (uint32_t)(place[0] | place[1] << 8) : 0;
}

unsigned check_it_length(uint32_t address) {
    const uint32_t first = half(address), mask = first & 15;
    if ((first & 0xff00) != 0xbf00 || mask == 0) {
        return 0;
    }
    return mask & 1 ? 4 : mask & 2 ? 3 : mask & 4 ? 2 : 1;
}

// An access that faults where its address is no multiple of four, whatever CCR.UNALIGN_TRP says (A3.2.1): LDM, STM, LDRD,
// STRD, LDREX, VLDR, VSTR, VLDM. By SP or PC they are aligned.
static bool must_be_aligned(uint32_t first, uint32_t second) {
    if ((first & 0xf000) == 0xc000) { // LDM, STM of 16 bits
        return true;
    }
    if ((first & 0xf800) < 0xe800) {
        return false;
    }
    const uint32_t base = first & 15;
    if (base == 13 || base == 15) {
        return false;
    }
    if ((first & 0xfe40) == 0xe800) { // LDM, STM
        return true;
    }
    if ((first & 0xfe40) == 0xe840) { // LDRD, STRD, exclusives
        return (first & 0x0120) != 0 || (first & 0x0050) == 0x0040;
    }
    if ((first & 0xee00) == 0xec00 && (second & 0x0e00) == 0x0a00) { // VLDR, VSTR, VLDM, VSTM, not VMOV of two
        return (first & 0x01e0) != 0x0040;
    }
    return false;
}

uint8_t check_decode(uint32_t address) {
    const uint32_t first = half(address);
    if (first == 0xbf30) { // WFI
        return SLEEPS;
    }
    return must_be_aligned(first, half(address + 2)) ? ALIGNED : PLAIN;
}

static uint32_t general(unsigned number) {
    static const int names[16] = {UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3, UC_ARM_REG_R4,
        UC_ARM_REG_R5, UC_ARM_REG_R6, UC_ARM_REG_R7, UC_ARM_REG_R8, UC_ARM_REG_R9, UC_ARM_REG_R10, UC_ARM_REG_R11,
        UC_ARM_REG_R12, UC_ARM_REG_SP, UC_ARM_REG_LR, UC_ARM_REG_PC};
    uint32_t value = 0;
    uc_reg_read(uc, names[number], &value);
    return value;
}

void check_alignment(uint32_t address) {
    const uint32_t first = half(address), second = half(address + 2);
    // Offsets are multiples of four, but in a LDREXB or LDREXH, which are not asked here.
    uint32_t base = general((first & 0xf000) == 0xc000 ? first >> 8 & 7 : first & 15);
    if ((first & 0xfff0) == 0xe8d0 || (first & 0xfff0) == 0xe8c0) {
        const uint32_t kind = second >> 4 & 15; // table branch, LDREXB, LDREXH
        if (kind != 7) {
            return;
        }
        base &= 7;
    }
    if (base & 3) {
        bench_violation("an instruction (%04x %04x) that wants words uses 0x%08x", (unsigned)first, (unsigned)second,
            (unsigned)base);
    }
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

static void on_access(uc_engine *engine, uc_mem_type type, uint64_t where, int size, int64_t value, void *data) {
    (void)engine, (void)value, (void)data;
    const uint32_t address = (uint32_t)where, bytes = (uint32_t)size;
    const bool write = type == UC_MEM_WRITE;
    const char *what = write ? "write" : "read";
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
