// The module board_virtual: what makes the unix port a board with a console, for `uff board`. The port's own REPL has no raw
// mode and Ctrl-D ends it; this one is the boards' (shared/runtime/pyexec.c), so that mpremote finds what it knows.
//
// The terminal is a pty, set raw by who starts this. While code runs, Ctrl-C makes a signal and \n becomes \r\n; while the
// REPL reads, and after micropython.kbd_intr(-1) (mpremote's mount), every byte passes as it is, both ways.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "board_virtual.h"
#include "py/runtime.h"
#include "py/mphal.h"
#include "py/mpstate.h"
#include "extmod/modplatform.h" // the banner

#if BOARD_BRINGS_PYEXEC
#include "shared/runtime/pyexec.c"
#else
#include "shared/readline/readline.h"
#include "shared/runtime/pyexec.h"
#endif

static bool is_board; // start() was called
static int wires; // the socket to the board's hardware
static int64_t ahead_us; // how far the board's clock is set before the host's

static void on_interrupt(int number) {
    (void)number;
    mp_sched_keyboard_interrupt(); // a second one changes nothing; in the port's own handler it ends the process
}

static void console_cooked(bool cooked) {
    struct termios console;
    if (tcgetattr(STDIN_FILENO, &console) != 0) {
        return;
    }
    if (cooked) {
        console.c_lflag |= ISIG | NOFLSH;
        console.c_oflag |= OPOST | ONLCR;
    } else {
        console.c_lflag &= ~(tcflag_t)ISIG;
        console.c_oflag &= ~(tcflag_t)OPOST;
    }
    tcsetattr(STDIN_FILENO, TCSANOW, &console);
}

// The port's functions of these names are called port_... (mpconfigvariant.mk).
void mp_hal_set_interrupt_char(char c) {
    if (!is_board) {
        port_set_interrupt_char(c);
        return;
    }
    const struct sigaction action = {.sa_handler = c == CHAR_CTRL_C ? on_interrupt : SIG_IGN};
    if (c == CHAR_CTRL_C) {
        sigaction(SIGINT, &action, NULL);
    }
    console_cooked(c == CHAR_CTRL_C);
    if (c != CHAR_CTRL_C) {
        sigaction(SIGINT, &action, NULL);
    }
}

void mp_hal_stdio_mode_raw(void) {
    if (is_board) {
        console_cooked(false);
    } else {
        port_stdio_mode_raw();
    }
}

void mp_hal_stdio_mode_orig(void) {
    if (is_board) {
        console_cooked(true);
    } else {
        port_stdio_mode_orig();
    }
}

// Tracebacks come this way after the interrupt character was taken off; in cooked mode the terminal adds a second \r, which
// no terminal shows.
void mp_hal_stdout_tx_strn_cooked(const char *text, size_t length) {
    if (!is_board) {
        mp_hal_stdout_tx_strn(text, length);
        return;
    }
    while (length != 0) {
        const char *const end = memchr(text, '\n', length);
        const size_t line = end == NULL ? length : (size_t)(end - text);
        if (line != 0) {
            mp_hal_stdout_tx_strn(text, line);
        }
        if (end == NULL) {
            return;
        }
        mp_hal_stdout_tx_strn("\r\n", 2);
        text += line + 1;
        length -= line + 1;
    }
}

// ---- the clock: the host's, and as far before it as machine.RTC was set ----

static int64_t now_us(void) {
    struct timeval host;
    gettimeofday(&host, NULL);
    return (int64_t)host.tv_sec * 1000000 + host.tv_usec + ahead_us;
}

// In the place of the port's own, for time.time_ns().
uint64_t mp_hal_time_ns(void) {
    return (uint64_t)now_us() * 1000;
}

// What the module time calls as time() (mpconfigvariant.mk).
time_t board_virtual_time(time_t *unused) {
    (void)unused;
    return (time_t)(now_us() / 1000000);
}

static mp_obj_t rtc_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    (void)type;
    (void)args;
    mp_arg_check_num(n_args, n_kw, 0, 0, false);
    static const mp_obj_base_t rtc = {&board_virtual_rtc_type};
    return MP_OBJ_FROM_PTR(&rtc);
}

// The host's local time in microseconds since the Epoch. ValueError where there is no such date or time of day.
static int64_t local_us(mp_obj_t tuple) {
    mp_obj_t *items;
    mp_obj_get_array_fixed_n(tuple, 8, &items);
    struct tm wanted = {
        .tm_year = (int)mp_obj_get_int(items[0]) - 1900, .tm_mon = (int)mp_obj_get_int(items[1]) - 1, .tm_mday = (int)mp_obj_get_int(items[2]),
        .tm_hour = (int)mp_obj_get_int(items[4]), .tm_min = (int)mp_obj_get_int(items[5]), .tm_sec = (int)mp_obj_get_int(items[6]),
    };
    const mp_int_t microseconds = mp_obj_get_int(items[7]);
    struct tm date = wanted; // as the calendar has it
    if (wanted.tm_year < 100 || wanted.tm_year > 199 || timegm(&date) == -1 || date.tm_mon != wanted.tm_mon || date.tm_mday != wanted.tm_mday
        || date.tm_hour != wanted.tm_hour || date.tm_min != wanted.tm_min || date.tm_sec != wanted.tm_sec
        || microseconds < 0 || microseconds > 999999) {
        mp_raise_ValueError(MP_ERROR_TEXT("datetime: want year (2000 to 2099), month, day, weekday, hour, minute, second, microsecond"));
    }
    wanted.tm_isdst = -1;
    return (int64_t)mktime(&wanted) * 1000000 + microseconds;
}

// datetime([tuple]): year, month, day, weekday (0 is Monday; not looked at where set), hour, minute, second, microsecond.
// As on the board what was set outlives a reset: the server hears of it (host/uff_host/virtual_board/wire.py).
static mp_obj_t rtc_datetime(size_t n_args, const mp_obj_t *args) {
    if (n_args == 2) {
        ahead_us += local_us(args[1]) - now_us();
        if (is_board) {
            char packet[1 + sizeof(ahead_us)] = {'T'};
            memcpy(packet + 1, &ahead_us, sizeof(ahead_us));
            ssize_t sent;
            MP_HAL_RETRY_SYSCALL(sent, write(wires, packet, sizeof(packet)), mp_raise_OSError(err));
        }
        return mp_const_none;
    }
    const int64_t now = now_us();
    const time_t seconds = (time_t)(now / 1000000);
    const struct tm *const local = localtime(&seconds);
    const mp_obj_t items[] = {
        MP_OBJ_NEW_SMALL_INT(local->tm_year + 1900), MP_OBJ_NEW_SMALL_INT(local->tm_mon + 1), MP_OBJ_NEW_SMALL_INT(local->tm_mday),
        MP_OBJ_NEW_SMALL_INT((local->tm_wday + 6) % 7), MP_OBJ_NEW_SMALL_INT(local->tm_hour), MP_OBJ_NEW_SMALL_INT(local->tm_min),
        MP_OBJ_NEW_SMALL_INT(local->tm_sec), MP_OBJ_NEW_SMALL_INT(now % 1000000),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(rtc_datetime_obj, 1, 2, rtc_datetime);

static const mp_rom_map_elem_t rtc_table[] = {
    {MP_ROM_QSTR(MP_QSTR_datetime), MP_ROM_PTR(&rtc_datetime_obj)},
};
static MP_DEFINE_CONST_DICT(rtc_dict, rtc_table);

MP_DEFINE_CONST_OBJ_TYPE(board_virtual_rtc_type, MP_QSTR_RTC, MP_TYPE_FLAG_NONE, make_new, rtc_make_new, locals_dict, &rtc_dict);

// ---- the life of a board ----

// start(raw, boot, main, wires): be a board, for ever. `boot` and `main` are files to run, None for none; after a soft
// reset out of the raw REPL (raw) main is left out. `wires` is the descriptor of the socket to the hardware; a zero byte is
// written to it as soon as Ctrl-C is heard. The clock goes on from ${UFF_BOARD_AHEAD_US}.
// The process ends at a soft reset, with the status BOARD_SOFT_FRIENDLY or BOARD_SOFT_RAW, which says how the REPL stood.
static mp_obj_t start(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    is_board = true;
    wires = (int)mp_obj_get_int(args[3]);
    const char *const ahead = getenv("UFF_BOARD_AHEAD_US");
    ahead_us = ahead == NULL ? 0 : strtoll(ahead, NULL, 10);
    // __main__ anew: the REPL's name space holds nothing of the caller, who never goes on.
    mp_obj_dict_init(&MP_STATE_VM(dict_main), 1);
    mp_obj_dict_store(MP_OBJ_FROM_PTR(&MP_STATE_VM(dict_main)), MP_OBJ_NEW_QSTR(MP_QSTR___name__), MP_OBJ_NEW_QSTR(MP_QSTR___main__));
    mp_globals_set(&MP_STATE_VM(dict_main));
    mp_locals_set(&MP_STATE_VM(dict_main));
    readline_init0();
    pyexec_mode_kind = mp_obj_is_true(args[0]) ? PYEXEC_MODE_RAW_REPL : PYEXEC_MODE_FRIENDLY_REPL;
    mp_hal_set_interrupt_char(CHAR_CTRL_C);
    if (write(wires, "", 1) != 1) {
        exit(EXIT_FAILURE);
    }
    int ret = 1;
    if (args[1] != mp_const_none) {
        ret = pyexec_file(mp_obj_str_get_str(args[1]));
    }
    if (args[2] != mp_const_none && !(ret & PYEXEC_FORCED_EXIT) && pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL) {
        ret = pyexec_file_if_exists(mp_obj_str_get_str(args[2]));
    }
    mp_hal_set_interrupt_char(-1);
    mp_handle_pending(false);
    while (!(ret & PYEXEC_FORCED_EXIT)) {
        ret = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
    }
    console_cooked(false); // from 1.27 on the REPL leaves it cooked
    mp_hal_stdout_tx_str("MPY: soft reboot\r\n");
    exit(pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? BOARD_SOFT_RAW : BOARD_SOFT_FRIENDLY);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(start_obj, 4, 4, start);

static const mp_rom_map_elem_t globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_board_virtual)},
    {MP_ROM_QSTR(MP_QSTR_start), MP_ROM_PTR(&start_obj)},
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t board_virtual_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&globals,
};
MP_REGISTER_MODULE(MP_QSTR_board_virtual, board_virtual_module);

// machine.reset() and machine.soft_reset(), which the port lacks (mpconfigvariant.h puts them into machine).
static mp_obj_t machine_reset(void) {
    exit(BOARD_RESET);
}
MP_DEFINE_CONST_FUN_OBJ_0(board_virtual_reset_obj, machine_reset);

static mp_obj_t machine_soft_reset(void) {
    mp_raise_type(&mp_type_SystemExit);
}
MP_DEFINE_CONST_FUN_OBJ_0(board_virtual_soft_reset_obj, machine_soft_reset);
