// modboard_h747.c on two small regions side by side: what it gives, clears, leaves alone and refuses. Exit 0: as wanted.
#include "modboard_h747.c"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

extern uint8_t all_start[], all_end[]; // both regions, and 8 bytes on either side

__asm__(".pushsection .data\n.balign 8\n"
    ".globl all_start, _workspace_start, _workspace_end, _arena_start, _arena_end, all_end\n"
    "all_start: .zero 8\n"
    "_workspace_start: .zero 64\n_workspace_end:\n"
    "_arena_start: .zero 128\n_arena_end:\n"
    ".zero 8\nall_end:\n.popsection\n");

const mp_obj_type_t mp_type_ValueError = "ValueError";
const int mp_type_module = 0;

static char raised[200];
static jmp_buf landing;

void mp_raise_msg_varg(const mp_obj_type_t *type, const char *text, ...) {
    char format[200]; // MicroPython's %q is a name, here a text
    snprintf(format, sizeof(format), "%s: %s", *type, text);
    for (char *at = format; (at = strstr(at, "%q")) != NULL;) {
        at[1] = 's';
    }
    va_list args;
    va_start(args, text);
    vsnprintf(raised, sizeof(raised), format, args);
    va_end(args);
    longjmp(landing, 1);
}

qstr mp_obj_str_get_qstr(mp_obj_t obj) {
    return obj;
}

mp_int_t mp_obj_get_int(mp_obj_t obj) {
    return (mp_int_t)obj;
}

mp_obj_t mp_obj_new_int_from_uint(mp_uint_t value) {
    return (mp_obj_t)value;
}

mp_obj_t mp_obj_new_bool(bool value) {
    return (mp_obj_t)(uintptr_t)value;
}

static size_t array_bytes;

mp_obj_t mp_obj_new_bytearray_by_ref(size_t bytes, void *items) {
    array_bytes = bytes;
    return items;
}

static int started;

void boardctrl_top_soft_reset_loop(boardctrl_state_t *state) {
    started += state->reset_mode;
}

#define WANT(condition) \
    do { \
        if (!(condition)) { \
            printf("%s:%d: %s; raised: %s\n", __FILE__, __LINE__, #condition, raised); \
            exit(1); \
        } \
    } while (0)

static uint8_t *call_take(const char *region, intptr_t offset, intptr_t bytes) {
    raised[0] = '\0';
    if (setjmp(landing) != 0) {
        return NULL;
    }
    return (uint8_t *)(uintptr_t)take_obj(region, (mp_obj_t)offset, (mp_obj_t)bytes);
}

static void fill(void) {
    memset(all_start, 0xee, (size_t)(all_end - all_start));
}

// Exactly these bytes are zero, all others as they were.
static void want_cleared(const uint8_t *from, size_t bytes) {
    for (const uint8_t *at = all_start; at < all_end; ++at) {
        WANT(*at == (at >= from && at < from + bytes ? 0 : 0xee));
    }
}

int main(void) {
    WANT((uintptr_t)size_obj(MP_QSTR_workspace) == 64);
    WANT((uintptr_t)size_obj(MP_QSTR_arena) == 128);

    const struct {
        const char *region;
        uint8_t *start;
        intptr_t length;
    } all[] = {
        {MP_QSTR_workspace, _workspace_start, 64},
        {MP_QSTR_arena, _arena_start, 128},
    };
    for (size_t i = 0; i < MP_ARRAY_SIZE(all); ++i) {
        for (intptr_t offset = 0; offset <= all[i].length; ++offset) {
            for (intptr_t bytes = 0; bytes <= all[i].length - offset; ++bytes) {
                fill();
                WANT(call_take(all[i].region, offset, bytes) == all[i].start + offset);
                WANT(array_bytes == (size_t)bytes);
                want_cleared(all[i].start + offset, (size_t)bytes);
            }
        }
        const intptr_t bad[][2] = {
            {-1, 0}, {0, -1}, {0, all[i].length + 1}, {1, all[i].length}, {all[i].length, 1}, {all[i].length + 1, 0},
            {INTPTR_MAX, INTPTR_MAX}, {INTPTR_MAX, 1}, {1, INTPTR_MAX}, {INTPTR_MIN, 0}, {0, INTPTR_MIN},
        };
        for (size_t j = 0; j < MP_ARRAY_SIZE(bad); ++j) {
            fill();
            WANT(call_take(all[i].region, bad[j][0], bad[j][1]) == NULL);
            want_cleared(NULL, 0);
        }
    }
    WANT(call_take(MP_QSTR_arena, 100, 29) == NULL);
    WANT(strcmp(raised, "ValueError: arena: want bytes 0 to 128, got 29 from 100 on") == 0);
    WANT(call_take("arena0", 0, 0) == NULL);
    WANT(strcmp(raised, "ValueError: want workspace or arena, got arena0") == 0);

    // What the button asked for is heard once, and forgotten at the next soft reset.
    boardctrl_state_t state = {BOARDCTRL_RESET_MODE_FACTORY_FILESYSTEM, false};
    board_h747_top_soft_reset_loop(&state);
    WANT(started == 3);
    WANT(new_file_system_wanted_obj() != NULL);
    WANT(new_file_system_wanted_obj() == NULL);
    board_h747_top_soft_reset_loop(&state);
    state.reset_mode = BOARDCTRL_RESET_MODE_NORMAL;
    board_h747_top_soft_reset_loop(&state);
    WANT(new_file_system_wanted_obj() == NULL);
    state.reset_mode = BOARDCTRL_RESET_MODE_SAFE_MODE;
    board_h747_top_soft_reset_loop(&state);
    WANT(new_file_system_wanted_obj() == NULL);
    return 0;
}
