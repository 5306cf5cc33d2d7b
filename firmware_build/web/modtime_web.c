// The clock of the module time, included by extmod/modtime.c.
#include "imports.h"
#include "shared/timeutils/timeutils.h"

static mp_obj_t mp_time_localtime_get(void) {
    timeutils_struct_time_t tm;
    timeutils_seconds_since_epoch_to_struct_time((mp_uint_t)(uint64_t)(import_epoch() / 1e3 + import_zone() * 60.0), &tm);
    const mp_obj_t items[8] = {
        MP_OBJ_NEW_SMALL_INT(tm.tm_year), MP_OBJ_NEW_SMALL_INT(tm.tm_mon), MP_OBJ_NEW_SMALL_INT(tm.tm_mday),
        MP_OBJ_NEW_SMALL_INT(tm.tm_hour), MP_OBJ_NEW_SMALL_INT(tm.tm_min), MP_OBJ_NEW_SMALL_INT(tm.tm_sec),
        MP_OBJ_NEW_SMALL_INT(tm.tm_wday), MP_OBJ_NEW_SMALL_INT(tm.tm_yday),
    };
    return mp_obj_new_tuple(8, items);
}

// Whole seconds: a float32 has no room for a date.
static mp_obj_t mp_time_time_get(void) {
    return mp_obj_new_int_from_uint((mp_uint_t)(uint64_t)(import_epoch() / 1e3));
}
