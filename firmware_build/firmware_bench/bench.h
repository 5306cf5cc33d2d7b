// What the parts of the bench share. The models see model.h alone.
#ifndef FIRMWARE_BENCH_H
#define FIRMWARE_BENCH_H

#include "model.h"

#include "models/display.h"
#include "models/fmc.h"

#include <stddef.h>
#include <stdio.h>
#include <unicorn/unicorn.h>

#define FLASH_BASE 0x08000000u
#define FLASH_BYTES 0x00200000u
#define NEVER UINT64_MAX

extern uc_engine *uc;

// ---- memory.c: what lies where, and the image ----

void memory_map(void);
void memory_load(const char *elf);
void memory_power_on(void); // RAM holds anything
// The host's copy of `size` bytes at `address`, or NULL where there is no memory or it crosses an edge.
uint8_t *memory_at(uint32_t address, uint32_t size);
uint32_t memory_word(uint32_t address); // 0 where there is none
void memory_sdram(bool ready);          // an SDRAM that was not initialised is not there
bool memory_sdram_ready(void);
bool memory_holds_programs(uint32_t address);

// ---- symbols.c: names for addresses ----

void symbols_load(const char *elf, const uint8_t *bytes, size_t size);
bool symbol_value(const char *name, uint32_t *value);
void symbols_place(uint32_t address, char *text, size_t size); // "function (file.c:12)", as far as known

// ---- cpu.c: time, instructions, exceptions ----

extern uint64_t cycles;         // instructions done, and those that a sleep would have taken
extern uint64_t instructions;   // done
extern uint32_t instruction_at; // the one that runs, as far as known: at least its block's first

void cpu_open(bool strict);
uc_hook cpu_watch(uint32_t begin, uint32_t last); // accesses there, where nothing lies, are violations
void cpu_unwatch(uc_hook hook);
void cpu_reset(void);
void cpu_reset_line(void); // somebody pressed the reset button
int cpu_run(void); // until the bench ends; its exit status
void cpu_end(int status);
void cpu_limit(double seconds); // of the board; 0: none
void cpu_attend(void);            // something may interrupt from now on
void cpu_clock_changed(void);     // of the processor
void cpu_deadline(uint64_t cycle); // stop there, to see to what is due
uint64_t cycles_from_ns(uint64_t ns);
uint64_t cpu_hertz(void);
uint32_t cpu_general(unsigned number); // a register, 0 to 15
unsigned cpu_in_it(void); // instructions of an IT block that come next
void cpu_at_instruction(void); // in a hook of the emulator that knows where it is: it is instruction_at
void cpu_hook_ends(void);       // such a hook of a load or store is done
const struct block *cpu_block(void); // that runs; NULL: none

// ---- core.c: NVIC, SysTick, SCB, MPU, DWT: the registers at 0xe0000000 ----

uint32_t core_read(uint32_t address, unsigned size);
void core_write(uint32_t address, unsigned size, uint32_t value);
void core_reset(void);
uint32_t core_vector(unsigned number);
int core_priority(unsigned number);
unsigned core_next(int below); // the most urgent pending exception that may interrupt, of a priority < below; 0: none
void core_take(unsigned number);  // it is active now
void core_left(unsigned number);  // and no more
bool core_any_pending(void);   // that would wake a WFI
void core_pend(unsigned number, bool pending);
uint64_t core_systick_due(void); // in cycles, NEVER where it is off
void core_systick(void);
void core_fault(uint32_t cfsr, uint32_t address);
bool core_enabled(unsigned number); // of the faults
bool core_reset_wanted(void);
// May a program read or write there (MPU)? Privileged, as this firmware is throughout.
bool core_allows(uint32_t address, bool write, bool execute);
bool core_device_memory(uint32_t address);
bool core_write_back(uint32_t address); // is what the processor writes there kept in its data cache?

// ---- bus.c: models by address ----

void bus_open(void);
void bus_add(model_t *model, unsigned peripheral); // peripheral: of bench_clock_on(), or ALWAYS
#define ALWAYS UINT32_MAX
void bus_reset(bool power);
void bus_advance(void);
void bus_find_instruction(void); // the one that reads or writes a register now, if one does, is instruction_at
void bus_coverage(FILE *file);

// ---- board.c: which models there are, and how they hang together ----

void board_open(const char *flash); // a file with what it holds, made where there is none; NULL: empty and forgotten
void board_panel(enum display_panel panel, bool supply); // what is plugged in; before board_open()
void board_close(void);
bool board_fault(const char *name); // before board_open(). False: there is no such fault
void board_list_faults(FILE *file);
void board_cut_at(uint64_t write); // power fails in that program or erasure of the flash, counted from 1
void board_seed(uint32_t seed); // of what that cut leaves half done
void board_log_writes(const char *path); // each program and erasure, and what a cut in it leaves
uint64_t board_writes(void); // programs and erasures of the flash, and writes of its registers, so far
bool board_lost_power(void);
void board_after_demo(void);       // the processor was reset while ST's demo ran
void board_written(model_t *model); // a register of it
void board_reset(bool power);

// ---- blocks.c: what the emulator executes at once ----

// An access that wants a multiple of four, whose base register the block leaves alone before it, or behind it.
enum { BLOCK_UNKNOWN, BLOCK_BEGIN, BLOCK_END };
struct block_site {
    uint16_t offset; // from the block's address
    uint8_t base, when;
};
struct block {
    uint32_t address, bytes, count; // of instructions
    uint32_t next, site_count;
    const struct block_site *sites;
};
const struct block *block_at(uint32_t address, uint32_t bytes); // valid until the next call
unsigned block_behind(const struct block *block, uint32_t address); // instructions of it behind that one
uint32_t block_access(const struct block *block, uint32_t address, bool write); // the instruction that makes it
void block_report(void);
bool block_must_be_aligned(uint32_t address); // does the instruction there want a multiple of four?

// ---- checks.c: what a program may not do ----

void check_alignment(uint32_t instruction, const char *what, uint32_t address); // it uses none, or leaves none as its base
void check_strict_open(void);
void check_stack(void);
void check_memory_written(uint32_t address, uint32_t bytes); // by a device or the bench
void check_power_on(void);
uint32_t check_stack_used(uint32_t *size);

// ---- console.c: bytes to and from the world ----

extern bool console_paced; // a sleep takes as long here as there
void console_open(bool pty);
int console_take(void);            // a byte, -1: none
void console_give(uint8_t byte);
uint64_t console_given(void); // bytes so far
void console_idle(uint64_t ns); // the processor slept so long: perhaps the world needs its time
void console_flush(void);

// ---- wires.c: the rest of the board, in another process (host/uff_host/virtual_board/wire.py) ----

void wires_open(int descriptor); // -1: there is none
int wires_descriptor(void);
void wires_look(void); // handles the packets that wait
bool wires_button(void);
void wires_led(unsigned number, bool on);
void wires_frame(unsigned x, unsigned y, unsigned width, unsigned height, const uint16_t *pixels, unsigned pitch);
void wires_touch_reset(void);
bool wires_i2c_there(uint8_t address);
int wires_i2c_read(uint8_t address, uint8_t reg, uint8_t *data, unsigned count); // 0 or errno
int wires_i2c_write(uint8_t address, uint8_t reg, const uint8_t *data, unsigned count);

// ---- cache.c: the framebuffer in the data cache, and in the memory that the LTDC reads ----

void cache_open(void);
void cache_changed(void);               // caches or MPU were switched
void cache_clean(uint32_t address);     // the line that holds it
void cache_clean_all(void);
const uint8_t *cache_memory(uint32_t address, uint32_t bytes); // as the LTDC reads it, NULL: a bus error
void cache_report(void);

// ---- report.c ----

void report_open(const char *path);
void report_coverage(void);
unsigned report_violations(void);
void report_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
