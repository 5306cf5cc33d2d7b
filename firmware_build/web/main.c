// The board's life, and the life of a script in Node.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imports.h"
#include "py/builtin.h"
#include "py/compile.h"
#include "py/cstack.h"
#include "py/gc.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"
#include "extmod/vfs.h"
#include "extmod/vfs_posix.h"
#include "shared/readline/readline.h"
#include "shared/runtime/pyexec.h"

#define EXPORT(name) __attribute__((export_name(#name)))
#define STACK_BYTES (192 * 1024) // of the C stack; the machine's own stack is used up later

static char *stack_top;

// Roots are on the C stack: what the compiler keeps in locals of WebAssembly, where nobody can look, is spilled there
// around each call (the pass spill-pointers of wasm-opt).
void gc_collect(void) {
    void *here[1] = {NULL};
    gc_collect_start();
    gc_collect_root(here, (size_t)(stack_top - (char *)here) / sizeof(void *));
    gc_collect_end();
}

static char *heap;
static size_t heap_bytes;

// Memory of the module, once: for text that Node writes into it, and for the heap.
EXPORT(allocate) void *allocate(size_t bytes) {
    return malloc(bytes);
}

static void begin(void) {
    gc_init(heap, heap + heap_bytes);
    mp_init();
}

static int prepare(size_t bytes, char *top) {
    heap_bytes = bytes & ~(size_t)31;
    heap = malloc(heap_bytes);
    stack_top = top;
    mp_cstack_init_with_top(top, STACK_BYTES);
    return heap != NULL;
}

// Be the board: file system, boot.py, main.py, REPL; again after each soft reset. -1 where there is no memory.
EXPORT(board) int board(size_t bytes) {
    int top;
    if (!prepare(bytes, (char *)&top)) {
        return -1;
    }
    for (;;) {
        begin();
        readline_init0();
        pyexec_frozen_module("_boot.py", false);
        mp_hal_set_interrupt_char(CHAR_CTRL_C);
        int ret = pyexec_file_if_exists("boot.py");
        if (!(ret & PYEXEC_FORCED_EXIT) && pyexec_mode_kind == PYEXEC_MODE_FRIENDLY_REPL) {
            ret = mp_import_stat("main.py") == MP_IMPORT_STAT_FILE ? pyexec_file("main.py") : pyexec_frozen_module("main.py", false);
        }
        while (!(ret & PYEXEC_FORCED_EXIT)) {
            ret = pyexec_mode_kind == PYEXEC_MODE_RAW_REPL ? pyexec_raw_repl() : pyexec_friendly_repl();
        }
        mp_hal_stdout_tx_str("MPY: soft reboot\r\n");
        gc_sweep_all();
        mp_deinit();
    }
}

// Run a file as the unix port does: `folder` is where it runs, `path` where modules lie (folders with : between).
// Returns its exit status.
EXPORT(script) int script(size_t bytes, const char *folder, const char *path, const char *file) {
    int top;
    if (!prepare(bytes, (char *)&top)) {
        return -1;
    }
    begin();
    nlr_buf_t nlr;
    if (nlr_push(&nlr) == 0) {
        const mp_obj_t mounted[] = {MP_OBJ_TYPE_GET_SLOT(&mp_type_vfs_posix, make_new)(&mp_type_vfs_posix, 0, 0, NULL), MP_OBJ_NEW_QSTR(MP_QSTR__slash_)};
        mp_vfs_mount(2, mounted, (mp_map_t *)&mp_const_empty_map);
        MP_STATE_VM(vfs_cur) = MP_STATE_VM(vfs_mount_table);
        mp_vfs_chdir(mp_obj_new_str_from_cstr(folder));
        mp_obj_list_set_len(mp_sys_path, 0);
        for (const char *part = path; *part; part += strcspn(part, ":"), part += *part == ':') {
            mp_obj_list_append(mp_sys_path, mp_obj_new_str_via_qstr(part, strcspn(part, ":")));
        }
        mp_obj_list_append(mp_sys_argv, mp_obj_new_str_from_cstr(file));
        nlr_pop();
    } else {
        mp_obj_print_exception(&mp_plat_print, MP_OBJ_FROM_PTR(nlr.ret_val));
        return 1;
    }
    int status = 0;
    if (nlr_push(&nlr) == 0) {
        mp_lexer_t *const lexer = mp_lexer_new_from_file(qstr_from_str(file));
        mp_parse_tree_t tree = mp_parse(lexer, MP_PARSE_FILE_INPUT);
        mp_call_function_0(mp_compile(&tree, qstr_from_str(file), false));
        nlr_pop();
    } else {
        const mp_obj_t error = MP_OBJ_FROM_PTR(nlr.ret_val);
        if (mp_obj_is_subclass_fast(MP_OBJ_FROM_PTR(mp_obj_get_type(error)), MP_OBJ_FROM_PTR(&mp_type_SystemExit))) {
            const mp_obj_t value = mp_obj_exception_get_value(error);
            mp_int_t number;
            status = value == mp_const_none ? 0 : mp_obj_get_int_maybe(value, &number) ? (int)number : 1;
        } else {
            mp_obj_print_exception(&mp_plat_print, error);
            status = 1;
        }
    }
    return status;
}
