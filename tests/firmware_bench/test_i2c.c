// Scenarios for the model of I2C4: transfers as MicroPython's driver does them (one byte of NBYTES after the other by RELOAD,
// flags polled), and each rule broken.
#include "fake_bench.h"
#include "models/i2c.h"

#include <string.h>

enum { CR1 = 0x00, CR2 = 0x04, OAR1 = 0x08, TIMINGR = 0x10, ISR = 0x18, ICR = 0x1c, PECR = 0x20, RXDR = 0x24, TXDR = 0x28 };
enum { RD_WRN = 1 << 10, ADD10 = 1 << 11, START = 1 << 13, STOP = 1 << 14, ONE = 1 << 16, RELOAD = 1 << 24, AUTOEND = 1 << 25 };
enum { TXE = 1, TXIS = 2, RXNE = 4, NACKF = 16, STOPF = 32, TC = 64, TCR = 128, BUSY = 1 << 15 };
enum { TOUCH = 0x38, NOBODY = 0x2a };

static model_t *i2c;
static uint8_t slave[256];
static unsigned reads, writes;
static int refuse; // the errno of the next transfers

static bool there(uint8_t address) {
    return address == TOUCH;
}

static int read_slave(uint8_t address, uint8_t reg, uint8_t *data, unsigned count) {
    if (address != TOUCH || refuse) {
        return 19;
    }
    reads++;
    for (unsigned i = 0; i < count; i++) {
        data[i] = slave[(reg + i) & 255];
    }
    return 0;
}

static int write_slave(uint8_t address, uint8_t reg, const uint8_t *data, unsigned count) {
    CHECK(address == TOUCH);
    if (refuse) {
        return refuse;
    }
    writes++;
    for (unsigned i = 0; i < count; i++) {
        slave[(reg + i) & 255] = data[i];
    }
    return 0;
}

static void set(uint32_t offset, uint32_t value) {
    i2c->write(i2c, offset, 4, value);
}

static uint32_t get(uint32_t offset) {
    return i2c->read(i2c, offset, 4);
}

static void begin(void) {
    i2c = i2c4_model();
    i2c_there = there;
    i2c_read = read_slave;
    i2c_write = write_slave;
    now_ns = reads = writes = 0;
    refuse = 0;
    fake_hz = 100000000;
    for (unsigned i = 0; i < 256; i++) {
        slave[i] = (uint8_t)(i * 7 + 1);
    }
    clean();
    i2c->reset(i2c);
    set(TIMINGR, 0xb0420f13);
    set(CR1, 1);
}

// Until one of the flags is there; false after 10 ms.
static bool wait_for(uint32_t flags) {
    for (int i = 0; i < 1000; i++) {
        if (get(ISR) & flags) {
            return true;
        }
        wait_ns(NULL, 10000);
    }
    return false;
}

// START falls only when the address is out; was it acknowledged?
static bool address(uint32_t to, uint32_t how) {
    set(CR1, 1);
    set(CR2, to << 1 | how);
    set(CR2, to << 1 | how | START);
    const uint64_t from = now_ns;
    CHECK(get(CR2) & START);
    CHECK(!(get(ISR) & (TXIS | RXNE | NACKF | STOPF)));
    while (get(CR2) & START) {
        wait_ns(NULL, 1000);
    }
    CHECK(now_ns - from > 10 * 2400);
    return !(get(ISR) & NACKF);
}

static bool send(const uint8_t *bytes, unsigned count, bool last) {
    for (unsigned i = 0; i < count; i++) {
        if (i) {
            set(CR2, (last ? AUTOEND : 0) | (i + 1 < count ? RELOAD : 0) | ONE);
        }
        CHECK(wait_for(TXE));
        set(TXDR, bytes[i]);
        CHECK(!(get(ISR) & (TC | TCR | STOPF))); // not before it is sent
        CHECK(wait_for(TC | TCR | STOPF));
        if (get(ISR) & NACKF) {
            return false;
        }
    }
    return true;
}

static void receive(uint8_t *bytes, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        if (i) {
            set(CR2, AUTOEND | (i + 1 < count ? RELOAD : 0) | ONE);
        }
        CHECK(!(get(ISR) & RXNE));
        CHECK(wait_for(RXNE));
        bytes[i] = (uint8_t)get(RXDR);
    }
    CHECK(wait_for(STOPF));
}

static void read_registers(uint8_t reg, uint8_t *bytes, unsigned count) {
    CHECK(address(TOUCH, ONE));
    CHECK(send(&reg, 1, false));
    CHECK((get(ISR) & (TC | BUSY)) == (TC | BUSY));
    CHECK(address(TOUCH, RD_WRN | ONE | (count > 1 ? RELOAD : 0)));
    set(CR2, get(CR2) | AUTOEND);
    receive(bytes, count);
    CHECK(!(get(ISR) & BUSY));
    set(CR1, 0);
}

static void registers_are_read_in_pieces(void) {
    begin();
    uint8_t got[I2C_BURST];
    for (unsigned count = 1; count <= I2C_BURST; count += count < 3 ? 1 : 10) {
        memset(got, 0, sizeof(got));
        read_registers(0xa3, got, count);
        for (unsigned i = 0; i < count; i++) {
            CHECK(got[i] == slave[(0xa3 + i) & 255]);
        }
    }
    CHECK(reads == 8 && writes == 0);
    CLEAN();
}

static void registers_are_read_at_once(void) { // NBYTES of 3, as other drivers do
    begin();
    CHECK(address(TOUCH, ONE | AUTOEND));
    set(TXDR, 2);
    CHECK(wait_for(STOPF));
    set(ICR, STOPF);
    CHECK(!(get(ISR) & STOPF));
    CHECK(address(TOUCH, RD_WRN | 3 * ONE | AUTOEND));
    for (unsigned i = 0; i < 3; i++) {
        CHECK(wait_for(RXNE));
        CHECK(!(get(ISR) & STOPF));
        CHECK(get(RXDR) == slave[2 + i]);
    }
    CHECK(get(ISR) & STOPF);
    CLEAN();
}

static void registers_are_written(void) {
    begin();
    const uint8_t bytes[] = {0x86, 0x11, 0x22};
    CHECK(address(TOUCH, ONE | RELOAD));
    set(CR2, get(CR2) | AUTOEND);
    CHECK(send(bytes, 3, true));
    CHECK(writes == 1 && slave[0x86] == 0x11 && slave[0x87] == 0x22);
    CHECK(get(ISR) & STOPF);
    CLEAN();
    begin();
    CHECK(address(TOUCH, 3 * ONE)); // no automatic end
    for (unsigned i = 0; i < 3; i++) {
        CHECK(wait_for(TXIS));
        set(TXDR, bytes[i]);
    }
    CHECK(wait_for(TC));
    CHECK(writes == 1);
    set(CR2, STOP);
    CHECK(get(ISR) & STOPF);
    CHECK(!(get(CR2) & STOP));
    CLEAN();
}

static void who_is_not_there_does_not_answer(void) {
    begin();
    CHECK(!address(NOBODY, ONE));
    CHECK(get(ISR) & STOPF); // by itself
    CHECK(!(get(ISR) & BUSY));
    set(CR1, 0);
    CHECK(!(get(ISR) & (NACKF | STOPF)));
    CHECK(!address(NOBODY, RD_WRN | ONE));
    set(CR1, 0);
    CHECK(address(TOUCH, 0)); // a scan of the bus
    CHECK(get(ISR) & TC);
    CLEAN();
}

static void a_write_can_be_refused(void) {
    begin();
    const uint8_t bytes[] = {0x86, 0x11};
    refuse = 5;
    CHECK(address(TOUCH, ONE | RELOAD));
    set(CR2, get(CR2) | AUTOEND);
    CHECK(!send(bytes, 2, true));
    CHECK(get(ISR) & STOPF);
    set(CR1, 0);
    CHECK(!address(TOUCH, RD_WRN | ONE));
    refuse = 0;
    set(CR1, 0);
    uint8_t one;
    read_registers(0x86, &one, 1);
    CHECK(one == slave[0x86] && writes == 0);
    CLEAN();
}

static void switched_off_in_a_transfer(void) {
    begin();
    CHECK(address(TOUCH, 2 * ONE));
    set(TXDR, 0x86);
    set(CR1, 0);
    CHECK(get(ISR) == TXE);
    wait_ns(i2c, 10000000);
    CHECK(get(ISR) == TXE);
    uint8_t one;
    read_registers(2, &one, 1);
    CHECK(one == slave[2] && writes == 0);
    CLEAN();
}

static void rules(void) {
    begin();
    set(CR1, 0);
    set(CR2, TOUCH << 1 | ONE | START);
    BROKE("a start while it is off");
    begin();
    set(CR2, TOUCH << 1 | ADD10 | ONE | START);
    BROKE("10-bit addresses");
    begin();
    fake_hz = 0;
    set(CR2, TOUCH << 1 | ONE | START);
    BROKE("its kernel clock stands still");
    begin();
    set(CR1, 0);
    set(TIMINGR, 0x00100109);
    set(CR1, 1);
    set(CR2, TOUCH << 1 | ONE | START);
    BROKE("a bit of 120 ns");
    begin();
    set(TXDR, 1);
    BROKE("a byte that nobody asked for");
    CHECK(address(TOUCH, 2 * ONE | RELOAD));
    set(TXDR, 1);
    set(TXDR, 2);
    BROKE("a byte that nobody asked for");
    CHECK(wait_for(TXIS));
    set(CR2, TOUCH << 1 | ONE | START);
    BROKE("a start in the middle of a write");
    begin();
    set(TIMINGR, 0);
    BROKE("timings changed while it is on");
    get(0x2c);
    BROKE("read at 0x2c, where no register is");
    set(0x2c, 0);
    BROKE("write at 0x2c, where nothing can be written");
    set(RXDR, 0);
    BROKE("write at 0x24");
    begin();
    CHECK(address(TOUCH, RD_WRN | (I2C_BURST + 1) * ONE | AUTOEND));
    for (unsigned i = 0; i < I2C_BURST; i++) {
        CHECK(wait_for(RXNE));
        get(RXDR);
    }
    CLEAN();
    CHECK(wait_for(RXNE));
    BROKE("a read of more than 62 bytes");
}

static const struct scenario scenarios[] = {
    SCENARIO(registers_are_read_in_pieces),
    SCENARIO(registers_are_read_at_once),
    SCENARIO(registers_are_written),
    SCENARIO(who_is_not_there_does_not_answer),
    SCENARIO(a_write_can_be_refused),
    SCENARIO(switched_off_in_a_transfer),
    SCENARIO(rules),
};

int main(int argc, char **argv) {
    return run_scenarios(scenarios, sizeof(scenarios) / sizeof(scenarios[0]), argc, argv);
}
