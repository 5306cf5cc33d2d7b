// The module board_h747: memory outside the collected heap, and what the button asked for at reset.
#include <string.h>

#include "py/objarray.h"
#include "py/runtime.h"
#include "boardctrl.h"

extern uint8_t _workspace_start[], _workspace_end[], _arena0_start[], _arena0_end[], _arena1_start[], _arena1_end[];

static const struct region {
    qstr name;
    uint8_t *start, *end;
} regions[] = {
    {MP_QSTR_workspace, _workspace_start, _workspace_end}, // DTCM: fast, but out of reach for DMA
    {MP_QSTR_arena0, _arena0_start, _arena0_end},
    {MP_QSTR_arena1, _arena1_start, _arena1_end},
};

static const struct region *get_region(mp_obj_t name) {
    const qstr wanted = mp_obj_str_get_qstr(name);
    for (size_t i = 0; i < MP_ARRAY_SIZE(regions); ++i) {
        if (regions[i].name == wanted) {
            return &regions[i];
        }
    }
    mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("want workspace, arena0 or arena1, got %q"), wanted);
}

// size(region) -> int: its bytes
static mp_obj_t size(mp_obj_t name) {
    const struct region *region = get_region(name);
    return mp_obj_new_int_from_uint((mp_uint_t)(region->end - region->start));
}
static MP_DEFINE_CONST_FUN_OBJ_1(size_obj, size);

// take(region, offset, bytes) -> bytearray that lies there, cleared. Whoever takes the same bytes again gets the same memory.
static mp_obj_t take(mp_obj_t name, mp_obj_t offset_in, mp_obj_t bytes_in) {
    const struct region *region = get_region(name);
    const mp_int_t length = region->end - region->start;
    const mp_int_t offset = mp_obj_get_int(offset_in), bytes = mp_obj_get_int(bytes_in);
    if (offset < 0 || bytes < 0 || bytes > length - offset) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%q: want bytes 0 to %d, got %d from %d on"), region->name,
            (int)length, (int)bytes, (int)offset);
    }
    memset(region->start + offset, 0, (size_t)bytes);
    return mp_obj_new_bytearray_by_ref((size_t)bytes, region->start + offset);
}
static MP_DEFINE_CONST_FUN_OBJ_3(take_obj, take);

static bool new_file_system_wanted;

void board_h747_top_soft_reset_loop(boardctrl_state_t *state) {
    boardctrl_top_soft_reset_loop(state);
    new_file_system_wanted = state->reset_mode == BOARDCTRL_RESET_MODE_FACTORY_FILESYSTEM;
}

// new_file_system_wanted() -> bool: the button chose that at reset. Once: the next call says False.
static mp_obj_t mod_new_file_system_wanted(void) {
    const bool wanted = new_file_system_wanted;
    new_file_system_wanted = false;
    return mp_obj_new_bool(wanted);
}
static MP_DEFINE_CONST_FUN_OBJ_0(new_file_system_wanted_obj, mod_new_file_system_wanted);

static const mp_rom_map_elem_t globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_board_h747)},
    {MP_ROM_QSTR(MP_QSTR_size), MP_ROM_PTR(&size_obj)},
    {MP_ROM_QSTR(MP_QSTR_take), MP_ROM_PTR(&take_obj)},
    {MP_ROM_QSTR(MP_QSTR_new_file_system_wanted), MP_ROM_PTR(&new_file_system_wanted_obj)},
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t board_h747_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&globals,
};
MP_REGISTER_MODULE(MP_QSTR_board_h747, board_h747_module);
