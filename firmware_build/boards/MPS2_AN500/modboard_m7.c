// The module board_m7: what only this machine has.
#include "../regions.h"
#include "board.h"

#define WORKSPACE (128 * 1024) // as the board's DTCM

// Instructions since the first call after a soft reset (which gives 0), so that the same script gets the same numbers; None
// where QEMU does not count them (it does with -icount shift=6,sleep=off). Time spent waiting for input or in sleep counts
// too, at 64 ns an instruction.
static mp_obj_t instructions(void) {
    static int8_t counted = -1;
    if (counted < 0) {
        counted = ticks_counted();
    }
    return counted ? mp_obj_new_int_from_ull(ticks_instructions()) : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(instructions_obj, instructions);

// The memory of the RAM disk.
static mp_obj_t ram_disk(void) {
    return mp_obj_new_bytearray_by_ref((size_t)(&_disk_end - &_disk_start), &_disk_start);
}
static MP_DEFINE_CONST_FUN_OBJ_0(ram_disk_obj, ram_disk);

// Memory behind the heap, in the place of the board's SDRAM and DTCM.
static const struct region *named(mp_obj_t name) {
    static struct region regions[] = {{MP_QSTR_workspace, NULL, NULL}, {MP_QSTR_arena, NULL, NULL}};
    regions[0].start = board_spare_start;
    regions[0].end = regions[1].start = board_spare_start + (board_spare_end - board_spare_start < WORKSPACE ? 0 : WORKSPACE);
    regions[1].end = board_spare_end;
    return find_region(regions, MP_ARRAY_SIZE(regions), name);
}

static mp_obj_t size(mp_obj_t name) {
    return region_size(named(name));
}
static MP_DEFINE_CONST_FUN_OBJ_1(size_obj, size);

static mp_obj_t take(mp_obj_t name, mp_obj_t offset, mp_obj_t bytes) {
    return region_take(named(name), offset, bytes);
}
static MP_DEFINE_CONST_FUN_OBJ_3(take_obj, take);

// The value of a word NAME=VALUE of the emulator's command line (-semihosting-config arg=NAME=VALUE), or None.
static mp_obj_t option(mp_obj_t name) {
    const char *const value = board_option(mp_obj_str_get_str(name));
    return value ? mp_obj_new_str_from_cstr(value) : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(option_obj, option);

static const mp_rom_map_elem_t globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_board_m7)},
    {MP_ROM_QSTR(MP_QSTR_instructions), MP_ROM_PTR(&instructions_obj)},
    {MP_ROM_QSTR(MP_QSTR_ram_disk), MP_ROM_PTR(&ram_disk_obj)},
    {MP_ROM_QSTR(MP_QSTR_size), MP_ROM_PTR(&size_obj)},
    {MP_ROM_QSTR(MP_QSTR_take), MP_ROM_PTR(&take_obj)},
    {MP_ROM_QSTR(MP_QSTR_option), MP_ROM_PTR(&option_obj)},
    {MP_ROM_QSTR(MP_QSTR_HostFile), MP_ROM_PTR(&host_file_type)},
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t board_m7_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&globals,
};
MP_REGISTER_MODULE(MP_QSTR_board_m7, board_m7_module);
