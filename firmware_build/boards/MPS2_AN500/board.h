// What the files of this board offer one another.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ticks.c: 25 MHz since power-on.
void ticks_start(void);
uint64_t ticks_now(void);
bool ticks_counted(void);          // whether QEMU counts instructions, so that ticks are a multiple of them
uint64_t ticks_instructions(void); // since the first call after ticks_restart(); of use only where ticks_counted()
void ticks_restart(void);

// console.c: UART0 by interrupt.
void console_start(void);
void console_irq(void);

// Timer for naps, ticks.c.
void nap_irq(void);

// host_file.c: semihosting.
enum { HOST_OPEN = 0x01, HOST_CLOSE = 0x02, HOST_WRITE_TEXT = 0x04, HOST_WRITE = 0x05, HOST_READ = 0x06, HOST_SEEK = 0x0a, HOST_LENGTH = 0x0c };
enum { HOST_ERRNO = 0x13, HOST_COMMAND_LINE = 0x15 };
int host_call(int number, const void *arguments);
extern const struct _mp_obj_type_t host_file_type;

// board.c: the value of a word NAME=VALUE of the emulator's command line, or NULL.
const char *board_option(const char *name);
extern char _disk_start, _disk_end;
extern uint8_t *board_spare_start, *board_spare_end; // memory behind the heap

// Processor.
#define REG(address) (*(volatile uint32_t *)(address))
static inline void irq_off(void) {
    __asm volatile ("cpsid i" ::: "memory");
}
static inline void irq_on(void) {
    __asm volatile ("cpsie i" ::: "memory");
}
static inline void wait_for_interrupt(void) { // wakes with interrupts off too; they run after irq_on()
    __asm volatile ("dsb\n wfi" ::: "memory");
}
static inline void irq_enable(unsigned number) {
    REG(0xe000e100) = 1u << number;
}
