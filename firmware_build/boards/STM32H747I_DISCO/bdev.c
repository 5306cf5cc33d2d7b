// The flash as upstream has it, but for what its driver takes for granted and this one does not have. "DS" is the data sheet
// of MT25QL512ABB, one of the two dies of the board's MT25TL01G.
#include "py/mphal.h"
#include "storage.h"
#include "qspi.h"

enum { READ_STATUS = 0x05, RESET_ENABLE = 0x66, RESET_MEMORY = 0x99, ENTER_QUAD = 0x35, WIP = 0x01, FLOATING = 0xff };
enum { LONGEST_ERASE_MS = 400 }; // DS: 4 KB, the size that the driver erases

// A command without address or data, on two or four lines (their code in CCR: 2, 3).
static void command_on(uint32_t lines, uint32_t code) {
    QUADSPI->FCR = QUADSPI_FCR_CTCF;
    QUADSPI->CCR = lines << QUADSPI_CCR_IMODE_Pos | code;
    while (!(QUADSPI->SR & QUADSPI_SR_TCF)) {
    }
    QUADSPI->FCR = QUADSPI_FCR_CTCF;
}

// ST's demo leaves the flash in its protocol of four lines (35h), which no reset of the processor ends, and in which it does
// not understand what upstream's driver says on one. A reset on four lines, then on two: a die that is in another protocol
// takes that for a command cut short (DS: S# rises before its eighth bit) and ignores it. Its status is not asked for like
// this: with the answer that could be as many clocks as a command of another protocol.
static void leave_protocols(void) {
    for (uint32_t lines = 3; lines > 1; lines--) {
        command_on(lines, RESET_ENABLE);
        command_on(lines, RESET_MEMORY);
        mp_hal_delay_us(50); // DS, tSHSL3
    }
}

// A reset of the processor, by a button in the middle of a write, does not end what the flash does, and the reset that the
// driver begins with would tear it. Lines that nobody drives read as ones.
static void wait_until_ready(void *self) {
    const uint32_t start = mp_hal_ticks_ms();
    uint32_t status = 0;
    do {
        qspi_proto.read_cmd(self, READ_STATUS, 1, &status);
        status &= 0xff;
    } while ((status & WIP) && status != FLOATING && mp_hal_ticks_ms() - start <= LONGEST_ERASE_MS);
}

static int flash_ioctl(void *self, uint32_t cmd, uintptr_t arg) {
    const int result = qspi_proto.ioctl(self, cmd, arg);
    if (cmd == MP_QSPI_IOCTL_INIT) {
        leave_protocols();
        wait_until_ready(self);
    }
    return result;
}

static int flash_write_cmd_data(void *self, uint8_t cmd, size_t len, uint32_t data) {
    return qspi_proto.write_cmd_data(self, cmd, len, data);
}

static int flash_write_cmd_addr_data(void *self, uint8_t cmd, uint32_t addr, size_t len, const uint8_t *src) {
    return qspi_proto.write_cmd_addr_data(self, cmd, addr, len, src);
}

// The driver reads a "configuration register" by 35h, to set its QE bit by a status register of two bytes. There is neither
// here: 35h is ENTER QUAD, and WRITE STATUS REGISTER takes one byte. The four lines are there without any bit: QE is set.
static int flash_read_cmd(void *self, uint8_t cmd, size_t len, uint32_t *dest) {
    if (cmd == ENTER_QUAD) {
        *dest = 0x02;
        return 0;
    }
    return qspi_proto.read_cmd(self, cmd, len, dest);
}

static int flash_read_cmd_qaddr_qdata(
    void *self, uint8_t cmd, uint32_t addr, uint8_t num_dummy, size_t len, uint8_t *dest) {
    return qspi_proto.read_cmd_qaddr_qdata(self, cmd, addr, num_dummy, len, dest);
}

static const mp_qspi_proto_t flash_proto = {
    .ioctl = flash_ioctl,
    .write_cmd_data = flash_write_cmd_data,
    .write_cmd_addr_data = flash_write_cmd_addr_data,
    .read_cmd = flash_read_cmd,
    .read_cmd_qaddr_qdata = flash_read_cmd_qaddr_qdata,
};

#define qspi_proto flash_proto
#include "boards/STM32H747I_DISCO/bdev.c" // upstream's
