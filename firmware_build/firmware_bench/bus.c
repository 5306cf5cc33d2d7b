// Peripherals by address. Each access is checked here for what holds for all: somebody is there, and it is clocked.
// (An unaligned access comes as several aligned ones; checks.c sees it.)
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// The processor waits for what it reads through AXI and AHB bridges of half its clock. How long no manual says; without it a
// flash would be polled far more often than on silicon, and the bench would do little else.
enum { READ_CYCLES = 20 };
enum { LOWEST = 0x40000000, PAGES = 0x20000000 >> 10, MODELS = 64 };

struct place {
    model_t *model;
    unsigned peripheral;
    uint8_t *touched; // of each word: 1 read, 2 written
};
static struct place places[MODELS];
static unsigned count;
static uint8_t page[PAGES]; // 0: nobody, else the place + 1

// Where the bus may be asked at all (RM0399 2.3.2); elsewhere nothing is mapped.
static const struct {
    uint32_t base, bytes;
} windows[] = {
    {0x40000000u, 0x00018000u},
    {0x40020000u, 0x000a0000u},
    {0x48020000u, 0x00003000u},
    {0x50000000u, 0x00004000u},
    {0x51000000u, 0x00100000u},
    {0x52000000u, 0x0000a000u},
    {0x58000000u, 0x00007000u},
    {0x58020000u, 0x00007000u},
    {0x5c000000u, 0x00002000u},
    {0xe0000000u, 0x00100000u},
};

void bus_add(model_t *model, unsigned peripheral) {
    if (count == MODELS || model->base < LOWEST || model->base - LOWEST >= PAGES << 10) {
        fail("no room for %s", model->name);
    }
    struct place *place = &places[count++];
    place->model = model;
    place->peripheral = peripheral;
    place->touched = calloc(model->size / 4 + 1, 1);
    if (!place->touched) {
        fail("no memory for %s", model->name);
    }
    for (uint32_t at = 0; at < model->size; at += 1024) {
        page[(model->base - LOWEST + at) >> 10] = (uint8_t)count;
    }
}

static struct place *find(uint32_t address, unsigned size, const char *what) {
    const uint8_t number = address - LOWEST < (uint32_t)PAGES << 10 ? page[(address - LOWEST) >> 10] : 0;
    struct place *place = number ? &places[number - 1] : NULL;
    if (!place || address - place->model->base >= place->model->size) {
        bench_violation("%s of %u bytes at 0x%08x, where no peripheral of the bench is", what, size, (unsigned)address);
        return NULL;
    }
    if (place->peripheral != ALWAYS && !bench_clock_on(place->peripheral)) {
        bench_violation("%s of %s at 0x%08x, which has no clock", what, place->model->name, (unsigned)address);
        return NULL;
    }
    return place;
}

// The access under way, for a violation's place: within a block the emulator does not say where it is.
static uint32_t accessed;
static enum { NO_ACCESS, READING, WRITING } under_way;

void bus_find_instruction(void) {
    if (under_way != NO_ACCESS && cpu_block()) {
        instruction_at = block_access(cpu_block(), accessed, under_way == WRITING);
    }
}

static uint32_t read_register(uint32_t address, unsigned size) {
    if (address >= 0xe0000000u) {
        return core_read(address, size);
    }
    struct place *place = find(address, size, "read");
    if (!place) {
        return 0;
    }
    cycles += READ_CYCLES;
    const uint32_t at = address - place->model->base;
    place->touched[at / 4] |= 1;
    return place->model->read ? place->model->read(place->model, at - at % size, size) : 0;
}

static void write_register(uint32_t address, unsigned size, uint32_t value) {
    if (address >= 0xe0000000u) {
        core_write(address, size, value);
        return;
    }
    struct place *place = find(address, size, "write");
    if (!place) {
        return;
    }
    const uint32_t at = address - place->model->base;
    place->touched[at / 4] |= 2;
    if (place->model->write) {
        place->model->write(place->model, at - at % size, size, value);
        board_written(place->model);
    }
}

static uint64_t on_read(uc_engine *engine, uint64_t offset, unsigned size, void *base) {
    (void)engine;
    accessed = (uint32_t)(uintptr_t)base + (uint32_t)offset;
    under_way = READING;
    const uint32_t value = read_register(accessed, size);
    under_way = NO_ACCESS;
    return value;
}

static void on_write(uc_engine *engine, uint64_t offset, unsigned size, uint64_t value, void *base) {
    (void)engine;
    accessed = (uint32_t)(uintptr_t)base + (uint32_t)offset;
    under_way = WRITING;
    write_register(accessed, size, (uint32_t)value);
    under_way = NO_ACCESS;
}

void bus_open(void) {
    for (unsigned i = 0; i < sizeof(windows) / sizeof(windows[0]); i++) {
        void *base = (void *)(uintptr_t)windows[i].base;
        const uc_err error = uc_mmio_map(uc, windows[i].base, windows[i].bytes, on_read, base, on_write, base);
        if (error != UC_ERR_OK) {
            fail("peripherals at 0x%08x cannot be mapped: %s", (unsigned)windows[i].base, uc_strerror(error));
        }
    }
}

void bus_reset(bool power) {
    for (unsigned i = 0; i < count; i++) {
        model_t *model = places[i].model;
        if (power && model->power_on) {
            model->power_on(model);
        } else if (model->reset) {
            model->reset(model);
        }
    }
    board_reset(power);
}

void bus_advance(void) {
    const uint64_t now = bench_now_ns();
    for (unsigned i = 0; i < count; i++) {
        if (places[i].model->advance) {
            places[i].model->advance(places[i].model, now);
        }
    }
}

void bus_coverage(FILE *file) {
    unsigned total = 0;
    for (unsigned i = 0; i < count; i++) {
        const struct place *place = &places[i];
        unsigned touched = 0;
        for (uint32_t w = 0; w < place->model->size / 4; w++) {
            touched += place->touched[w] != 0;
        }
        if (!touched) {
            continue;
        }
        total += touched;
        fprintf(file, "registers: %s %u:", place->model->name, touched);
        for (uint32_t w = 0; w < place->model->size / 4; w++) {
            if (place->touched[w]) {
                static const char *const how[4] = {"", "r", "w", "rw"};
                fprintf(file, " %x%s", (unsigned)(4 * w), how[place->touched[w]]);
            }
        }
        fputc('\n', file);
    }
    fprintf(file, "registers: %u in all\n", total);
}
