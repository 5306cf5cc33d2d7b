// Faults on demand, for tests: a call in which the nth allocation fails, or Ctrl-C comes before the nth bytecode, so that a
// test can try each place in turn until there is none left; and a disk in memory whose power can go, which allocates
// nothing and runs no bytecode, as the boards' flash does.
#include "py/gc.h"
#include "py/runtime.h"

#include <string.h>

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

// ---- Disk(data, block size): a block device on a bytearray ----
//
// count: writes and erasures so far (of FAT: sectors). cut_at: at that count the power goes, 0: never; torn: half of that
// write arrives, else nothing. dead: nothing works any more. bad: a block that cannot be read, stuck: one that keeps what it
// has whatever is written, -1: none.

enum { DISK_BLOCK_COUNT = 4, DISK_BLOCK_SIZE = 5, DISK_ERASE = 6, DISK_EIO = -5 };

struct disk {
    mp_obj_base_t base;
    mp_obj_t data;
    mp_int_t size, count, cut_at, torn, dead, bad, stuck;
};

static mp_obj_t disk_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 2, 2, false);
    struct disk *disk = mp_obj_malloc(struct disk, type);
    disk->data = args[0];
    disk->size = (mp_int_t)get_count(args[1], 1);
    disk->count = disk->cut_at = disk->torn = disk->dead = 0;
    disk->bad = disk->stuck = -1;
    return MP_OBJ_FROM_PTR(disk);
}

// The bytes of the disk from `start` on, NULL where there are not so many.
static uint8_t *disk_at(const struct disk *disk, size_t start, size_t bytes) {
    mp_buffer_info_t data;
    mp_get_buffer_raise(disk->data, &data, MP_BUFFER_RW);
    return start + bytes <= data.len ? (uint8_t *)data.buf + start : NULL;
}

// How many bytes of this write arrive.
static size_t disk_power(struct disk *disk, size_t bytes) {
    ++disk->count;
    if (disk->cut_at == 0 || disk->count < disk->cut_at) {
        return bytes;
    }
    return disk->torn && disk->count == disk->cut_at ? bytes / 2 : 0;
}

// readblocks(block, buffer, offset=0)
static mp_obj_t disk_readblocks(size_t n_args, const mp_obj_t *args) {
    const struct disk *disk = MP_OBJ_TO_PTR(args[0]);
    const mp_int_t block = mp_obj_get_int(args[1]);
    mp_buffer_info_t out;
    mp_get_buffer_raise(args[2], &out, MP_BUFFER_WRITE);
    const size_t start = (size_t)(block * disk->size + (n_args > 3 ? mp_obj_get_int(args[3]) : 0));
    const uint8_t *from = disk_at(disk, start, out.len);
    const mp_int_t last = (mp_int_t)((start + out.len - 1) / (size_t)disk->size);
    if (disk->dead || from == NULL || (block <= disk->bad && disk->bad <= last)) {
        return MP_OBJ_NEW_SMALL_INT(DISK_EIO);
    }
    memcpy(out.buf, from, out.len);
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(disk_readblocks_obj, 3, 4, disk_readblocks);

// writeblocks(block, buffer, offset=None): with an offset one write, which may be torn; without it sectors, which are whole.
static mp_obj_t disk_writeblocks(size_t n_args, const mp_obj_t *args) {
    struct disk *disk = MP_OBJ_TO_PTR(args[0]);
    mp_buffer_info_t in;
    mp_get_buffer_raise(args[2], &in, MP_BUFFER_READ);
    const size_t start = (size_t)(mp_obj_get_int(args[1]) * disk->size + (n_args > 3 ? mp_obj_get_int(args[3]) : 0));
    uint8_t *to = disk_at(disk, start, in.len);
    if (disk->dead || to == NULL) {
        return MP_OBJ_NEW_SMALL_INT(DISK_EIO);
    }
    const size_t piece = n_args > 3 ? in.len : (size_t)disk->size;
    for (size_t at = 0; at < in.len; at += piece) {
        const size_t arrives = disk_power(disk, piece);
        if ((mp_int_t)((start + at) / (size_t)disk->size) != disk->stuck) {
            memcpy(to + at, (const uint8_t *)in.buf + at, n_args > 3 || arrives == piece ? arrives : 0);
        }
        if (arrives < piece) {
            return MP_OBJ_NEW_SMALL_INT(DISK_EIO);
        }
    }
    return MP_OBJ_NEW_SMALL_INT(0);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(disk_writeblocks_obj, 3, 4, disk_writeblocks);

static mp_obj_t disk_ioctl(mp_obj_t self, mp_obj_t request, mp_obj_t argument) {
    struct disk *disk = MP_OBJ_TO_PTR(self);
    switch (mp_obj_get_int(request)) {
        case DISK_BLOCK_COUNT: {
            mp_buffer_info_t data;
            mp_get_buffer_raise(disk->data, &data, MP_BUFFER_RW);
            return MP_OBJ_NEW_SMALL_INT((mp_int_t)data.len / disk->size);
        }
        case DISK_BLOCK_SIZE:
            return MP_OBJ_NEW_SMALL_INT(disk->size);
        case DISK_ERASE: {
            const size_t size = (size_t)disk->size;
            uint8_t *to = disk_at(disk, (size_t)mp_obj_get_int(argument) * size, size);
            if (disk->dead || to == NULL) {
                return MP_OBJ_NEW_SMALL_INT(DISK_EIO);
            }
            const size_t arrives = disk_power(disk, size);
            if (mp_obj_get_int(argument) != disk->stuck) {
                memset(to, 0xFF, arrives);
            }
            return MP_OBJ_NEW_SMALL_INT(arrives < size ? DISK_EIO : 0);
        }
        default:
            return MP_OBJ_NEW_SMALL_INT(0);
    }
}
static MP_DEFINE_CONST_FUN_OBJ_3(disk_ioctl_obj, disk_ioctl);

static void disk_attr(mp_obj_t self, qstr name, mp_obj_t *dest) {
    struct disk *disk = MP_OBJ_TO_PTR(self);
    mp_int_t *const number = name == MP_QSTR_count ? &disk->count
        : name == MP_QSTR_cut_at ? &disk->cut_at
        : name == MP_QSTR_torn ? &disk->torn
        : name == MP_QSTR_dead ? &disk->dead
        : name == MP_QSTR_bad ? &disk->bad
        : name == MP_QSTR_stuck ? &disk->stuck
        : NULL;
    if (number == NULL) {
        if (name == MP_QSTR_data && dest[0] == MP_OBJ_NULL) {
            dest[0] = disk->data;
        } else {
            dest[1] = MP_OBJ_SENTINEL; // a method
        }
    } else if (dest[0] == MP_OBJ_NULL) {
        dest[0] = MP_OBJ_NEW_SMALL_INT(*number);
    } else if (dest[1] != MP_OBJ_NULL) {
        *number = mp_obj_get_int(dest[1]);
        dest[0] = MP_OBJ_NULL;
    }
}

static const mp_rom_map_elem_t disk_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_readblocks), MP_ROM_PTR(&disk_readblocks_obj)},
    {MP_ROM_QSTR(MP_QSTR_writeblocks), MP_ROM_PTR(&disk_writeblocks_obj)},
    {MP_ROM_QSTR(MP_QSTR_ioctl), MP_ROM_PTR(&disk_ioctl_obj)},
};
static MP_DEFINE_CONST_DICT(disk_locals, disk_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(disk_type, MP_QSTR_Disk, MP_TYPE_FLAG_NONE, make_new, disk_make_new, attr, disk_attr,
    locals_dict, &disk_locals);

static const mp_rom_map_elem_t faults_globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_faults)},
    {MP_ROM_QSTR(MP_QSTR_fail), MP_ROM_PTR(&faults_fail_obj)},
    {MP_ROM_QSTR(MP_QSTR_interrupt), MP_ROM_PTR(&faults_interrupt_obj)},
    {MP_ROM_QSTR(MP_QSTR_counts), MP_ROM_PTR(&faults_counts_obj)},
    {MP_ROM_QSTR(MP_QSTR_Disk), MP_ROM_PTR(&disk_type)},
};
static MP_DEFINE_CONST_DICT(faults_globals, faults_globals_table);

const mp_obj_module_t faults_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&faults_globals,
};
MP_REGISTER_MODULE(MP_QSTR_faults, faults_module);
