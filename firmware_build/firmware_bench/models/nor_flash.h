// The board's flash, MT25TL01G: two dies MT25QL512ABB of 64 MB with one S# and one clock, each with four data lines of its own
// (UM2411, "Quad-SPI NOR flash memory"; ST's BSP, stm32h747i_discovery_qspi.c). A die is driven clock by clock, so that it
// sees what the lines carry whatever protocol it is in. "DS" is Micron's data sheet MT25QL512ABB.
#ifndef FIRMWARE_BENCH_NOR_FLASH_H
#define FIRMWARE_BENCH_NOR_FLASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NOR_DIES = 2, NOR_DIE_BYTES = 64 << 20, NOR_SECTOR = 64 << 10, NOR_SUBSECTOR = 4 << 10, NOR_PAGE = 256 };

// What differs between a board and the next; kept by nor_power_on().
struct nor_options {
    bool floating_high; // an undriven data line reads as 1
    bool slow; // programs and erasures take the longest time of DS, not the typical one
    bool quad_by_extra_clocks; // ENTER QUAD (35h) is executed even where clocks follow its eighth bit (DS does not say)
    uint64_t cut_at; // power fails in the program or erasure of this number, counted by nor_operations(); 0: never
    uint32_t seed; // of what the cut leaves half done, with the number of the operation
};
extern struct nor_options nor_options;

// What a die keeps without power. All zero: as delivered, erased.
struct nor_kept {
    uint8_t inverted[NOR_DIE_BYTES]; // the array, each bit inverted
    uint16_t nonvolatile_inverted;   // the nonvolatile configuration register, likewise
    uint8_t status;                  // its nonvolatile bits
};

void nor_new(void); // as delivered: erased, all registers at their first values, operations counted from 0
void nor_new_in(struct nor_kept kept[NOR_DIES]); // with what is in that memory, the caller's; operations counted from 0
void nor_power_on(void); // registers and protocol from nonvolatile ones; the array is kept
void nor_free(void);

// As ST's demo leaves it: both dies in quad protocol with 4-byte addresses (BSP_QSPI_Init with MT25TL01G_QPI_MODE).
void nor_leave_as_demo(void);

// One access: S# falls, clocks, S# rises. `driven` has a bit for each line that the controller drives, `levels` its level.
// Returns the level of the four lines as the controller samples them.
void nor_select(void);
unsigned nor_clock(unsigned die, unsigned driven, unsigned levels);
void nor_deselect(void);

bool nor_is_off(void); // power failed (nor_options.cut_at); nor_power_on() ends it
uint64_t nor_operations(void); // programs, erasures and register writes so far
unsigned nor_protocol_lines(unsigned die); // 1, 2 or 4
bool nor_is_busy(unsigned die);

// A program or erasure, before it is done: where, and what it leaves there if it is whole or if power fails in it. Bits inverted.
struct nor_write {
    uint64_t number; // by nor_operations()
    unsigned die;
    uint32_t address, bytes;
    const uint8_t *whole, *torn;
};
extern void (*nor_wrote)(const struct nor_write *write); // NULL: nobody asks

// The array behind the back of the bus: to fill it before a start, to look at it after one.
void nor_peek(unsigned die, uint32_t address, uint8_t *bytes, size_t count);
void nor_poke(unsigned die, uint32_t address, const uint8_t *bytes, size_t count);

#endif
