#include "nor_flash.h"

#include "../model.h"

#include <stdlib.h>
#include <string.h>

struct nor_options nor_options;
void (*nor_wrote)(const struct nor_write *write);

// ---- commands (DS, "Command Set") ----

enum kind {
    READ_REGISTER,
    READ_ARRAY,
    READ_ID,
    WRITE_ENABLE,
    WRITE_DISABLE,
    WRITE_REGISTER,
    CLEAR_FLAGS,
    PROGRAM,
    ERASE,
    RESET_ENABLE,
    RESET_MEMORY,
    ENTER_4_BYTE,
    EXIT_4_BYTE,
    ENTER_QUAD,
    EXIT_QUAD,
    SLEEP,
    WAKE
};
enum reg { STATUS, FLAG_STATUS, NONVOLATILE, VOLATILE, ENHANCED, EXTENDED_ADDRESS };

struct command {
    uint8_t code, kind, detail;  // detail: the register; bytes of an erasure in units of 4 KB, 0: the die
    uint8_t address;             // bytes: 0, 3 (4 in 4-byte mode) or 4
    uint8_t address_lines, data_lines,
        dummy; // in extended protocol; a read's clocks between address and data, by default
    uint8_t quad_dummy;          // the same in quad protocol; 0xff: not in quad protocol
};

static const struct command commands[] = {
    {0x05, READ_REGISTER, STATUS, 0, 1, 1, 0, 0},
    {0x70, READ_REGISTER, FLAG_STATUS, 0, 1, 1, 0, 0},
    {0xb5, READ_REGISTER, NONVOLATILE, 0, 1, 1, 0, 0},
    {0x85, READ_REGISTER, VOLATILE, 0, 1, 1, 0, 0},
    {0x65, READ_REGISTER, ENHANCED, 0, 1, 1, 0, 0},
    {0xc8, READ_REGISTER, EXTENDED_ADDRESS, 0, 1, 1, 0, 0},
    {0x9e, READ_ID, 0, 0, 1, 1, 0, 0xff},
    {0x9f, READ_ID, 0, 0, 1, 1, 0, 0xff},
    {0xaf, READ_ID, 0, 0, 1, 1, 0, 0},
    {0x03, READ_ARRAY, 0, 3, 1, 1, 0, 0xff},
    {0x0b, READ_ARRAY, 0, 3, 1, 1, 8, 10},
    {0x3b, READ_ARRAY, 0, 3, 1, 2, 8, 0xff},
    {0xbb, READ_ARRAY, 0, 3, 2, 2, 8, 0xff},
    {0x6b, READ_ARRAY, 0, 3, 1, 4, 8, 10},
    {0xeb, READ_ARRAY, 0, 3, 4, 4, 10, 10},
    {0x13, READ_ARRAY, 0, 4, 1, 1, 0, 0xff},
    {0x0c, READ_ARRAY, 0, 4, 1, 1, 8, 10},
    {0x6c, READ_ARRAY, 0, 4, 1, 4, 8, 10},
    {0xec, READ_ARRAY, 0, 4, 4, 4, 10, 10},
    {0x06, WRITE_ENABLE, 0, 0, 1, 1, 0, 0},
    {0x04, WRITE_DISABLE, 0, 0, 1, 1, 0, 0},
    {0x01, WRITE_REGISTER, STATUS, 0, 1, 1, 0, 0},
    {0xb1, WRITE_REGISTER, NONVOLATILE, 0, 1, 1, 0, 0},
    {0x81, WRITE_REGISTER, VOLATILE, 0, 1, 1, 0, 0},
    {0x61, WRITE_REGISTER, ENHANCED, 0, 1, 1, 0, 0},
    {0xc5, WRITE_REGISTER, EXTENDED_ADDRESS, 0, 1, 1, 0, 0},
    {0x50, CLEAR_FLAGS, 0, 0, 1, 1, 0, 0},
    {0x02, PROGRAM, 0, 3, 1, 1, 0, 0},
    {0x32, PROGRAM, 0, 3, 1, 4, 0, 0},
    {0x38, PROGRAM, 0, 3, 4, 4, 0, 0}, // EXTENDED QUAD INPUT FAST PROGRAM: no way into a quad protocol here
    {0x12, PROGRAM, 0, 4, 1, 1, 0, 0},
    {0x34, PROGRAM, 0, 4, 1, 4, 0, 0},
    {0x3e, PROGRAM, 0, 4, 4, 4, 0, 0},
    {0x20, ERASE, 1, 3, 1, 1, 0, 0},
    {0x52, ERASE, 8, 3, 1, 1, 0, 0},
    {0xd8, ERASE, 16, 3, 1, 1, 0, 0},
    {0x21, ERASE, 1, 4, 1, 1, 0, 0},
    {0x5c, ERASE, 8, 4, 1, 1, 0, 0},
    {0xdc, ERASE, 16, 4, 1, 1, 0, 0},
    {0xc7, ERASE, 0, 0, 1, 1, 0, 0},
    {0x66, RESET_ENABLE, 0, 0, 1, 1, 0, 0},
    {0x99, RESET_MEMORY, 0, 0, 1, 1, 0, 0},
    {0xb7, ENTER_4_BYTE, 0, 0, 1, 1, 0, 0},
    {0xe9, EXIT_4_BYTE, 0, 0, 1, 1, 0, 0},
    {0x35, ENTER_QUAD, 0, 0, 1, 1, 0, 0},
    {0xf5, EXIT_QUAD, 0, 0, 1, 1, 0, 0},
    {0xb9, SLEEP, 0, 0, 1, 1, 0, 0},
    {0xab, WAKE, 0, 0, 1, 1, 0, 0},
};

// DS, "AC Characteristics" and "Program/Erase Specifications": typical and longest, ns.
#define MS (1000000ull)
static const uint64_t t_page_program[2] = {120000, 1800000};
static const uint64_t t_subsector[2] = {50 * MS, 400 * MS}, t_32k[2] = {100 * MS, 1000 * MS};
static const uint64_t t_sector[2] = {150 * MS, 1000 * MS}, t_die[2] = {153000 * MS, 460000 * MS};
static const uint64_t t_write_status[2] = {1300000, 8 * MS}, t_write_nonvolatile[2] = {200 * MS, 1000 * MS};
enum {
    T_DEEP_SLEEP = 3000,  // tDP
    T_WAKE = 30000,       // tRDP
    T_RESET = 30000,      // tSHSL3 after a program or an erasure under way; 40 ns at rest is less than S#'s own pause
};

// Status register: what a write changes (bits 7 to 2), write enable latch, write in progress.
enum { SR_WRITABLE = 0xfc, SR_WEL = 0x02, SR_WIP = 0x01, SR_PROTECTED = 0x5c };
// Flag status register: ready, erase error, program error, protection error, 4-byte addresses.
enum { FSR_READY = 0x80, FSR_ERASE = 0x20, FSR_PROGRAM = 0x10, FSR_PROTECTION = 0x02, FSR_4_BYTE = 0x01 };

struct die {
    struct nor_kept *kept;
    uint8_t status, flags, enhanced, vcr, extended_address;
    uint16_t nonvolatile;
    bool four_bytes, reset_enabled, sleeping;
    uint64_t busy_until, deaf_until;

    // The access under way.
    const struct command *command;
    enum phase { COMMAND, ADDRESS, DUMMY, DATA, DEAF } phase;
    unsigned bits, bytes, dummy_left; // bits of the byte under way, bytes of the phase
    uint64_t clocks;
    bool was_driven; // the controller has driven a line of it
    uint32_t shift, address;
    uint8_t out;
    uint8_t page[NOR_PAGE];
    bool page_set[NOR_PAGE];
};

static struct die dies[NOR_DIES];
static struct nor_kept *own; // the dies' memory, where nobody gave one
static uint64_t operations;
static bool off, selected;
static uint32_t random_state;

static uint32_t random_bits(void) { // xorshift32
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    return random_state ^= random_state << 5;
}

static unsigned lines_of(const struct die *die) { // DS, "Enhanced Volatile Configuration Register": 0 is on
    return die->enhanced & 0x80 ? (die->enhanced & 0x40 ? 1 : 2) : 4;
}

static bool is_busy(const struct die *die) {
    return bench_now_ns() < die->busy_until;
}

static void registers_from_nonvolatile(struct die *die) { // DS, "Nonvolatile Configuration Register"
    die->nonvolatile = (uint16_t)~die->kept->nonvolatile_inverted;
    die->enhanced = (uint8_t)((die->nonvolatile & 0x08 ? 0x80 : 0) | (die->nonvolatile & 0x04 ? 0x40 : 0) | 0x3f);
    die->vcr = (uint8_t)(die->nonvolatile >> 12 << 4 | 0x0b); // dummy clocks; no XIP, no wrap
    die->four_bytes = !(die->nonvolatile & 0x01);
    die->extended_address = 0;
    die->status = die->kept->status & SR_WRITABLE;
    die->flags = 0;
    die->reset_enabled = die->sleeping = false;
    die->busy_until = die->deaf_until = 0;
    die->phase = DEAF;
}

void nor_free(void) {
    free(own);
    own = NULL;
    memset(dies, 0, sizeof(dies));
}

void nor_power_on(void) {
    off = selected = false;
    for (unsigned i = 0; i < NOR_DIES; i++) {
        registers_from_nonvolatile(&dies[i]);
    }
}

void nor_new_in(struct nor_kept kept[NOR_DIES]) {
    memset(dies, 0, sizeof(dies));
    for (unsigned i = 0; i < NOR_DIES; i++) {
        dies[i].kept = &kept[i];
    }
    operations = 0;
    nor_power_on();
}

void nor_new(void) {
    nor_free();
    own = calloc(NOR_DIES, sizeof(*own));
    if (own == NULL) {
        abort();
    }
    nor_new_in(own);
}

void nor_leave_as_demo(void) {
    for (unsigned i = 0; i < NOR_DIES; i++) {
        dies[i].enhanced &= 0x7f;
        dies[i].four_bytes = true;
    }
}

bool nor_is_off(void) {
    return off;
}

uint64_t nor_operations(void) {
    return operations;
}

unsigned nor_protocol_lines(unsigned die) {
    return lines_of(&dies[die]);
}

bool nor_is_busy(unsigned die) {
    return is_busy(&dies[die]);
}

void nor_peek(unsigned die, uint32_t address, uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)~dies[die].kept->inverted[(address + i) % NOR_DIE_BYTES];
    }
}

void nor_poke(unsigned die, uint32_t address, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        dies[die].kept->inverted[(address + i) % NOR_DIE_BYTES] = (uint8_t)~bytes[i];
    }
}

// ---- what takes time, and what a power cut leaves of it ----

// Counts an operation. True: power fails in its middle.
static bool begin_operation(struct die *die, const uint64_t typical_longest[2]) {
    die->busy_until = bench_now_ns() + typical_longest[nor_options.slow];
    operations++;
    if (nor_options.cut_at == 0 || operations != nor_options.cut_at) {
        return false;
    }
    off = true;
    return true;
}

// Half done: a cell that shall change has done so, or not. A cut early leaves most as they were, a late one few.
static uint8_t half_done(uint8_t before, uint8_t after, unsigned progress) {
    uint8_t changed = 0;
    for (unsigned bit = 0; bit < 8; bit++) {
        if (random_bits() % 256 < progress) {
            changed |= (uint8_t)(1u << bit);
        }
    }
    return (uint8_t)((before & ~changed) | (after & changed));
}

// What power leaves that fails in the operation counted last: the same for the same seed and number.
static uint8_t *torn_by_cut(const uint8_t *before, const uint8_t *after, uint32_t bytes) {
    uint8_t *torn = malloc(bytes);
    if (torn == NULL) {
        abort();
    }
    random_state = ((nor_options.seed + 1) * 2654435761u ^ (uint32_t)operations * 0x9e3779b9u) | 1;
    random_bits();
    random_bits();
    const unsigned progress = random_bits() % 257;
    for (uint32_t i = 0; i < bytes; i++) {
        torn[i] = half_done(before[i], after[i], progress);
    }
    return torn;
}

static void change(struct die *die, uint32_t address, const uint8_t *after, uint32_t bytes, bool cut) {
    uint8_t *place = die->kept->inverted + address;
    uint8_t *torn = cut || nor_wrote ? torn_by_cut(place, after, bytes) : NULL;
    if (nor_wrote) {
        nor_wrote(&(struct nor_write){operations, (unsigned)(die - dies), address, bytes, after, torn});
    }
    memcpy(place, cut ? torn : after, bytes);
    free(torn);
}

static void do_program(struct die *die) { // DS, "PROGRAM Operations": 1 becomes 0, never 0 becomes 1
    const bool cut = begin_operation(die, t_page_program);
    const uint32_t start = die->address / NOR_PAGE * NOR_PAGE;
    uint8_t after[NOR_PAGE];
    for (unsigned i = 0; i < NOR_PAGE; i++) {
        after[i] = (uint8_t)(die->kept->inverted[start + i] | (die->page_set[i] ? (uint8_t)~die->page[i] : 0));
    }
    change(die, start, after, NOR_PAGE, cut);
}

static void do_erase(struct die *die) { // DS, "ERASE Operations": any address within is valid
    static const uint8_t erased[NOR_DIE_BYTES];
    const uint32_t size = die->command->detail ? die->command->detail * 4096u : (uint32_t)NOR_DIE_BYTES;
    const uint64_t *time = size == 4096 ? t_subsector : size == 32768 ? t_32k : size == 65536 ? t_sector : t_die;
    const bool cut = begin_operation(die, time);
    change(die, die->address / size * size, erased, size, cut);
}

static void do_write_register(struct die *die) {
    const uint8_t low = die->page[0], high = die->page[1];
    switch ((enum reg)die->command->detail) {
        case STATUS:
            if (begin_operation(die, t_write_status)) {
                return; // the old value
            }
            die->status = die->kept->status = (uint8_t)(low & SR_WRITABLE);
            break;
        case NONVOLATILE:
            if (!begin_operation(die, t_write_nonvolatile)) {
                die->nonvolatile = (uint16_t)(low | high << 8);
                die->kept->nonvolatile_inverted = (uint16_t)~die->nonvolatile;
            }
            break;
        case VOLATILE:
            die->vcr = low;
            break;
        case ENHANCED:
            die->enhanced = low;
            break;
        default:
            die->extended_address = low & 0x03;
            break;
    }
}

// ---- an access, clock by clock ----

static uint8_t read_register(const struct die *die) {
    switch ((enum reg)die->command->detail) {
        case STATUS:
            return (uint8_t)(die->status | (is_busy(die) ? SR_WIP | SR_WEL : 0));
        case FLAG_STATUS:
            return (uint8_t)(die->flags | (is_busy(die) ? 0 : FSR_READY) | (die->four_bytes ? FSR_4_BYTE : 0));
        case NONVOLATILE: // the low byte first
            return (uint8_t)(die->bytes & 1 ? die->nonvolatile >> 8 : die->nonvolatile);
        case VOLATILE:
            return die->vcr;
        case ENHANCED:
            return die->enhanced;
        default:
            return die->extended_address;
    }
}

static const uint8_t identification[3] = {0x20, 0xba, 0x20}; // DS, "Device ID Data": Micron, 3 V, 512 Mbit

static uint8_t next_byte(const struct die *die) {
    switch ((enum kind)die->command->kind) {
        case READ_ARRAY:
            return (uint8_t)~die->kept->inverted[(die->address + die->bytes) % NOR_DIE_BYTES];
        case READ_ID:
            return die->bytes < sizeof(identification) ? identification[die->bytes] : 0;
        default:
            return read_register(die);
    }
}

static bool is_output(const struct die *die) {
    return die->command->kind <= READ_ID;
}

static bool takes_data(const struct die *die) {
    return die->command->kind == PROGRAM || die->command->kind == WRITE_REGISTER;
}

static unsigned address_bytes(const struct die *die) {
    return die->command->address == 3 && die->four_bytes ? 4 : die->command->address;
}

// Lines of a phase (DS, "Command Set": in dual and quad protocol every phase has the protocol's).
static unsigned phase_lines(const struct die *die) {
    const unsigned protocol = lines_of(die);
    if (protocol > 1 || die->phase == COMMAND) {
        return protocol;
    }
    return die->phase == ADDRESS ? die->command->address_lines : die->command->data_lines;
}

// What comes after the command or after the address.
static void next_phase(struct die *die) {
    die->bits = die->bytes = 0;
    die->shift = 0;
    if (die->phase == COMMAND && address_bytes(die) > 0) {
        die->phase = ADDRESS;
        return;
    }
    const bool quad = lines_of(die) == 4;
    die->dummy_left = quad ? die->command->quad_dummy : die->command->dummy;
    const unsigned set = die->vcr >> 4; // DS, "Volatile Configuration Register": 0 and 15 are the default
    if (die->dummy_left > 0 && set != 0 && set != 15) {
        die->dummy_left = set;
    }
    die->phase = die->dummy_left > 0 ? DUMMY : DATA;
}

static void take_command(struct die *die, unsigned code) {
    die->command = NULL;
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (commands[i].code == code) {
            die->command = &commands[i];
        }
    }
    die->phase = DEAF;
    const unsigned lines = lines_of(die), number = (unsigned)(die - dies);
    if (!die->was_driven) {
        die->command = NULL; // lines that float: the other die of this S#
        return;
    }
    if (die->command == NULL || (lines == 4 && die->command->quad_dummy == 0xff)) {
        bench_violation(
            "flash die %u: no command 0x%02x in its protocol of %u lines (DS, Command Set)", number, code, lines);
        die->command = NULL;
        return;
    }
    const enum kind kind = (enum kind)die->command->kind;
    if (die->sleeping ? kind != WAKE : bench_now_ns() < die->deaf_until) {
        bench_violation("flash die %u: command 0x%02x in deep power-down, or before its end of %u us (DS, tRDP)",
            number, code, T_WAKE / 1000);
        die->command = NULL;
        return;
    }
    const bool status = kind == READ_REGISTER && die->command->detail <= FLAG_STATUS;
    if (is_busy(die) && !status && kind != RESET_ENABLE && kind != RESET_MEMORY) {
        bench_violation(
            "flash die %u: command 0x%02x while it programs or erases (DS, Command Set: status and reset alone)",
            number, code);
        die->command = NULL;
        return;
    }
    die->phase = COMMAND;
    next_phase(die);
    die->address = 0;
    memset(die->page_set, 0, sizeof(die->page_set));
}

static void take_data(struct die *die, uint8_t byte) {
    if (die->command->kind == PROGRAM) { // DS: beyond the page's end it goes on at its start; the last 256 bytes count
        const unsigned at = (die->address + die->bytes) % NOR_PAGE;
        if (die->bytes > 0 && at == 0) {
            bench_violation("flash: a program of 0x%06x goes over the end of its page (DS, PROGRAM Operations)",
                (unsigned)die->address);
        }
        die->page[at] = byte;
        die->page_set[at] = true;
    } else if (die->bytes < 2) {
        die->page[die->bytes] = byte;
    }
}

void nor_select(void) {
    selected = !off;
    for (unsigned i = 0; i < NOR_DIES; i++) {
        struct die *die = &dies[i];
        die->command = NULL;
        die->phase = COMMAND;
        die->bits = die->bytes = 0;
        die->clocks = 0;
        die->was_driven = false;
        die->shift = 0;
    }
}

unsigned nor_clock(unsigned number, unsigned driven, unsigned levels) {
    const unsigned floating = nor_options.floating_high ? 0xf : 0;
    unsigned seen = (levels & driven) | (floating & ~driven & 0xf);
    if (!selected) {
        return seen;
    }
    struct die *die = &dies[number];
    die->clocks++;
    die->was_driven |= driven != 0;
    if (die->phase == DEAF) {
        return seen;
    }
    if (die->phase == DUMMY) {
        if (--die->dummy_left == 0) {
            die->phase = DATA;
        }
        return seen;
    }
    const unsigned lines = phase_lines(die);
    if (die->phase == DATA && is_output(die)) { // on one line: DQ1
        if (die->bits == 0) {
            die->out = next_byte(die);
        }
        const unsigned mask = lines == 1 ? 0x2 : lines == 2 ? 0x3 : 0xf;
        if (driven & mask) {
            bench_violation(
                "flash die %u: the controller drives data lines 0x%x that the flash drives (command 0x%02x)", number,
                driven & mask, die->command->code);
        }
        const unsigned piece = (unsigned)(die->out >> (8 - lines - die->bits)) & ((1u << lines) - 1);
        seen = (seen & ~mask) | (lines == 1 ? piece << 1 : piece);
        die->bits = (die->bits + lines) % 8;
        die->bytes += die->bits == 0;
        return seen;
    }
    die->shift = die->shift << lines | (seen & ((1u << lines) - 1));
    die->bits += lines;
    if (die->bits < 8) {
        return seen;
    }
    die->bits = 0;
    switch (die->phase) {
        case COMMAND:
            take_command(die, die->shift & 0xff);
            break;
        case ADDRESS:
            if (++die->bytes == address_bytes(die)) {
                die->address = die->shift;
                if (address_bytes(die) == 3) { // DS, "Extended Address Register": the segment of 16 MB
                    die->address = (die->address & 0xffffff) | (uint32_t)die->extended_address << 24;
                }
                if (die->address >= NOR_DIE_BYTES) {
                    bench_violation("flash die %u: address 0x%08x beyond its 64 MB", number, (unsigned)die->address);
                    die->address %= NOR_DIE_BYTES;
                }
                next_phase(die);
            }
            break;
        default:
            if (takes_data(die)) {
                take_data(die, die->shift & 0xff);
            }
            die->bytes++;
            break;
    }
    return seen;
}

// Executes what S# ends, if it ends on the last bit.
static void execute(struct die *die, unsigned number) {
    const enum kind kind = (enum kind)die->command->kind;
    const unsigned code = die->command->code;
    const bool enabled = die->status & SR_WEL;
    const bool was_reset_enabled = die->reset_enabled;
    die->reset_enabled = false; // DS, "RESET Operations": the two follow each other
    if (is_output(die)) {
        return;
    }
    const bool wants_data = takes_data(die);
    if (die->phase != DATA || die->bits != 0 || (wants_data ? die->bytes == 0 : die->bytes != 0)) {
        if (!(kind == ENTER_QUAD && nor_options.quad_by_extra_clocks && die->phase == DATA)) {
            bench_violation(
                "flash die %u: command 0x%02x is not executed, S# rises after %u clocks (DS: at its last bit)", number,
                code, (unsigned)die->clocks);
            return;
        }
    }
    if ((kind == WRITE_REGISTER || kind == PROGRAM || kind == ERASE) && !enabled) {
        bench_violation("flash die %u: command 0x%02x without WRITE ENABLE before it (DS, WRITE ENABLE)", number, code);
        return;
    }
    switch (kind) {
        case WRITE_ENABLE:
            die->status |= SR_WEL;
            return;
        case WRITE_DISABLE:
            die->status &= (uint8_t)~SR_WEL;
            return;
        case WRITE_REGISTER: {
            const unsigned wanted = die->command->detail == NONVOLATILE ? 2 : 1;
            if (die->bytes != wanted) {
                bench_violation("flash die %u: command 0x%02x takes %u byte(s), not %u (DS, Command Set)", number, code,
                    wanted, die->bytes);
            }
            do_write_register(die);
            break;
        }
        case PROGRAM:
        case ERASE:
            if (die->status & SR_PROTECTED) { // DS, "Status Register": BP bits; the whole array here
                bench_violation("flash die %u: command 0x%02x in a protected area (DS, Status Register)", number, code);
                die->flags |= (uint8_t)(FSR_PROTECTION | (kind == PROGRAM ? FSR_PROGRAM : FSR_ERASE));
                return; // the write enable latch stays set
            }
            if (kind == PROGRAM) {
                do_program(die);
            } else {
                do_erase(die);
            }
            break;
        case CLEAR_FLAGS:
            die->flags = 0;
            return;
        case RESET_ENABLE:
            die->reset_enabled = true;
            return;
        case RESET_MEMORY:
            if (!was_reset_enabled) {
                bench_violation(
                    "flash die %u: RESET MEMORY without RESET ENABLE before it (DS, RESET Operations)", number);
                return;
            }
            if (is_busy(die)) { // DS: "data may be lost"
                bench_violation("flash die %u: reset while it programs or erases (DS, RESET Operations)", number);
                registers_from_nonvolatile(die);
                die->deaf_until = bench_now_ns() + T_RESET;
            } else {
                registers_from_nonvolatile(die);
            }
            return;
        case ENTER_4_BYTE:
        case EXIT_4_BYTE: // DS: "the WRITE ENABLE command must not be executed"
            die->four_bytes = kind == ENTER_4_BYTE;
            return;
        case ENTER_QUAD: // DS, "QUAD PROTOCOL Operations": "the effect is immediate", and WRITE ENABLE is not needed
            die->enhanced &= 0x7f;
            return;
        case EXIT_QUAD:
            die->enhanced |= 0x80;
            return;
        case SLEEP:
            die->sleeping = true;
            return;
        default: // WAKE
            if (die->sleeping) {
                die->sleeping = false;
                die->deaf_until = bench_now_ns() + T_WAKE;
            }
            return;
    }
    die->status &= (uint8_t)~SR_WEL; // DS: cleared when the operation completes
}

void nor_deselect(void) {
    for (unsigned i = 0; selected && i < NOR_DIES; i++) {
        struct die *die = &dies[i];
        if (die->command != NULL) {
            execute(die, i);
        }
        die->phase = DEAF;
    }
    selected = false;
}
