// The framebuffer twice: as the processor has it, with its data cache, and as the SDRAM has it, which the LTDC reads. A line
// reaches the SDRAM when it is cleaned; that it may be evicted before is chance, on which no program may count.
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { LINE = 32 };
static uint32_t base, bytes;
static uint8_t *sdram; // NULL: the image has no framebuffer
static bool cached;
static uint64_t cleaned, read_lines;

void cache_open(void) {
    uint32_t end;
    if (!symbol_value("_lcd_framebuffer_start", &base) || !symbol_value("_lcd_framebuffer_end", &end) || end <= base) {
        return;
    }
    bytes = end - base;
    sdram = calloc(bytes, 1);
    if (!sdram) {
        fail("no memory for a second framebuffer");
    }
}

static void copy(uint32_t address, uint32_t count) {
    const uint8_t *from = memory_at(address, count);
    if (from) {
        memcpy(sdram + (address - base), from, count);
    }
}

void cache_changed(void) {
    const bool now = sdram && core_write_back(base);
    if (now && !cached) {
        copy(base, bytes);
    }
    cached = now;
}

void cache_clean(uint32_t address) {
    address &= ~(uint32_t)(LINE - 1);
    if (sdram && address - base < bytes) {
        cleaned++;
        copy(address, LINE);
    }
}

void cache_clean_all(void) {
    if (sdram) {
        copy(base, bytes);
    }
}

const uint8_t *cache_memory(uint32_t address, uint32_t count) {
    const uint8_t *memory = memory_at(address, count);
    if (!memory) {
        bench_violation("the LTDC reads 0x%08x, where no memory is", (unsigned)address);
        return NULL;
    }
    cached = sdram && core_write_back(address);
    if (!cached || address - base >= bytes || count > bytes - (address - base)) {
        return memory;
    }
    const uint8_t *seen = sdram + (address - base);
    read_lines += (count + LINE - 1) / LINE;
    if (memcmp(seen, memory, count) != 0) {
        uint32_t at = 0;
        while (seen[at] == memory[at]) {
            at++;
        }
        bench_violation("the LTDC reads 0x%08x, which was written and not cleaned from the data cache",
            (unsigned)(address + at) & ~(unsigned)(LINE - 1));
    }
    return seen;
}

void cache_report(void) {
    if (!sdram) {
        return;
    }
    if (core_write_back(base)) {
        report_line("framebuffer: in the data cache, write-back; %llu lines cleaned, %llu read by the LTDC",
            (unsigned long long)cleaned, (unsigned long long)read_lines);
    } else {
        report_line("framebuffer: not in the data cache, or written through: no line needs cleaning");
    }
}
