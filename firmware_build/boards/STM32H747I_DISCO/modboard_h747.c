// The module board_h747: memory outside the collected heap, and what the button asked for at reset.
#include "../regions.h"
#include "boardctrl.h"

extern uint8_t _workspace_start[], _workspace_end[], _arena_start[], _arena_end[];

static const struct region regions[] = {
    {MP_QSTR_workspace, _workspace_start, _workspace_end}, // DTCM: fast, but out of reach for DMA
    {MP_QSTR_arena, _arena_start, _arena_end},
};

static mp_obj_t size(mp_obj_t name) {
    return region_size(find_region(regions, MP_ARRAY_SIZE(regions), name));
}
static MP_DEFINE_CONST_FUN_OBJ_1(size_obj, size);

static mp_obj_t take(mp_obj_t name, mp_obj_t offset, mp_obj_t bytes) {
    return region_take(find_region(regions, MP_ARRAY_SIZE(regions), name), offset, bytes);
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
