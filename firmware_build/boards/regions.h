// Memory outside the collected heap, by name: what uff.arena.Arena takes from. For the one C file of a board that has a module.
#include <string.h>

#include "py/objarray.h"
#include "py/runtime.h"

struct region {
    qstr name;
    uint8_t *start, *end;
};

static const struct region *find_region(const struct region *regions, size_t count, mp_obj_t name) {
    const qstr wanted = mp_obj_str_get_qstr(name);
    for (size_t i = 0; i < count; ++i) {
        if (regions[i].name == wanted) {
            return &regions[i];
        }
    }
    mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("want workspace or arena, got %q"), wanted);
}

// size(region) -> int: its bytes
static mp_obj_t region_size(const struct region *region) {
    return mp_obj_new_int_from_uint((mp_uint_t)(region->end - region->start));
}

// take(region, offset, bytes) -> bytearray that lies there, cleared. Whoever takes the same bytes again gets the same memory.
static mp_obj_t region_take(const struct region *region, mp_obj_t offset_in, mp_obj_t bytes_in) {
    const mp_int_t length = region->end - region->start;
    const mp_int_t offset = mp_obj_get_int(offset_in), bytes = mp_obj_get_int(bytes_in);
    if (offset < 0 || bytes < 0 || bytes > length - offset) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%q: want bytes 0 to %d, got %d from %d on"), region->name,
            (int)length, (int)bytes, (int)offset);
    }
    memset(region->start + offset, 0, (size_t)bytes);
    return mp_obj_new_bytearray_by_ref((size_t)bytes, region->start + offset);
}
