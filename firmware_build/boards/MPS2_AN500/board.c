// Start of the machine and of each soft reset: the heap's size, then _boot.py (mounts the disk), boot.py and main.py.
#include <string.h>

#include "board.h"
#include "py/cstack.h"
#include "py/gc.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "shared/runtime/pyexec.h"

#define STACK_BYTES (256 * 1024)
#define HEAP_BYTES (8 * 1024 * 1024)

static char command_line[256];

const char *board_option(const char *name) {
    const size_t length = strlen(name);
    static char value[128];
    for (const char *word = command_line; *word; word += strcspn(word, " "), word += *word == ' ') {
        if (strncmp(word, name, length) == 0 && word[length] == '=') {
            const size_t size = strcspn(word + length + 1, " ");
            if (size < sizeof(value)) {
                memcpy(value, word + length + 1, size);
                value[size] = 0;
                return value;
            }
        }
    }
    return NULL;
}

uint8_t *board_spare_start, *board_spare_end;

// Called by main() in the place of gc_init(), once. The heap is as large as the real board's, or heap=BYTES among the
// options; what is left is the arena (boards/headless.py).
void board_gc_init(void *start, void *end) {
    const struct { char *buffer; int size; } job = {command_line, sizeof(command_line) - 1};
    if (host_call(HOST_COMMAND_LINE, &job) != 0) {
        command_line[0] = 0;
    }
    const char *const heap = board_option("heap");
    size_t bytes = heap ? 0 : HEAP_BYTES;
    for (const char *digit = heap; digit && *digit >= '0' && *digit <= '9'; ++digit) {
        bytes = 10 * bytes + (size_t)(*digit - '0');
    }
    bytes &= ~(size_t)31;
    const size_t all = (size_t)((char *)end - (char *)start);
    board_spare_end = end;
    board_spare_start = (uint8_t *)start + (bytes && bytes < all ? bytes : all);
    gc_init(start, board_spare_start);
    ticks_start();
    console_start();
}

// Called by main() in the place of mp_init(), at each soft reset.
void board_mp_init(void) {
    ticks_restart();
    mp_cstack_init_with_sp_here(STACK_BYTES);
    mp_init();
    pyexec_frozen_module("_boot.py", false);
    const int done = pyexec_file_if_exists("boot.py");
    if (!(done & PYEXEC_FORCED_EXIT) && pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL) {
        pyexec_file_if_exists("main.py");
    }
}
