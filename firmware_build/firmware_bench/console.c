// The serial line: standard input and output, or a pty of its own. It is read when the UART's model has room.
#define _GNU_SOURCE
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static int in = 0, out = 1;
static bool is_pty, at_end;
static uint8_t taken[4096];
static size_t taken_at, taken_end;
static uint8_t given[4096];
static size_t given_end;
static uint64_t given_before; // what the buffer no longer holds
static uint64_t idle_from_ns; // virtual, since something last passed
static uint64_t slept_ns;     // of that time; the rest it computed

void console_open(bool pty) {
    is_pty = pty;
    if (pty) {
        const int master = posix_openpt(O_RDWR | O_NOCTTY);
        char name[128];
        if (master < 0 || grantpt(master) || unlockpt(master) || ptsname_r(master, name, sizeof(name))) {
            fail("there is no pty: %s", strerror(errno));
        }
        const int other = open(name, O_RDWR | O_NOCTTY);
        struct termios mode;
        if (other < 0 || tcgetattr(other, &mode)) {
            fail("%s cannot be opened: %s", name, strerror(errno));
        }
        cfmakeraw(&mode);
        tcsetattr(other, TCSANOW, &mode);
        close(other);
        printf("redirected to %s\n", name);
        fflush(stdout);
        in = out = master;
    }
    fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
}

// What nobody holds the other end of is lost, as on a line without a cable; who holds it is waited for.
void console_flush(void) {
    size_t done = 0;
    while (done < given_end) {
        struct pollfd one = {out, POLLOUT, 0};
        if (poll(&one, 1, -1) < 0 && errno != EINTR) {
            break;
        }
        if (one.revents & POLLHUP) {
            break;
        }
        const ssize_t written = write(out, given + done, given_end - done);
        if (written > 0) {
            done += (size_t)written;
        } else if (written < 0 && errno != EAGAIN && errno != EINTR) {
            if (!is_pty) {
                cpu_end(0); // nobody listens any more
            }
            break;
        }
    }
    given_before += given_end;
    given_end = 0;
}

uint64_t console_given(void) {
    return given_before + given_end;
}

void console_give(uint8_t byte) {
    idle_from_ns = bench_now_ns();
    given[given_end++] = byte;
    if (given_end == sizeof(given)) {
        console_flush();
    }
}

static void refill(int wait_ms) {
    if (taken_at < taken_end || at_end) {
        return;
    }
    struct pollfd both[2] = {{in, POLLIN, 0}, {wires_descriptor(), POLLIN, 0}};
    if (wait_ms) {
        poll(both, 2, wait_ms);
    }
    const ssize_t got = read(in, taken, sizeof(taken));
    if (got > 0) {
        taken_at = 0;
        taken_end = (size_t)got;
        idle_from_ns = bench_now_ns();
    } else if (got == 0 && !is_pty) {
        at_end = true;
    }
}

int console_take(void) {
    refill(0);
    return taken_at < taken_end ? taken[taken_at++] : -1;
}

static uint64_t wall_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool console_paced;
static const uint64_t free_ns = 60000000000u;
static const uint64_t rest_ns = 3000000000u; // longer than a light blinks for a main.py that failed: 1.5 s

void console_idle(uint64_t ns) {
    static uint64_t virtual_ns, real_ns;
    console_flush();
    const uint64_t now = bench_now_ns();
    slept_ns = now - ns >= idle_from_ns ? slept_ns + ns : 0;
    if (at_end && !is_pty && slept_ns > rest_ns) {
        cpu_end(0); // the input has ended, and nothing happens any more
        return;
    }
    if (!console_paced && now - idle_from_ns < free_ns) {
        virtual_ns = now;
        real_ns = wall_ns();
        return;
    }
    // Never ahead of the wall clock; what was lost while it computed is not caught up.
    const uint64_t wall = wall_ns(), should = real_ns + (now - virtual_ns);
    if (should > wall + 1000000u) {
        refill((int)((should - wall) / 1000000u));
    } else if (wall > should + 20000000u) {
        virtual_ns = now;
        real_ns = wall;
    }
}
