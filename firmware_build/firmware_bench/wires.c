// The rest of the board in another process, by the packets of host/uff_host/virtual_board/wire.py, as the unix port of the
// virtual board sends them: screen, LEDs, button, and what hangs on the I2C bus.
#include "bench.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER = 64, MOST = 9 + 65536 };
enum { RESET_BUTTON = 'X' };
static int wires = -1;
static uint8_t question;

static void send_packet(const void *data, size_t size) {
    if (wires < 0) {
        return;
    }
    ssize_t sent;
    do {
        sent = send(wires, data, size, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0) {
        wires = -1;
        cpu_end(0); // the board is off
    }
}

void wires_open(int descriptor) {
    wires = descriptor;
    if (wires >= 0) {
        send_packet("\0", 1);
    }
}

int wires_descriptor(void) {
    return wires;
}

// What the other side says unasked. True: something was there.
static bool take(const uint8_t *packet, ssize_t size) {
    if (size < 0) {
        return errno == EINTR;
    }
    if (size == 0) {
        wires = -1;
        cpu_end(0);
        return false;
    }
    if (size == 1 && packet[0] == RESET_BUTTON) {
        cpu_reset_line();
    }
    return true;
}

void wires_look(void) {
    uint8_t packet[ANSWER];
    while (wires >= 0 && take(packet, recv(wires, packet, sizeof(packet), MSG_DONTWAIT))) {
    }
}

// The answer of a question: its status, and data behind. ENODEV where nobody answers.
static int ask(uint8_t *packet, size_t size, uint8_t answer[ANSWER]) {
    if (wires < 0) {
        return ENODEV;
    }
    const uint64_t us = bench_now_ns() / 1000;
    uint8_t now[9] = {'N'};
    for (unsigned i = 0; i < 8; i++) {
        now[1 + i] = (uint8_t)(us >> 8 * i);
    }
    send_packet(now, sizeof(now));
    packet[1] = ++question;
    send_packet(packet, size);
    while (wires >= 0) {
        const ssize_t got = recv(wires, answer, ANSWER, 0);
        if (got < 0 && errno == EAGAIN) {
            struct pollfd one = {wires, POLLIN, 0};
            poll(&one, 1, -1);
        } else if (got == ANSWER) {
            if (answer[0] == question) {
                return answer[1];
            }
        } else {
            take(answer, got);
        }
    }
    return ENODEV;
}

bool wires_button(void) {
    uint8_t packet[2] = {'B', 0}, answer[ANSWER] = {0};
    return ask(packet, 2, answer) == 0 && answer[2];
}

void wires_led(unsigned number, bool on) {
    const uint8_t packet[3] = {'L', (uint8_t)number, on};
    send_packet(packet, 3);
}

void wires_touch_reset(void) {
    send_packet("Z", 1);
}

bool wires_i2c_there(uint8_t address) {
    uint8_t packet[3] = {'A', 0, address}, answer[ANSWER] = {0};
    return ask(packet, 3, answer) == 0;
}

int wires_i2c_read(uint8_t address, uint8_t reg, uint8_t *data, unsigned count) {
    uint8_t packet[5] = {'R', 0, address, reg, (uint8_t)count}, answer[ANSWER] = {0};
    if (count > ANSWER - 2) {
        return EINVAL;
    }
    const int status = ask(packet, 5, answer);
    memcpy(data, answer + 2, count);
    return status;
}

int wires_i2c_write(uint8_t address, uint8_t reg, const uint8_t *data, unsigned count) {
    uint8_t packet[4 + 64] = {'W', 0, address, reg}, answer[ANSWER] = {0};
    if (count > 64) {
        return EINVAL;
    }
    memcpy(packet + 4, data, count);
    return ask(packet, 4 + count, answer);
}

void wires_frame(unsigned x, unsigned y, unsigned width, unsigned height, const uint16_t *pixels, unsigned pitch) {
    static uint8_t packet[MOST];
    if (width == 0) {
        return;
    }
    const unsigned most = (MOST - 9) / 2 / width;
    while (height && wires >= 0) {
        const unsigned rows = height < most ? height : most;
        const unsigned head[4] = {x, y, width, rows};
        packet[0] = 'F';
        for (unsigned i = 0; i < 4; i++) {
            packet[1 + 2 * i] = (uint8_t)head[i];
            packet[2 + 2 * i] = (uint8_t)(head[i] >> 8);
        }
        for (unsigned r = 0; r < rows; r++) {
            memcpy(packet + 9 + 2 * r * width, pixels + r * pitch, 2 * width);
        }
        send_packet(packet, 9 + 2 * rows * width);
        y += rows;
        height -= rows;
        pixels += rows * pitch;
    }
}
