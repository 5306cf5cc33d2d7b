// Faults on demand, for tests: a call in which the nth allocation fails, or Ctrl-C comes before the nth bytecode. So a
// test can try each place in turn until there is none left.
#include "py/gc.h"
#include "py/runtime.h"

// What is still to come before the fault; 0: none is due.
static size_t allocations_left, failures_left, bytecodes_left;

// What came in the last call.
static bool counting;
static size_t allocations, bytecodes;

static bool fails(void) {
    allocations += counting;
    if (allocations_left > 0 && --allocations_left == 0) {
        allocations_left = failures_left > 0;
        failures_left -= failures_left > 0;
        return true;
    }
    return false;
}

// The linker puts these in the place of py/gc.c's for py/malloc.c, through which all allocations go.
void *__real_gc_alloc(size_t bytes, unsigned int flags);
void *__wrap_gc_alloc(size_t bytes, unsigned int flags);
void *__wrap_gc_alloc(size_t bytes, unsigned int flags) {
    return bytes > 0 && fails() ? NULL : __real_gc_alloc(bytes, flags);
}

void *__real_gc_realloc(void *old, size_t bytes, bool may_move);
void *__wrap_gc_realloc(void *old, size_t bytes, bool may_move);
void *__wrap_gc_realloc(void *old, size_t bytes, bool may_move) {
    // What shrinks never fails.
    const bool grows = old == NULL || bytes > gc_nbytes(old);
    return bytes > 0 && grows && fails() ? NULL : __real_gc_realloc(old, bytes, may_move);
}

void faults_bytecode(void);
void faults_bytecode(void) {
    bytecodes += counting;
    if (bytecodes_left > 0 && --bytecodes_left == 0) {
        mp_obj_exception_clear_traceback(MP_OBJ_FROM_PTR(&MP_STATE_VM(mp_kbd_exception)));
        nlr_raise(MP_OBJ_FROM_PTR(&MP_STATE_VM(mp_kbd_exception)));
    }
}

// Calls work() with a fault due; whatever it comes to, none is due after it.
static mp_obj_t call(mp_obj_t work, size_t allocation, size_t times, size_t bytecode) {
    nlr_buf_t nlr;
    mp_obj_t result = mp_const_none;
    allocations = bytecodes = 0;
    counting = true;
    allocations_left = allocation;
    failures_left = times - 1;
    bytecodes_left = bytecode;
    const bool ended = nlr_push(&nlr) == 0;
    if (ended) {
        result = mp_call_function_0(work);
        nlr_pop();
    }
    counting = false;
    allocations_left = failures_left = bytecodes_left = 0;
    if (!ended) {
        nlr_jump(nlr.ret_val);
    }
    return result;
}

static size_t get_count(mp_obj_t number, size_t least) {
    const mp_int_t count = mp_obj_get_int(number);
    if (count < (mp_int_t)least) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("faults: want a count of %u or more, got %d"),
            (unsigned)least, (int)count);
    }
    return (size_t)count;
}

// fail(work, n, times=1) -> what work() gives. In it the nth allocation and the next times-1 fail; n=0: none does.
static mp_obj_t faults_fail(size_t n_args, const mp_obj_t *args) {
    return call(args[0], get_count(args[1], 0), n_args > 2 ? get_count(args[2], 1) : 1, 0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(faults_fail_obj, 2, 3, faults_fail);

// interrupt(work, n) -> what work() gives. In it KeyboardInterrupt comes before the nth bytecode; n=0: none comes.
static mp_obj_t faults_interrupt(mp_obj_t work, mp_obj_t n) {
    return call(work, 0, 1, get_count(n, 0));
}
static MP_DEFINE_CONST_FUN_OBJ_2(faults_interrupt_obj, faults_interrupt);

// counts() -> (allocations, bytecodes) of the last fail() or interrupt(), up to its end.
static mp_obj_t faults_counts(void) {
    const mp_obj_t counts[] = {MP_OBJ_NEW_SMALL_INT(allocations), MP_OBJ_NEW_SMALL_INT(bytecodes)};
    return mp_obj_new_tuple(2, counts);
}
static MP_DEFINE_CONST_FUN_OBJ_0(faults_counts_obj, faults_counts);

static const mp_rom_map_elem_t faults_globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_faults)},
    {MP_ROM_QSTR(MP_QSTR_fail), MP_ROM_PTR(&faults_fail_obj)},
    {MP_ROM_QSTR(MP_QSTR_interrupt), MP_ROM_PTR(&faults_interrupt_obj)},
    {MP_ROM_QSTR(MP_QSTR_counts), MP_ROM_PTR(&faults_counts_obj)},
};
static MP_DEFINE_CONST_DICT(faults_globals, faults_globals_table);

const mp_obj_module_t faults_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&faults_globals,
};
MP_REGISTER_MODULE(MP_QSTR_faults, faults_module);
