// The processor: Unicorn executes Thumb; time, exceptions and sleep are made here.
//
// Unicorn has neither NVIC nor exception frames for a Cortex-M. So emulation stops at the first block of instructions (outside
// an IT block) after something is due; then the frame is pushed by hand, as the ARMv7-M manual (DDI 0403E, B1.5.6 to B1.5.8)
// says. Lazy stacking of the FPU's registers is not modelled: they are pushed at once, which no program can tell.
//
// A hook at each block counts its instructions when it begins; one at each instruction costs half the speed. What writes to
// PRIMASK, BASEPRI or CONTROL, and an ISB, ends a block, so that what it lets in comes behind it.
#include "bench.h"

#include <string.h>

uc_engine *uc;
uint64_t cycles, instructions;
uint32_t instruction_at;

enum stop { STOP_NONE, STOP_DUE, STOP_SVC, STOP_RETURN, STOP_FAULT };
static enum stop stopped;
static uint32_t fault_cfsr, fault_address, fault_at;
static uint32_t return_value; // EXC_RETURN
static uint64_t deadline;
static bool attend;
static bool ended;
static int end_status;

enum { PAGE_BITS = 10 }; // the smallest of the emulator

static const struct block *block; // that runs, or has just done so

// ---- time ----

static uint64_t base_cycles, base_ns;
static uint64_t hertz = 64000000;

// Asked at each register of a model, so without a division where nothing has passed since.
uint64_t bench_now_ns(void) {
    static uint64_t at_cycle, at_hertz, at_base, ns;
    if (cycles != at_cycle || hertz != at_hertz || base_cycles != at_base) {
        const uint64_t passed = cycles - base_cycles;
        ns = passed / hertz * 1000000000u + passed % hertz * 1000000000u / hertz;
        at_cycle = cycles;
        at_hertz = hertz;
        at_base = base_cycles;
    }
    return base_ns + ns;
}

uint64_t cpu_hertz(void) {
    return hertz;
}

void cpu_clock_changed(void) {
    const uint32_t now = bench_clock_hz(BENCH_CLOCK_CPU);
    if (now == 0 || now == hertz) {
        return;
    }
    base_ns = bench_now_ns();
    base_cycles = cycles;
    hertz = now;
    deadline = 0;
}

uint64_t cycles_from_ns(uint64_t ns) {
    const uint64_t cycle = ns / 1000000000u * hertz + ns % 1000000000u * hertz / 1000000000u;
    return cycle ? cycle : 1;
}

void cpu_deadline(uint64_t cycle) {
    if (cycle < deadline) {
        deadline = cycle;
    }
}

void cpu_attend(void) {
    attend = true;
}

static uint64_t limit_ns = NEVER;

void cpu_limit(double seconds) {
    if (seconds > 0) {
        limit_ns = (uint64_t)(seconds * 1e9);
    }
}

void cpu_end(int status) {
    ended = true;
    end_status = status;
    deadline = 0;
}

// ---- registers ----

static uint32_t get(int reg) {
    uint32_t value = 0;
    uc_reg_read(uc, reg, &value);
    return value;
}

static void put(int reg, uint32_t value) {
    uc_reg_write(uc, reg, &value);
}

uint32_t cpu_general(unsigned number) {
    static const int names[16] = {UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3, UC_ARM_REG_R4,
        UC_ARM_REG_R5, UC_ARM_REG_R6, UC_ARM_REG_R7, UC_ARM_REG_R8, UC_ARM_REG_R9, UC_ARM_REG_R10, UC_ARM_REG_R11,
        UC_ARM_REG_R12, UC_ARM_REG_SP, UC_ARM_REG_LR, UC_ARM_REG_PC};
    return get(names[number]);
}

unsigned cpu_in_it(void) {
    const uint32_t xpsr = get(UC_ARM_REG_XPSR), state = (xpsr >> 8 & 0xfc) | (xpsr >> 25 & 3);
    return state & 1 ? 4 : state & 2 ? 3 : state & 4 ? 2 : state & 8 ? 1 : 0; // B1.4.2, ITSTATE
}

const struct block *cpu_block(void) {
    return block;
}

void cpu_at_instruction(void) {
    instruction_at = get(UC_ARM_REG_PC);
}

// Unicorn (2.1.4) brings PC and IT state up to date before it calls a hook of a load or store, or of a page, and goes on. But
// within a block it holds the IT state to be 0, and the block behind would begin in an IT block that is none.
void cpu_hook_ends(void) {
    if (cpu_in_it()) {
        put(UC_ARM_REG_EPSR, 0x01000000u);
    }
}

// ---- every block ----

static int masked_below(void) {
    if (get(UC_ARM_REG_FAULTMASK) & 1) {
        return -1;
    }
    if (get(UC_ARM_REG_PRIMASK) & 1) {
        return 0;
    }
    const uint32_t base = get(UC_ARM_REG_BASEPRI) & 0xf0;
    return base ? (int)base : 256;
}

// The most urgent exception that may come now; 0: none.
static unsigned ready(void) {
    return core_next(masked_below());
}

static void halt(enum stop why) {
    stopped = why;
    uc_emu_stop(uc);
}

static void check_sites(unsigned when) {
    for (unsigned i = 0; i < block->site_count; i++) {
        const struct block_site site = block->sites[i];
        if (site.when == when && cpu_general(site.base) & 3) {
            check_alignment(block->address + site.offset, when == BLOCK_BEGIN ? "uses" : "leaves", cpu_general(site.base));
        }
    }
}

// The block that ran has come to its end.
static void block_ends(void) {
    if (block && block->site_count) {
        check_sites(BLOCK_END);
    }
    block = NULL;
}

static void on_block(uc_engine *engine, uint64_t address, uint32_t size, void *data) {
    (void)engine, (void)data;
    if (stopped != STOP_NONE) {
        return; // a store in an IT block has failed, and the emulator ends here only
    }
    block_ends();
    instruction_at = (uint32_t)address;
    if (__builtin_expect(cycles >= deadline || attend, 0)) {
        if ((cycles >= deadline || ((attend = core_any_pending()) && ready())) && !cpu_in_it()) {
            halt(STOP_DUE);
            return;
        }
    }
    block = block_at((uint32_t)address, size);
    cycles += block->count;
    instructions += block->count;
    if (block->site_count) {
        check_sites(BLOCK_BEGIN);
        instruction_at = (uint32_t)address;
    }
}

// At instruction_at. What the block has behind it is not executed.
static void fault(uint32_t cfsr, uint32_t address) {
    if (block) {
        const unsigned behind = block_behind(block, instruction_at);
        cycles -= behind;
        instructions -= behind;
        block = NULL;
    }
    fault_at = instruction_at;
    fault_cfsr = cfsr;
    fault_address = address;
    stopped = STOP_FAULT;
}

static void no_program(uint32_t address) {
    bench_violation("execution at 0x%08x, where no program lies", (unsigned)address);
    fault(1u << 8, 0); // BFSR.IBUSERR
}

// Which page may do what. The emulator writes slowly where programs may lie, so a page holds some from its first fetch on.
static bool on_page(uc_engine *engine, uint64_t page, uc_mem_type type, uc_tlb_entry *entry, void *data) {
    static uint8_t fetched[1 << (32 - PAGE_BITS - 3)];
    (void)engine, (void)data;
    uint8_t *place = &fetched[page >> (PAGE_BITS + 3)];
    const uint8_t bit = (uint8_t)(1u << (page >> PAGE_BITS & 7));
    if (type == UC_MEM_FETCH && memory_at((uint32_t)page, 1) && !memory_holds_programs((uint32_t)page)) {
        block_ends();
        no_program((uint32_t)page);
        return false;
    }
    if (type == UC_MEM_FETCH) {
        *place |= bit;
    } else {
        cpu_hook_ends();
    }
    entry->paddr = page;
    entry->perms = *place & bit ? UC_PROT_ALL : UC_PROT_READ | UC_PROT_WRITE;
    return true;
}

static void on_exception(uc_engine *engine, uint32_t number, void *data) {
    (void)engine, (void)data;
    // Numbers of the emulator (its EXCP_ constants).
    if (number == 2) {
        stopped = STOP_SVC;
        uc_emu_stop(uc);
        return;
    }
    if (number == 8) { // a branch to EXC_RETURN
        return_value = get(UC_ARM_REG_PC) | 1;
        stopped = STOP_RETURN;
        uc_emu_stop(uc);
        return;
    }
    cpu_at_instruction();
    switch (number) {
        case 7:
            bench_violation("a breakpoint");
            fault(1u << 31, 0); // HFSR.DEBUGEVT
            break;
        case 1:
            bench_violation("an undefined instruction");
            fault(1u << 16, 0); // UFSR.UNDEFINSTR
            break;
        default:
            bench_violation("exception %u of the emulator", (unsigned)number);
            fault(1u << 17, 0); // UFSR.INVSTATE
            break;
    }
    uc_emu_stop(uc);
}

static bool on_bad_access(uc_engine *engine, uc_mem_type type, uint64_t where, int size, int64_t value, void *data) {
    (void)engine, (void)data;
    const uint32_t address = (uint32_t)where;
    if (stopped != STOP_NONE) {
        return false; // one in the same IT block has failed
    }
    if (type == UC_MEM_FETCH_UNMAPPED) {
        block_ends(); // by a branch; instruction_at is its first instruction
    } else {
        cpu_at_instruction();
    }
    switch (type) {
        case UC_MEM_FETCH_UNMAPPED:
            if (address >= 0xffffff00u) {
                return_value = address | 1;
                stopped = STOP_RETURN;
                return false;
            }
            no_program(address);
            return false;
        case UC_MEM_WRITE_PROT:
            bench_violation("write of %d bytes at 0x%08x, which is %s", size, (unsigned)address,
                address - FLASH_BASE < FLASH_BYTES ? "flash" : "read-only");
            break;
        case UC_MEM_READ_UNMAPPED:
        case UC_MEM_WRITE_UNMAPPED: {
            const char *what = type == UC_MEM_READ_UNMAPPED ? "read" : "write";
            if (address - SDRAM_BASE < SDRAM_BYTES) {
                bench_violation(
                    "%s of %d bytes at 0x%08x, in an SDRAM that is not initialised", what, size, (unsigned)address);
            } else {
                bench_violation("%s of %d bytes at 0x%08x, where nothing lies", what, size, (unsigned)address);
            }
            break;
        }
        default:
            bench_violation("access %d of %d bytes at 0x%08x", (int)type, size, (unsigned)address);
            break;
    }
    (void)value;
    fault(1u << 9 | 1u << 15, address); // BFSR.PRECISERR, BFARVALID
    return false;
}

// ---- exceptions ----

static uint32_t stack_word(uint32_t address) {
    if (!memory_at(address, 4)) {
        bench_violation("the stack pointer 0x%08x is no memory", (unsigned)address);
        cpu_end(3);
    }
    return memory_word(address);
}

static void enter(unsigned number, uint32_t back) {
    const uint32_t control = get(UC_ARM_REG_CONTROL), xpsr = get(UC_ARM_REG_XPSR);
    const bool floats = control & 4;
    const uint32_t sp = get(UC_ARM_REG_SP), bytes = floats ? 0x68 : 0x20;
    const uint32_t frame = (sp - bytes) & ~7u;
    uint32_t words[0x68 / 4] = {get(UC_ARM_REG_R0), get(UC_ARM_REG_R1), get(UC_ARM_REG_R2), get(UC_ARM_REG_R3),
        get(UC_ARM_REG_R12), get(UC_ARM_REG_LR), back, (xpsr & ~0x200u) | (frame != sp - bytes ? 0x200u : 0)};
    if (floats) {
        for (int i = 0; i < 16; i++) {
            words[8 + i] = get(UC_ARM_REG_S0 + i);
        }
        words[24] = get(UC_ARM_REG_FPSCR);
    }
    uint8_t *place = memory_at(frame, bytes);
    if (!place) {
        bench_violation("exception %u: no memory for its frame at 0x%08x", number, (unsigned)frame);
        cpu_end(3);
        return;
    }
    memcpy(place, words, bytes);
    check_memory_written(frame, bytes);
    const bool handler = xpsr & 0x1ff;
    if (control & 2) {
        bench_violation("the process stack is used, which the bench does not have");
    }
    put(UC_ARM_REG_CONTROL, control & ~4u);
    put(UC_ARM_REG_XPSR, 0x01000000u | number);
    put(UC_ARM_REG_SP, frame);
    put(UC_ARM_REG_LR, (handler ? 0xfffffff1u : 0xfffffff9u) & ~(floats ? 0x10u : 0));
    const uint32_t vector = core_vector(number);
    if (!(vector & 1)) {
        bench_violation("the vector of exception %u is 0x%08x: no Thumb code", number, (unsigned)vector);
        cpu_end(3);
    }
    put(UC_ARM_REG_PC, vector | 1);
    cycles += 12;
}

static void leave(void) {
    const unsigned number = get(UC_ARM_REG_XPSR) & 0x1ff;
    const bool floats = !(return_value & 0x10);
    const uint32_t frame = get(UC_ARM_REG_SP), bytes = floats ? 0x68 : 0x20;
    if ((return_value & 0xffffffefu) != 0xffffffe1u && (return_value & 0xffffffefu) != 0xffffffe9u) {
        bench_violation("EXC_RETURN 0x%08x", (unsigned)return_value);
        cpu_end(3);
        return;
    }
    core_left(number);
    if (number == 0) {
        bench_violation("a return from an exception where there is none");
    }
    put(UC_ARM_REG_FAULTMASK, 0);
    const uint32_t xpsr = stack_word(frame + 28);
    const int low[6] = {UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3, UC_ARM_REG_R12, UC_ARM_REG_LR};
    for (unsigned i = 0; i < 6; i++) {
        put(low[i], stack_word(frame + 4 * i));
    }
    if (floats) {
        for (unsigned i = 0; i < 16; i++) {
            put(UC_ARM_REG_S0 + (int)i, stack_word(frame + 32 + 4 * i));
        }
        put(UC_ARM_REG_FPSCR, stack_word(frame + 96));
    }
    const uint32_t pc = stack_word(frame + 24);
    put(UC_ARM_REG_XPSR_NZCVQG, (xpsr & ~0x200u) | 0x01000000u);
    put(UC_ARM_REG_SP, frame + bytes + (xpsr & 0x200 ? 4 : 0));
    const uint32_t control = get(UC_ARM_REG_CONTROL);
    put(UC_ARM_REG_CONTROL, floats ? control | 4 : control & ~4u);
    put(UC_ARM_REG_PC, pc | 1);
    cycles += 12;
    attend = true;
}

static void take_fault(uint32_t pc) {
    unsigned number = 3;
    core_fault(fault_cfsr, fault_address);
    const unsigned own = fault_cfsr & 0xff ? 4 : fault_cfsr & 0xff00 ? 5 : 6;
    if (!(fault_cfsr >> 31) && core_enabled(own) && core_priority(own) < core_priority(get(UC_ARM_REG_XPSR) & 0x1ff) &&
        core_priority(own) < masked_below()) {
        number = own;
    }
    const unsigned active = get(UC_ARM_REG_XPSR) & 0x1ff;
    if (number == 3 && (active == 3 || active == 2)) {
        report_line("lockup: a fault in the handler of a fault");
        cpu_end(3);
        return;
    }
    core_take(number);
    enter(number, pc);
}

// ---- the loop ----

static void power_on_registers(void) {
    static const int all[] = {UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3, UC_ARM_REG_R4, UC_ARM_REG_R5,
        UC_ARM_REG_R6, UC_ARM_REG_R7, UC_ARM_REG_R8, UC_ARM_REG_R9, UC_ARM_REG_R10, UC_ARM_REG_R11, UC_ARM_REG_R12};
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        put(all[i], 0xdead0000u + i);
    }
    put(UC_ARM_REG_CONTROL, 0);
    put(UC_ARM_REG_PRIMASK, 0);
    put(UC_ARM_REG_BASEPRI, 0);
    put(UC_ARM_REG_FAULTMASK, 0);
    put(UC_ARM_REG_XPSR, 0x01000000u);
    put(UC_ARM_REG_LR, 0xffffffffu);
    put(UC_ARM_REG_SP, core_vector(0));
    put(UC_ARM_REG_PC, core_vector(1) | 1);
}

void cpu_reset(void) {
    core_reset();
    base_ns = bench_now_ns();
    base_cycles = cycles;
    hertz = 64000000; // HSI (RM0399 9.5.1)
    power_on_registers();
    attend = false;
    deadline = 0;
}

static bool reset_line;

void cpu_reset_line(void) {
    reset_line = true;
    deadline = 0;
}

static bool reset_wanted(void) {
    return reset_line || core_reset_wanted();
}

// Where such a hook is, the emulator writes slowly, so there is none where memory is.
uc_hook cpu_watch(uint32_t begin, uint32_t last) {
    uc_hook hook;
    const uc_err error = uc_hook_add(uc, &hook, UC_HOOK_MEM_INVALID, (void *)on_bad_access, NULL, begin, last);
    if (error != UC_ERR_OK) {
        fail("accesses at 0x%08x cannot be watched: %s", (unsigned)begin, uc_strerror(error));
    }
    return hook;
}

void cpu_unwatch(uc_hook hook) {
    uc_hook_del(uc, hook);
}

void cpu_open(bool strict) {
    uc_err error = uc_open(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS, &uc);
    if (error == UC_ERR_OK) {
        error = uc_ctl_set_cpu_model(uc, UC_CPU_ARM_CORTEX_M7);
    }
    uc_hook hook;
    if (error == UC_ERR_OK) {
        error = uc_hook_add(uc, &hook, UC_HOOK_BLOCK, (void *)on_block, NULL, 1, 0);
    }
    if (error == UC_ERR_OK) {
        error = uc_ctl_tlb_mode(uc, UC_TLB_VIRTUAL);
    }
    if (error == UC_ERR_OK) {
        error = uc_hook_add(uc, &hook, UC_HOOK_TLB_FILL, (void *)on_page, NULL, 1, 0);
    }
    if (error == UC_ERR_OK) {
        error = uc_hook_add(uc, &hook, UC_HOOK_INTR, (void *)on_exception, NULL, 1, 0);
    }
    if (error != UC_ERR_OK) {
        fail("the emulator does not start: %s", uc_strerror(error));
    }
    if (strict) {
        check_strict_open();
    }
}

// What has become due; and when to look again.
static void events(void) {
    static uint64_t next_advance, next_flush;
    if (cycles >= core_systick_due()) {
        core_systick();
    }
    if (cycles >= next_advance || deadline == 0) {
        bus_advance();
        if (bench_now_ns() >= limit_ns) {
            cpu_end(0);
        }
        check_stack();
        if (cycles >= next_flush) { // the output of a program that never sleeps
            console_flush();
            wires_look();
            next_flush = cycles + cycles_from_ns(1000000);
        }
        next_advance = cycles + cycles_from_ns(20000);
    }
    deadline = NEVER;
    cpu_deadline(core_systick_due());
    cpu_deadline(next_advance);
}

// The processor sleeps: time passes to the next event that wakes it.
static void sleep_until_due(void) {
    while (!ended && !core_any_pending()) {
        const uint64_t from = bench_now_ns();
        if (deadline > cycles) {
            cycles = deadline;
        }
        const uint64_t ns = bench_now_ns() - from;
        events();
        console_idle(ns);
        if (reset_wanted() || board_lost_power()) {
            return;
        }
    }
}

int cpu_run(void) {
    while (!ended) {
        events();
        if (board_lost_power()) {
            report_line("power: lost after %.6f s", (double)bench_now_ns() / 1e9);
            cpu_end(0);
            break;
        }
        if (reset_wanted()) {
            reset_line = false;
            bus_reset(false);
            cpu_reset();
            continue;
        }
        const unsigned next = ready();
        if (next) {
            core_take(next);
            enter(next, get(UC_ARM_REG_PC));
        }
        attend = core_any_pending();
        stopped = STOP_NONE;
        const uc_err error = uc_emu_start(uc, get(UC_ARM_REG_PC) | 1, 0xf0000000u, 0, 0);
        block_ends();
        switch (stopped) {
            case STOP_DUE:
                break;
            case STOP_SVC:
                core_take(11);
                enter(11, get(UC_ARM_REG_PC));
                break;
            case STOP_RETURN:
                leave();
                break;
            case STOP_FAULT:
                take_fault(fault_at);
                break;
            case STOP_NONE:
                if (error == UC_ERR_OK) { // a WFI
                    sleep_until_due();
                    break;
                }
                if (error == UC_ERR_INSN_INVALID) {
                    cpu_at_instruction();
                    bench_violation("an undefined instruction");
                    fault(1u << 16, 0); // UFSR.UNDEFINSTR
                    take_fault(fault_at);
                    break;
                }
                fail("the emulator stopped at 0x%08x: %s", (unsigned)get(UC_ARM_REG_PC), uc_strerror(error));
        }
    }
    return end_status;
}
