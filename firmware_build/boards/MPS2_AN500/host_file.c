// Files of the host by semihosting: a disk that outlives the emulator, and bulk data faster than the serial line.
#include <string.h>

#include "board.h"
#include "py/mperrno.h"
#include "py/runtime.h"
#include "py/stream.h"

int host_call(int number, const void *arguments) {
    register int r0 __asm ("r0") = number;
    register const void *r1 __asm ("r1") = arguments;
    __asm volatile ("bkpt 0xab" : "+r" (r0) : "r" (r1) : "memory");
    return r0;
}

typedef struct {
    mp_obj_base_t base;
    int handle; // -1: closed
    uint32_t position;
} host_file_t;

static int host_errno(void) {
    const int number = host_call(HOST_ERRNO, NULL);
    return number > 0 ? number : MP_EIO;
}

// HostFile(name, mode): mode is rb, r+b or wb; names are relative to the folder the emulator was started in.
static mp_obj_t host_file_make_new(const mp_obj_type_t *type, size_t n, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n, n_kw, 2, 2, false);
    static const char *const modes[] = {"rb", "r+b", "wb"};
    static const uint32_t numbers[] = {1, 3, 5}; // as SYS_OPEN counts them
    size_t length;
    const char *const name = mp_obj_str_get_data(args[0], &length);
    const char *const mode = mp_obj_str_get_str(args[1]);
    for (size_t i = 0; i < MP_ARRAY_SIZE(modes); ++i) {
        if (strcmp(mode, modes[i]) == 0) {
            const struct { const char *name; uint32_t mode; uint32_t length; } open = {name, numbers[i], (uint32_t)length};
            host_file_t *self = mp_obj_malloc_with_finaliser(host_file_t, type);
            self->position = 0;
            self->handle = host_call(HOST_OPEN, &open);
            if (self->handle == -1) {
                mp_raise_OSError_with_filename(host_errno(), name);
            }
            return MP_OBJ_FROM_PTR(self);
        }
    }
    mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("HostFile: want mode rb, r+b or wb, got %s"), mode);
}

// SYS_READ and SYS_WRITE answer how many bytes they left.
static mp_uint_t transfer(mp_obj_t obj, int number, const void *data, mp_uint_t size, int *error) {
    host_file_t *self = MP_OBJ_TO_PTR(obj);
    const struct { int handle; const void *data; uint32_t size; } job = {self->handle, data, size};
    const uint32_t left = self->handle == -1 ? UINT32_MAX : (uint32_t)host_call(number, &job);
    if (left > size || (number == HOST_WRITE && left)) {
        *error = self->handle == -1 ? MP_EBADF : host_errno();
        return MP_STREAM_ERROR;
    }
    self->position += size - left;
    return size - left;
}

static mp_uint_t host_file_read(mp_obj_t self, void *data, mp_uint_t size, int *error) {
    return transfer(self, HOST_READ, data, size, error);
}

static mp_uint_t host_file_write(mp_obj_t self, const void *data, mp_uint_t size, int *error) {
    return transfer(self, HOST_WRITE, data, size, error);
}

static mp_uint_t host_file_ioctl(mp_obj_t obj, mp_uint_t request, uintptr_t argument, int *error) {
    host_file_t *self = MP_OBJ_TO_PTR(obj);
    if (request == MP_STREAM_CLOSE) {
        if (self->handle != -1) {
            host_call(HOST_CLOSE, &self->handle);
            self->handle = -1;
        }
        return 0;
    }
    if (request == MP_STREAM_FLUSH) {
        return 0;
    }
    if (request == MP_STREAM_SEEK && self->handle != -1) {
        struct mp_stream_seek_t *seek = (void *)argument;
        const int length = host_call(HOST_LENGTH, &self->handle);
        const mp_off_t base = seek->whence == MP_SEEK_SET ? 0 : seek->whence == MP_SEEK_CUR ? (mp_off_t)self->position : length;
        const struct { int handle; uint32_t position; } job = {self->handle, (uint32_t)(base + seek->offset)};
        if (length >= 0 && base + seek->offset >= 0 && host_call(HOST_SEEK, &job) == 0) {
            self->position = job.position;
            seek->offset = (mp_off_t)job.position;
            return 0;
        }
        *error = MP_EINVAL;
        return MP_STREAM_ERROR;
    }
    *error = self->handle == -1 ? MP_EBADF : MP_EINVAL;
    return MP_STREAM_ERROR;
}

static const mp_rom_map_elem_t host_file_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_read), MP_ROM_PTR(&mp_stream_read_obj)},
    {MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&mp_stream_readinto_obj)},
    {MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&mp_stream_write_obj)},
    {MP_ROM_QSTR(MP_QSTR_seek), MP_ROM_PTR(&mp_stream_seek_obj)},
    {MP_ROM_QSTR(MP_QSTR_close), MP_ROM_PTR(&mp_stream_close_obj)},
    {MP_ROM_QSTR(MP_QSTR___del__), MP_ROM_PTR(&mp_stream_close_obj)},
    {MP_ROM_QSTR(MP_QSTR___enter__), MP_ROM_PTR(&mp_identity_obj)},
    {MP_ROM_QSTR(MP_QSTR___exit__), MP_ROM_PTR(&mp_stream___exit___obj)},
};
static MP_DEFINE_CONST_DICT(host_file_locals, host_file_locals_table);

static const mp_stream_p_t host_file_stream = {
    .read = host_file_read,
    .write = host_file_write,
    .ioctl = host_file_ioctl,
};

MP_DEFINE_CONST_OBJ_TYPE(host_file_type, MP_QSTR_HostFile, MP_TYPE_FLAG_NONE, make_new, host_file_make_new, protocol,
    &host_file_stream, locals_dict, &host_file_locals);
