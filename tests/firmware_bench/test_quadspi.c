// Scenarios for the models of the QUADSPI controller and of the flash: accesses as a driver makes them, register by register.
#include "fake_bench.h"
#include "models/nor_flash.h"
#include "models/quadspi.h"

#include <string.h>

enum { CR = 0, DCR = 4, SR = 8, FCR = 0xc, DLR = 0x10, CCR = 0x14, AR = 0x18, ABR = 0x1c, DR = 0x20 };
enum { TEF = 1, TCF = 2, FTF = 4, BUSY = 0x20, ABORT = 2 };
enum { WRITE, READ, MAPPED = 3 };

static model_t *qspi;

static uint32_t get(uint32_t offset) {
    return qspi->read(qspi, offset, 4);
}

static void set(uint32_t offset, uint32_t value) {
    qspi->write(qspi, offset, 4, value);
}

static void open(void) {
    nor_options = (struct nor_options){0};
    qspi = quadspi_model();
    now_ns = 1000000;
    nor_new();
    qspi->power_on(qspi);
    clean();
    set(CR, 3 << 24 | 3 << 8 | 1 << 4 | 1); // 50 MHz, FIFO threshold 4
    set(DCR, 23 << 16 | 1 << 8); // 16 MB
}

static uint32_t lines(unsigned count) {
    return count == 4 ? 3 : count;
}

// CCR of: mode, instruction on lines, address bytes on lines, an alternate byte on lines, dummy clocks, data on lines.
static uint32_t ccr(
    unsigned mode, unsigned code, unsigned i, unsigned bytes, unsigned a, unsigned alt, unsigned dummy, unsigned d) {
    return mode << 26 | lines(d) << 24 | dummy << 18 | lines(alt) << 14 | (bytes ? bytes - 1 : 0) << 12 |
        lines(a) << 10 | lines(i) << 8 | code;
}

static void finish(void) {
    for (unsigned i = 0; !(get(SR) & TCF); i++) {
        CHECK(i < 100000);
        wait_ns(qspi, 100);
    }
    set(FCR, TCF);
    CHECK(!(get(SR) & (BUSY | TCF)));
}

static void command(unsigned code, unsigned on_lines) {
    set(CCR, ccr(WRITE, code, on_lines, 0, 0, 0, 0, 0));
    finish();
}

static void command_at(unsigned code, uint32_t address, unsigned bytes) {
    set(CCR, ccr(WRITE, code, 1, bytes, 1, 0, 0, 0));
    set(AR, address);
    finish();
}

static void write_bytes(unsigned code, uint32_t address, unsigned address_bytes, const uint8_t *bytes, size_t count) {
    set(DLR, (uint32_t)count - 1);
    set(CCR, ccr(WRITE, code, 1, address_bytes, address_bytes ? 1 : 0, 0, 0, 1));
    if (address_bytes) {
        set(AR, address);
    }
    for (size_t i = 0; i < count; i++) {
        while (!(get(SR) & FTF)) {
            wait_ns(qspi, 20);
        }
        qspi->write(qspi, DR, 1, bytes[i]);
    }
    finish();
}

static unsigned read_register_on(unsigned code, unsigned on_lines) {
    set(DLR, 0);
    set(CCR, ccr(READ, code, on_lines, 0, 0, 0, 0, on_lines));
    while (!(get(SR) & TCF)) {
        wait_ns(qspi, 20);
    }
    set(FCR, TCF);
    CHECK(get(SR) & BUSY); // until the FIFO is empty
    const uint32_t value = qspi->read(qspi, DR, 4);
    CHECK(!(get(SR) & BUSY));
    return value;
}

static unsigned read_register(unsigned code) {
    return read_register_on(code, 1);
}

static void quad_read(uint32_t address, uint8_t *bytes, size_t count) { // as the port reads
    set(DLR, (uint32_t)count - 1);
    set(CCR, ccr(READ, 0xeb, 1, 3, 4, 4, 8, 4));
    set(ABR, 0);
    set(AR, address);
    for (size_t i = 0; i < count; i++) {
        while (!(get(SR) >> 8 & 0x3f)) {
            wait_ns(qspi, 20);
        }
        bytes[i] = (uint8_t)qspi->read(qspi, DR, 1);
    }
    set(FCR, TCF);
}

static void wait_ready(void) {
    while (read_register(0x05) & 1) {
        wait_ns(qspi, 50000);
    }
}

static const uint8_t some[8] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0};

static void program_erase_read(void) {
    open();
    uint8_t back[8];
    quad_read(0x1000, back, 8);
    CHECK(back[0] == 0xff && back[7] == 0xff);
    command(0x06, 1);
    CHECK(read_register(0x05) == 2);
    write_bytes(0x02, 0x1000, 3, some, 8);
    CHECK(read_register(0x05) & 1);
    CHECK(!(read_register(0x70) & 0x80)); // the flag status says the same
    wait_ready();
    CHECK(read_register(0x05) == 0); // the write enable latch is cleared
    quad_read(0x1000, back, 8);
    CHECK(memcmp(back, some, 8) == 0);
    command(0x06, 1);
    command_at(0x20, 0x1abc, 3); // any address in it
    const uint64_t began = now_ns;
    wait_ready();
    CHECK(now_ns - began > 40000000 && now_ns - began < 60000000);
    quad_read(0x1000, back, 8);
    CHECK(back[0] == 0xff && back[7] == 0xff);
    CHECK(nor_operations() == 2);
    CLEAN();
}

static void programs_only_clear_bits(void) {
    open();
    const uint8_t first = 0xf3, second = 0x3f;
    uint8_t back;
    command(0x06, 1);
    write_bytes(0x02, 7, 3, &first, 1);
    wait_ready();
    command(0x06, 1);
    write_bytes(0x02, 7, 3, &second, 1);
    wait_ready();
    quad_read(7, &back, 1);
    CHECK(back == 0x33);
    CLEAN();
}

static void program_wraps_in_its_page(void) {
    open();
    uint8_t back;
    command(0x06, 1);
    write_bytes(0x02, 0xfe, 3, some, 3);
    BROKE("over the end of its page");
    wait_ready();
    quad_read(0x00, &back, 1);
    CHECK(back == some[2]);
    quad_read(0x100, &back, 1);
    CHECK(back == 0xff);
}

static void erase_sizes(void) {
    open();
    static const struct {
        unsigned code;
        uint32_t size;
    } erasures[] = {{0x20, 4096}, {0x52, 32768}, {0xd8, 65536}};
    for (unsigned i = 0; i < 3; i++) {
        const uint8_t zero = 0;
        uint8_t at[4];
        const uint32_t base = 0x100000, size = erasures[i].size,
                       places[4] = {base - 1, base, base + size - 1, base + size};
        for (unsigned k = 0; k < 4; k++) {
            nor_poke(0, places[k], &zero, 1);
        }
        command(0x06, 1);
        command_at(erasures[i].code, base + size / 2, 3);
        wait_ready();
        for (unsigned k = 0; k < 4; k++) {
            nor_peek(0, places[k], &at[k], 1);
        }
        CHECK(at[0] == 0 && at[1] == 0xff && at[2] == 0xff && at[3] == 0);
    }
    CLEAN();
}

static void write_enable_is_needed(void) {
    open();
    uint8_t back;
    write_bytes(0x02, 0, 3, some, 1);
    BROKE("command 0x02 without WRITE ENABLE");
    command_at(0x20, 0, 3);
    BROKE("command 0x20 without WRITE ENABLE");
    write_bytes(0x01, 0, 0, some, 1);
    BROKE("command 0x01 without WRITE ENABLE");
    command(0x06, 1);
    command(0x04, 1);
    write_bytes(0x02, 0, 3, some, 1);
    BROKE("command 0x02 without WRITE ENABLE");
    quad_read(0, &back, 1);
    CHECK(back == 0xff && nor_operations() == 0);
}

static void array_is_not_read_while_busy(void) {
    open();
    uint8_t back[4];
    command(0x06, 1);
    write_bytes(0x02, 0, 3, some, 4);
    quad_read(0, back, 4);
    BROKE("command 0xeb while it programs or erases");
    wait_ready();
    CLEAN();
    quad_read(0, back, 4);
    CHECK(memcmp(back, some, 4) == 0);
    command(0x06, 1);
    command_at(0x20, 0, 3);
    command(0x06, 1);
    BROKE("command 0x06 while it programs or erases");
    wait_ready();
    CLEAN();
}

static void longest_times(void) {
    open();
    nor_options.slow = true;
    command(0x06, 1);
    command_at(0x20, 0, 3);
    wait_ns(qspi, 390000000);
    CHECK(read_register(0x05) & 1);
    wait_ns(qspi, 11000000);
    CHECK(!(read_register(0x05) & 1));
    CLEAN();
}

static void status_register_protects(void) {
    open();
    const uint8_t protect = 0x04, two[2] = {0, 2};
    command(0x06, 1);
    write_bytes(0x01, 0, 0, &protect, 1);
    wait_ready();
    CHECK(read_register(0x05) == 0x04);
    command(0x06, 1);
    write_bytes(0x02, 0, 3, some, 1);
    BROKE("in a protected area");
    CHECK(read_register(0x70) & 0x12);
    command(0x50, 1);
    CHECK(read_register(0x70) == 0x80);
    write_bytes(0x01, 0, 0, two, 2); // still enabled
    BROKE("takes 1 byte(s), not 2");
    wait_ready();
    CHECK(read_register(0x05) == 0);
    qspi->power_on(qspi);
    open();
}

static void dummy_clocks_as_set(void) {
    open();
    nor_poke(0, 0x20, some, 8);
    uint8_t back[8], vcr = 0x6b;
    quad_read(0x20, back, 8);
    CHECK(memcmp(back, some, 8) == 0);
    command(0x06, 1);
    write_bytes(0x81, 0, 0, &vcr, 1);
    CHECK(read_register(0x85) == 0x6b);
    quad_read(0x20, back, 8); // ten clocks where it has six: two bytes too late
    CHECK(memcmp(back, some + 2, 6) == 0);
    qspi->power_on(qspi);
    CHECK(nor_protocol_lines(0) == 1);
}

static void four_byte_addresses(void) {
    open();
    nor_poke(0, 0x02345678, some, 1);
    uint8_t back;
    command(0xb7, 1);
    CHECK(read_register(0x70) & 1);
    set(DCR, 25 << 16 | 1 << 8);
    set(DLR, 0);
    set(CCR, ccr(READ, 0x03, 1, 4, 1, 0, 0, 1));
    set(AR, 0x02345678);
finish_read:
    while (!(get(SR) >> 8 & 0x3f)) {
        wait_ns(qspi, 20);
    }
    back = (uint8_t)qspi->read(qspi, DR, 1);
    CHECK(back == some[0]);
    if (get(CCR) == ccr(READ, 0x03, 1, 4, 1, 0, 0, 1)) { // and by a command that has four bytes of its own
        command(0xe9, 1);
        set(DLR, 0);
        set(CCR, ccr(READ, 0x13, 1, 4, 1, 0, 0, 1));
        set(AR, 0x02345678);
        goto finish_read;
    }
    CLEAN();
}

static void enter_quad_ends_one_line(void) {
    open();
    CHECK(read_register(0x9f) == 0x20);
    command(0x35, 1);
    CHECK(nor_protocol_lines(0) == 4);
    CHECK(read_register_on(0x05, 4) == 0);
    CLEAN();
    command(0x06, 1); // 0, 0, 0, 0, 0, 1, 1, 0 on IO0, IO3 high, IO2 low, IO1 floating: 0x88
    BROKE("no command 0x88 in its protocol of 4 lines");
    nor_options.floating_high = true;
    command(0x06, 1);
    BROKE("no command 0xaa in its protocol of 4 lines");
    command(0xf5, 4);
    CHECK(nor_protocol_lines(0) == 1);
    CHECK(read_register(0x9f) == 0x20);
    CLEAN();
}

// The port's driver asks for a "configuration register" by 0x35. On this flash that is ENTER QUAD with clocks after it.
static void what_the_driver_sends_as_0x35(void) {
    open();
    CHECK(read_register(0x35) == 0x00);
    BROKE("command 0x35 is not executed, S# rises after 16 clocks");
    CHECK(nor_protocol_lines(0) == 1);
    nor_options.floating_high = true;
    CHECK(read_register(0x35) == 0xff);
    clean();
    nor_options.quad_by_extra_clocks = true;
    read_register(0x35);
    CHECK(nor_protocol_lines(0) == 4);
}

static void programs_on_four_lines(void) {
    open();
    set(DLR, 7); // 0x38: the address on four lines, too. No way into the quad protocol here
    set(CCR, ccr(WRITE, 0x06, 1, 0, 0, 0, 0, 0));
    finish();
    set(CCR, ccr(WRITE, 0x38, 1, 3, 4, 0, 0, 4));
    set(AR, 0x300);
    for (unsigned i = 0; i < 8; i++) {
        qspi->write(qspi, DR, 1, some[i]);
    }
    finish();
    wait_ready();
    uint8_t back[8];
    quad_read(0x300, back, 8);
    CHECK(memcmp(back, some, 8) == 0);
    CHECK(nor_protocol_lines(0) == 1);
    CLEAN();
}

static void reset_after_the_demo(void) {
    open();
    nor_leave_as_demo();
    qspi->reset(qspi); // the processor's reset: the flash does not hear of it
    set(CR, 3 << 24 | 3 << 8 | 1 << 4 | 1);
    set(DCR, 23 << 16 | 1 << 8);
    CHECK(nor_protocol_lines(0) == 4 && nor_protocol_lines(1) == 4);
    command(0xab, 1);
    BROKE("in its protocol of 4 lines"); // what a driver for one line says is not understood
    command(0x66, 4);
    command(0x99, 4);
    CHECK(nor_protocol_lines(0) == 1);
    CHECK(nor_protocol_lines(1) == 4); // its data lines are not driven
    CHECK(!(read_register(0x70) & 1)); // 3-byte addresses
    CLEAN();
    command(0x66, 4); // at rest in one line: two clocks are no command
    command(0x99, 4);
    CHECK(read_register(0x9f) == 0x20);
    CLEAN();
    command(0x66, 1);
    command(0x04, 1);
    command(0x99, 1);
    BROKE("RESET MEMORY without RESET ENABLE");
}

static void reset_while_busy(void) {
    open();
    command(0x06, 1);
    command_at(0x20, 0, 3);
    command(0x66, 1);
    command(0x99, 1);
    BROKE("reset while it programs or erases");
    command(0x06, 1);
    BROKE("command 0x06 in deep power-down, or before its end of 30 us");
    wait_ns(qspi, 30000);
    command(0x06, 1);
    CLEAN();
}

static void deep_power_down(void) {
    open();
    command(0xb9, 1);
    command(0x06, 1);
    BROKE("command 0x06 in deep power-down");
    command(0xab, 1);
    command(0x06, 1);
    BROKE("command 0x06 in deep power-down, or before its end of 30 us");
    wait_ns(qspi, 30000);
    command(0x06, 1);
    CLEAN();
}

static void memory_mapped(void) {
    open();
    nor_poke(0, 0x456, some, 8);
    set(ABR, 0);
    set(CCR, ccr(MAPPED, 0xeb, 1, 3, 4, 4, 8, 4));
    CHECK(!(get(SR) & BUSY)); // until the first access
    CHECK(quadspi_mapped_read(0x456, 4) == 0x78563412);
    CHECK(quadspi_mapped_read(0x45a, 4) == 0xf0debc9a);
    CHECK(quadspi_mapped_read(0x456, 1) == 0x12);
    CHECK(get(SR) & BUSY);
    CLEAN();
    set(CCR, ccr(WRITE, 0x06, 1, 0, 0, 0, 0, 0));
    BROKE("QUADSPI_CCR written while busy");
    set(CR, get(CR) | ABORT);
    CHECK(!(get(CR) & ABORT));
    set(FCR, TCF);
    command(0x06, 1);
    CHECK(read_register(0x05) == 2);
    CLEAN();
    quadspi_mapped_read(0x456, 4);
    BROKE("outside memory-mapped mode");
    set(CCR, ccr(MAPPED, 0xeb, 1, 3, 4, 4, 8, 4));
    quadspi_mapped_read(0x1000000, 4);
    BROKE("beyond the flash");
}

static void order_of_the_registers(void) {
    open();
    set(CCR, ccr(WRITE, 0x02, 1, 3, 1, 0, 0, 1));
    qspi->write(qspi, DR, 1, 0);
    BROKE("data written before the address");
    set(DLR, 1);
    CLEAN(); // nothing has begun
    set(AR, 0);
    qspi->write(qspi, DR, 1, 0);
    set(DLR, 1);
    BROKE("register 0x10 written while busy");
    set(CR, get(CR) | ABORT);
    BROKE("command 0x02 is not executed"); // S# rose within it
    set(FCR, TCF);
    qspi->write(qspi, DR, 1, 0);
    BROKE("data written without an indirect write");
    qspi->read(qspi, DR, 1);
    BROKE("data read without an indirect read");
    set(DLR, 3);
    set(CCR, ccr(READ, 0xeb, 1, 3, 4, 4, 8, 4));
    qspi->read(qspi, DR, 4);
    BROKE("before the address is given");
    set(AR, 0xfffffe);
    BROKE("beyond the 16 MB of FSIZE");
    CHECK(get(SR) & TEF);
    set(FCR, TEF);
    CHECK(!(get(SR) & TEF));
    set(CR, 0);
    set(CCR, ccr(WRITE, 0x06, 1, 0, 0, 0, 0, 0));
    BROKE("while it is disabled");
    open();
    const uint8_t three[3] = {1, 2, 3};
    command(0x06, 1);
    set(DLR, 1);
    set(CCR, ccr(WRITE, 0x02, 1, 3, 1, 0, 0, 1));
    set(AR, 0);
    qspi->write(qspi, DR, 2, three[0] | three[1] << 8);
    qspi->write(qspi, DR, 1, three[2]);
    BROKE("1 bytes written where DLR leaves 0");
    set(DCR, 0);
    BROKE("QUADSPI_DCR written while busy");
    set(CR, 0x80);
    BROKE("prescaler, flash or sample shift changed while busy");
}

static void registers_need_the_clock(void) {
    open();
    fake_clock_on = false;
    set(DLR, 0);
    BROKE("written without its clock");
    get(SR);
    BROKE("read without its clock");
    fake_clock_on = true;
    fake_hz = 0;
    set(CCR, ccr(WRITE, 0x06, 1, 0, 0, 0, 0, 0));
    BROKE("kernel clock stands still");
    fake_hz = 200000000;
}

static void other_flash_is_not_wired(void) {
    open();
    set(CR, get(CR) | 1 << 7);
    set(CCR, ccr(WRITE, 0x06, 1, 0, 0, 0, 0, 0));
    BROKE("flash 2 selected");
}

static void both_dies_at_once(void) {
    open();
    set(CR, get(CR) | 1 << 6);
    set(CCR, ccr(WRITE, 0x06, 1, 0, 0, 0, 0, 0));
    finish();
    set(DLR, 7);
    set(CCR, ccr(WRITE, 0x02, 1, 3, 1, 0, 0, 1));
    set(AR, 0x200); // half of it, in each
    for (unsigned i = 0; i < 8; i++) {
        qspi->write(qspi, DR, 1, some[i]);
    }
    finish();
    wait_ns(qspi, 200000);
    uint8_t back[2][4];
    nor_peek(0, 0x100, back[0], 4);
    nor_peek(1, 0x100, back[1], 4);
    for (unsigned i = 0; i < 4; i++) {
        CHECK(back[0][i] == some[2 * i] && back[1][i] == some[2 * i + 1]);
    }
    set(DLR, 7);
    set(CCR, ccr(READ, 0xeb, 1, 3, 4, 4, 8, 4));
    set(AR, 0x200);
    while (!(get(SR) & TCF)) {
        wait_ns(qspi, 20);
    }
    CHECK(qspi->read(qspi, DR, 4) == 0x78563412 && qspi->read(qspi, DR, 4) == 0xf0debc9a);
    CLEAN();
}

static void bytes_take_their_time(void) {
    open();
    set(DLR, 63);
    set(CCR, ccr(READ, 0xeb, 1, 3, 4, 4, 8, 4));
    set(AR, 0); // 8 + 6 + 2 + 8 clocks of 20 ns, then 40 ns a byte
    CHECK((get(SR) & (BUSY | FTF)) == BUSY);
    wait_ns(qspi, 24 * 20 + 3 * 40);
    CHECK((get(SR) >> 8 & 0x3f) == 3 && !(get(SR) & FTF));
    wait_ns(qspi, 40);
    CHECK(get(SR) & FTF);
    wait_ns(qspi, 100000);
    CHECK((get(SR) >> 8 & 0x3f) == 32 && !(get(SR) & TCF)); // full: it waits
    for (unsigned i = 0; i < 16; i++) {
        qspi->read(qspi, DR, 4);
        wait_ns(qspi, 200);
    }
    CHECK((get(SR) & (BUSY | TCF)) == TCF);
    CLEAN();
}

// Power fails in the third operation: what came before is whole, that one is half done, the same way for the same seed.
static void power_cut(void) {
    uint8_t page[256], left[2][256], erased[4096];
    memset(page, 0, sizeof(page));
    for (unsigned seed = 0; seed < 16; seed++) {
        for (unsigned again = 0; again < 2; again++) {
            open();
            nor_options.cut_at = 3;
            nor_options.seed = seed;
            for (unsigned i = 0; i < 3; i++) {
                command(0x06, 1);
                write_bytes(0x02, i * 256, 3, page, 256);
                CHECK(nor_is_off() == (i == 2));
                if (!nor_is_off()) {
                    wait_ready();
                }
            }
            CHECK(read_register(0x05) == 0); // nobody answers
            nor_options.cut_at = 0;
            qspi->power_on(qspi);
            CHECK(!nor_is_off());
            uint8_t before[256];
            nor_peek(0, 256, before, 256);
            CHECK(memcmp(before, page, 256) == 0);
            nor_peek(0, 512, left[again], 256);
        }
        CHECK(memcmp(left[0], left[1], 256) == 0);
        unsigned ones = 0;
        for (unsigned i = 0; i < 256; i++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                ones += left[0][i] >> bit & 1;
            }
        }
        static unsigned least = 2048, most;
        least = ones < least ? ones : least;
        most = ones > most ? ones : most;
        CHECK(seed < 15 || (least < 400 && most > 1600)); // early cuts and late ones
    }
    open();
    memset(erased, 0x55, sizeof(erased));
    nor_poke(0, 0, erased, sizeof(erased));
    nor_options.cut_at = 1;
    nor_options.seed = 5;
    command(0x06, 1);
    command_at(0x20, 0, 3);
    CHECK(nor_is_off());
    nor_peek(0, 0, erased, sizeof(erased));
    for (unsigned i = 0; i < sizeof(erased); i++) {
        CHECK((erased[i] & 0x55) == 0x55); // an erasure clears nothing
    }
    nor_options.cut_at = 0;
    CLEAN();
}

static void registers_survive_power(void) {
    open();
    const uint8_t quad[2] = {0xf7, 0xff};
    command(0x06, 1);
    write_bytes(0xb1, 0, 0, quad, 2);
    wait_ns(qspi, 250000000);
    CHECK(nor_protocol_lines(0) == 1);
    qspi->power_on(qspi);
    CHECK(nor_protocol_lines(0) == 4);
    CLEAN();
}

static void what_the_controller_refuses(void) {
    open();
    qspi->read(qspi, SR, 1);
    BROKE("register 0x08 read by 1 byte(s)");
    qspi->write(qspi, DLR, 2, 0);
    BROKE("register 0x10 written by 2 byte(s)");
    set(SR, 0);
    BROKE("register 0x08 written, which is not writable");
    set(CCR, ccr(WRITE, 0x06, 0, 0, 0, 0, 0, 0));
    BROKE("an access without any phase");
    set(CCR, ccr(WRITE, 0x06, 1, 0, 0, 0, 0, 0) | 1u << 31);
    BROKE("DDR and SIOO");
    finish();
    set(CCR, ccr(2, 0x05, 1, 0, 0, 0, 0, 1));
    BROKE("automatic polling");
    set(CCR, ccr(MAPPED, 0xeb, 1, 0, 0, 0, 8, 4));
    BROKE("memory-mapped mode without address or data");
    set(AR, 0);
    BROKE("QUADSPI_AR written in memory-mapped mode");
    set(DLR, 3);
    set(CCR, ccr(READ, 0xeb, 1, 3, 4, 4, 8, 4));
    set(AR, 0);
    set(AR, 4);
    BROKE("QUADSPI_AR written while busy");
    open();
    set(CR, get(CR) | 1 << 6);
    set(DLR, 0);
    set(CCR, ccr(READ, 0x05, 1, 0, 0, 0, 0, 1));
    BROKE("an odd number of bytes in dual-flash mode");
}

static void lines_and_addresses_that_do_not_fit(void) {
    open();
    nor_select(); // a read on one line: DQ1 is the flash's
    for (unsigned bit = 8; bit > 0; bit--) {
        nor_clock(0, 0xd, 0x8 | (0x05u >> (bit - 1) & 1));
    }
    CLEAN();
    nor_clock(0, 0xf, 0);
    BROKE("drives data lines 0x2 that the flash drives");
    nor_deselect();
    set(DCR, 27 << 16 | 1 << 8);
    set(DLR, 0);
    set(CCR, ccr(READ, 0x13, 1, 4, 1, 0, 0, 1));
    set(AR, 0x04000000);
    wait_ns(qspi, 10000);
    BROKE("address 0x04000000 beyond its 64 MB");
}

// What the board's bdev.c does at each start, from whatever protocol: the flash then understands one line, and no command was
// taken for another.
static void start_from_each_protocol(void) {
    static const uint8_t protocols[] = {0xff, 0x7f, 0xbf}; // one, four, two lines
    for (unsigned i = 0; i < 6; i++) {
        open();
        nor_options.floating_high = i >= 3;
        command(0x06, 1);
        write_bytes(0x61, 0, 0, &protocols[i % 3], 1);
        CHECK(nor_protocol_lines(0) == (i % 3 == 0 ? 1 : i % 3 == 1 ? 4 : 2));
        for (unsigned on_lines = 4; on_lines > 1; on_lines /= 2) {
            command(0x66, on_lines);
            command(0x99, on_lines);
            wait_ns(qspi, 50000);
        }
        CLEAN();
        CHECK(nor_protocol_lines(0) == 1);
        CHECK(read_register(0x05) == 0);
        CHECK(read_register(0x9f) == 0x20);
        CLEAN();
    }
    open(); // why the status is not asked for on two lines
    read_register_on(0x05, 2);
    BROKE("no command 0x30 in its protocol of 1 lines");
}

static const struct scenario scenarios[] = {
    SCENARIO(program_erase_read),
    SCENARIO(programs_only_clear_bits),
    SCENARIO(program_wraps_in_its_page),
    SCENARIO(erase_sizes),
    SCENARIO(write_enable_is_needed),
    SCENARIO(array_is_not_read_while_busy),
    SCENARIO(longest_times),
    SCENARIO(status_register_protects),
    SCENARIO(dummy_clocks_as_set),
    SCENARIO(four_byte_addresses),
    SCENARIO(enter_quad_ends_one_line),
    SCENARIO(what_the_driver_sends_as_0x35),
    SCENARIO(programs_on_four_lines),
    SCENARIO(reset_after_the_demo),
    SCENARIO(reset_while_busy),
    SCENARIO(deep_power_down),
    SCENARIO(memory_mapped),
    SCENARIO(order_of_the_registers),
    SCENARIO(registers_need_the_clock),
    SCENARIO(other_flash_is_not_wired),
    SCENARIO(both_dies_at_once),
    SCENARIO(bytes_take_their_time),
    SCENARIO(power_cut),
    SCENARIO(registers_survive_power),
    SCENARIO(what_the_controller_refuses),
    SCENARIO(start_from_each_protocol),
    SCENARIO(lines_and_addresses_that_do_not_fit),
};

int main(int argc, char **argv) {
    const int status = run_scenarios(scenarios, sizeof(scenarios) / sizeof(scenarios[0]), argc, argv);
    nor_free();
    return status;
}
