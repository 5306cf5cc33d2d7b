// The modules board_web, what boards/web.py and _boot.py make a board of, and machine.
#include "imports.h"
#include "py/mperrno.h"
#include "py/mphal.h"
#include "py/runtime.h"

static void check(int32_t status) {
    if (status != 0) {
        mp_raise_OSError(status);
    }
}

// screen() -> (width, height), or None where there is none.
static mp_obj_t board_screen(void) {
    const uint32_t width = import_width(), height = import_height();
    const mp_obj_t size[] = {MP_OBJ_NEW_SMALL_INT(width), MP_OBJ_NEW_SMALL_INT(height)};
    return width && height ? mp_obj_new_tuple(2, size) : mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_screen_obj, board_screen);

// show(frame, pitch, x, y, w, h): a rectangle that lies in the frame, RGB565.
static mp_obj_t board_show(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    mp_buffer_info_t frame;
    mp_get_buffer_raise(args[0], &frame, MP_BUFFER_READ);
    uint32_t numbers[5];
    for (size_t i = 0; i < 5; ++i) {
        const mp_int_t number = mp_obj_get_int(args[1 + i]);
        if (number < 0 || number > 0xffff) {
            mp_raise_ValueError(MP_ERROR_TEXT("show: want numbers from 0 to 65535"));
        }
        numbers[i] = (uint32_t)number;
    }
    const uint32_t pitch = numbers[0], x = numbers[1], y = numbers[2], w = numbers[3], h = numbers[4];
    if (x + w > pitch || (uint64_t)(y + h) * pitch * 2 > frame.len) {
        mp_raise_ValueError(MP_ERROR_TEXT("show: the rectangle leaves the frame"));
    }
    if (w && h) {
        import_show(frame.buf, pitch, x, y, w, h);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(board_show_obj, 6, 6, board_show);

// tell(text): what is on the screen, in words; "" where nobody says.
static mp_obj_t board_tell(mp_obj_t text) {
    size_t length;
    const char *const words = mp_obj_str_get_data(text, &length);
    import_tell(words, length);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(board_tell_obj, board_tell);

// led(number, on)
static mp_obj_t board_led(mp_obj_t number, mp_obj_t on) {
    import_led((uint32_t)mp_obj_get_int(number), mp_obj_is_true(on));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(board_led_obj, board_led);

// button() -> whether the user button is held
static mp_obj_t board_button(void) {
    return mp_obj_new_bool(import_button());
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_button_obj, board_button);

// i2c_read(address, register, buffer), i2c_write(address, register, data): OSError as the device says.
static mp_obj_t board_i2c_read(mp_obj_t address, mp_obj_t reg, mp_obj_t into) {
    mp_buffer_info_t data;
    mp_get_buffer_raise(into, &data, MP_BUFFER_WRITE);
    check(import_i2c_read((uint32_t)mp_obj_get_int(address), (uint32_t)mp_obj_get_int(reg), data.buf, data.len));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(board_i2c_read_obj, board_i2c_read);

static mp_obj_t board_i2c_write(mp_obj_t address, mp_obj_t reg, mp_obj_t from) {
    mp_buffer_info_t data;
    mp_get_buffer_raise(from, &data, MP_BUFFER_READ);
    check(import_i2c_write((uint32_t)mp_obj_get_int(address), (uint32_t)mp_obj_get_int(reg), data.buf, data.len));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(board_i2c_write_obj, board_i2c_write);

// disk_size() -> bytes; disk_read(at, buffer), disk_write(at, data); disk_sync(): what was written stays.
static mp_obj_t board_disk_size(void) {
    return mp_obj_new_int_from_uint(import_disk_size());
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_disk_size_obj, board_disk_size);

static uint32_t in_disk(mp_obj_t at, size_t length) {
    const mp_int_t start = mp_obj_get_int(at);
    if (start < 0 || (uint64_t)start + length > import_disk_size()) {
        mp_raise_OSError(MP_EINVAL);
    }
    return (uint32_t)start;
}

static mp_obj_t board_disk_read(mp_obj_t at, mp_obj_t into) {
    mp_buffer_info_t data;
    mp_get_buffer_raise(into, &data, MP_BUFFER_WRITE);
    check(import_disk_read(in_disk(at, data.len), data.buf, data.len));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(board_disk_read_obj, board_disk_read);

static mp_obj_t board_disk_write(mp_obj_t at, mp_obj_t from) {
    mp_buffer_info_t data;
    mp_get_buffer_raise(from, &data, MP_BUFFER_READ);
    check(import_disk_write(in_disk(at, data.len), data.buf, data.len));
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(board_disk_write_obj, board_disk_write);

static mp_obj_t board_disk_sync(void) {
    check(import_disk_sync());
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(board_disk_sync_obj, board_disk_sync);

static const mp_rom_map_elem_t board_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_board_web)},
    {MP_ROM_QSTR(MP_QSTR_screen), MP_ROM_PTR(&board_screen_obj)},
    {MP_ROM_QSTR(MP_QSTR_show), MP_ROM_PTR(&board_show_obj)},
    {MP_ROM_QSTR(MP_QSTR_tell), MP_ROM_PTR(&board_tell_obj)},
    {MP_ROM_QSTR(MP_QSTR_led), MP_ROM_PTR(&board_led_obj)},
    {MP_ROM_QSTR(MP_QSTR_button), MP_ROM_PTR(&board_button_obj)},
    {MP_ROM_QSTR(MP_QSTR_i2c_read), MP_ROM_PTR(&board_i2c_read_obj)},
    {MP_ROM_QSTR(MP_QSTR_i2c_write), MP_ROM_PTR(&board_i2c_write_obj)},
    {MP_ROM_QSTR(MP_QSTR_disk_size), MP_ROM_PTR(&board_disk_size_obj)},
    {MP_ROM_QSTR(MP_QSTR_disk_read), MP_ROM_PTR(&board_disk_read_obj)},
    {MP_ROM_QSTR(MP_QSTR_disk_write), MP_ROM_PTR(&board_disk_write_obj)},
    {MP_ROM_QSTR(MP_QSTR_disk_sync), MP_ROM_PTR(&board_disk_sync_obj)},
};
static MP_DEFINE_CONST_DICT(board_globals, board_table);

const mp_obj_module_t board_web_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&board_globals,
};
MP_REGISTER_MODULE(MP_QSTR_board_web, board_web_module);

// ---- machine ----

static mp_obj_t machine_reset(void) {
    import_reset();
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_0(machine_reset_obj, machine_reset);

static mp_obj_t machine_soft_reset(void) {
    mp_raise_type(&mp_type_SystemExit);
}
static MP_DEFINE_CONST_FUN_OBJ_0(machine_soft_reset_obj, machine_soft_reset);

static const mp_rom_map_elem_t machine_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_machine)},
    {MP_ROM_QSTR(MP_QSTR_reset), MP_ROM_PTR(&machine_reset_obj)},
    {MP_ROM_QSTR(MP_QSTR_soft_reset), MP_ROM_PTR(&machine_soft_reset_obj)},
};
static MP_DEFINE_CONST_DICT(machine_globals, machine_table);

const mp_obj_module_t machine_web_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&machine_globals,
};
MP_REGISTER_MODULE(MP_QSTR_machine, machine_web_module);
