// What the module imports, all from "board": see js/machine.js, which has them for a page's worker and for Node.
#ifndef IMPORTS_H
#define IMPORTS_H

#include <stdint.h>

#define IMPORT(name) __attribute__((import_module("board"), import_name(#name)))

// Lets time pass: until timeout_ms is over (-1: for ever), there is input, or Ctrl-C. The one import that suspends: of a
// page's worker, whose messages come only then. Tells whether Ctrl-C has come since the last call.
IMPORT(wait) int32_t import_wait(int32_t timeout_ms);
// Milliseconds since some time, and since 1970; minutes that local time is ahead of UTC.
IMPORT(now) double import_now(void);
IMPORT(epoch) double import_epoch(void);
IMPORT(zone) int32_t import_zone(void);
IMPORT(random) uint32_t import_random(void);
// The console. read: a byte, or -1 where none waits. readable: whether one does. write: all of it, at once.
IMPORT(read) int32_t import_read(void);
IMPORT(readable) int32_t import_readable(void);
IMPORT(write) void import_write(const char *text, uint32_t length);
// Ctrl-C is this byte from now on, or no byte (-1).
IMPORT(interrupt) void import_interrupt(int32_t c);
// As the reset button; it does not come back.
IMPORT(reset) void import_reset(void);
// Width and height of the screen, 0 where there is none.
IMPORT(width) uint32_t import_width(void);
IMPORT(height) uint32_t import_height(void);
// Shows a rectangle of a frame (RGB565, rows of `pitch` pixels).
IMPORT(show) void import_show(const void *frame, uint32_t pitch, uint32_t x, uint32_t y, uint32_t w, uint32_t h);
// What is on the screen, in words (transcript.py).
IMPORT(tell) void import_tell(const char *text, uint32_t length);
IMPORT(led) void import_led(uint32_t number, int32_t on);
IMPORT(button) int32_t import_button(void);
// Registers of an I2C device; 0 or an errno.
IMPORT(i2c_read) int32_t import_i2c_read(uint32_t address, uint32_t reg, void *data, uint32_t length);
IMPORT(i2c_write) int32_t import_i2c_write(uint32_t address, uint32_t reg, const void *data, uint32_t length);
// The disk: bytes; 0 or an errno.
IMPORT(disk_size) uint32_t import_disk_size(void);
IMPORT(disk_read) int32_t import_disk_read(uint32_t at, void *data, uint32_t length);
IMPORT(disk_write) int32_t import_disk_write(uint32_t at, const void *data, uint32_t length);
IMPORT(disk_sync) int32_t import_disk_sync(void);

#endif
