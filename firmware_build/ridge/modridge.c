// The MicroPython module `ridge`: checks every size, type, alignment and overlap once, then calls the core (ridge.h).
// ridge.pyi is its documentation for people and editors. Compiled into a firmware, or as a native module (ridge.mpy) that
// any firmware loads: then native_module.h stands in for MicroPython's headers and the table of names is filled at import.
#if MICROPY_ENABLE_DYNRUNTIME
#include "native_module.h"
#else
#include "py/binary.h"
#include "py/objarray.h"
#include "py/objstr.h"
#include "py/runtime.h"
#endif
#include "ridge_kernels.h"

#include <string.h>

// ---- numbers ----
//
// Converting a number may run Python (__int__, __float__, __bool__ of the argument), and Python may resize or free an array
// whose address was already taken. So every function converts its numbers, writes BUFFERS_FROM_HERE, takes its buffers and
// calls the core; before that line a helper that takes a buffer does not compile, behind it none that converts a number.

static mp_int_t get_int(mp_obj_t obj) {
    return mp_obj_get_int(obj);
}

// The low 32 bits of an integer of any size.
static uint32_t get_uint32(mp_obj_t obj) {
    return (uint32_t)mp_obj_get_int_truncated(obj);
}

// Whether there is such an argument and it is true.
static bool get_flag(size_t n_args, const mp_obj_t *args, size_t i) {
    return n_args > i && mp_obj_is_true(args[i]);
}

static float get_finite(mp_obj_t obj, const char *name) {
    const float value = (float)mp_obj_get_float(obj);
    if (!(value - value == 0.0f)) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: want a finite number"), name);
    }
    return value;
}

// Where the bounds are those of an array: get_int() before BUFFERS_FROM_HERE, this behind it.
static size_t want_between(mp_int_t value, const char *name, size_t low, size_t high) {
    if (value < 0 || (size_t)value < low || (size_t)value > high) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: want %u to %u, got %d"), name, (unsigned)low,
            (unsigned)high, (int)value);
    }
    return (size_t)value;
}

static size_t get_size(mp_obj_t obj, const char *name, size_t low, size_t high) {
    return want_between(get_int(obj), name, low, high);
}

struct shape {
    size_t height, width;
};

static struct shape get_shape(mp_obj_t height_in, mp_obj_t width_in, const char *name, size_t low) {
    const mp_int_t height = get_int(height_in), width = get_int(width_in);
    if (height < (mp_int_t)low || width < (mp_int_t)low || height > 4096 || width > 4096 || height * width > 65535) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("%s: want sides from %u to 4096 and at most 65535 pixels, got %d x %d"), name, (unsigned)low,
            (int)height, (int)width);
    }
    return (struct shape) {(size_t)height, (size_t)width};
}

// The elements of a tuple or a list, copied: converting one may change the list.
static void get_items(mp_obj_t obj, size_t count, mp_obj_t *items) {
    mp_obj_t *found;
    mp_obj_get_array_fixed_n(obj, count, &found);
    memcpy(items, found, count * sizeof *items);
}

// ---- buffers ----

#define BUFFERS_FROM_HERE \
    enum { buffers_from_here, get_int, get_uint32, get_flag, get_finite, get_size, get_shape, get_items }
#define get_input(obj, name, kind) ((void)buffers_from_here, get_array(obj, name, kind, MP_BUFFER_READ))
#define get_output(obj, name, kind) ((void)buffers_from_here, get_array(obj, name, kind, MP_BUFFER_RW))
#define get_work(obj, name, bytes) ((void)buffers_from_here, get_workspace(obj, name, bytes))
#define get_bytes(obj) ((void)buffers_from_here, get_raw(obj))
#define is_float_array(obj) ((void)buffers_from_here, has_typecode(obj, 'f'))

struct array {
    const char *name; // for messages
    char *data;
    size_t len;       // in elements
    size_t size;      // of an element, bytes
};

// kind: typecode wanted, one of B h H i q f.
static const char *kind_name(char kind) {
    switch (kind) {
        case 'B':
            return "uint8";
        case 'h':
            return "int16";
        case 'H':
            return "uint16";
        case 'i':
            return "int32";
        case 'q':
            return "int64";
        default:
            return "float32";
    }
}

static size_t kind_size(char kind) {
    return kind == 'B' ? 1 : kind == 'h' || kind == 'H' ? 2 : kind == 'q' ? 8 : 4;
}

// A buffer without bytes may have no address; the core is given one.
static struct array array_of(const mp_buffer_info_t *info, const char *name, size_t size) {
    static const int64_t nothing;
    return (struct array) {name, info->len == 0 ? (char *)&nothing : info->buf, info->len / size, size};
}

static char typecode_of(const mp_buffer_info_t *info) {
    return (char)(info->typecode & 0x7f); // a memoryview carries a flag in the top bit
}

static bool has_typecode(mp_obj_t obj, char typecode) {
    mp_buffer_info_t info;
    return mp_get_buffer(obj, &info, MP_BUFFER_READ) && typecode_of(&info) == typecode;
}

// Raw bytes (bytearray, bytes, memoryview of one) serve as any kind if they are aligned; else the typecode must fit.
static struct array get_array(mp_obj_t obj, const char *name, char kind, mp_uint_t flags) {
    mp_buffer_info_t info;
    if (mp_obj_get_type(obj) == &mp_type_str || !mp_get_buffer(obj, &info, flags)) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("%s: want a %sbuffer of %s, got %s"), name,
            flags == MP_BUFFER_READ ? "" : "writable ", kind_name(kind), mp_obj_get_type_str(obj));
    }
    const size_t size = kind_size(kind);
    const char typecode = typecode_of(&info);
    const bool raw = typecode == BYTEARRAY_TYPECODE || typecode == 'B';
    const bool same = typecode == kind || (kind == 'i' && typecode == 'l' && sizeof(long) == 4);
    if (!raw && !same) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("%s: want %s, got typecode '%c'"), name, kind_name(kind),
            typecode);
    }
    if (info.len % size != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: want whole %s elements, got %u bytes"), name,
            kind_name(kind), (unsigned)info.len);
    }
    if (info.len != 0 && (uintptr_t)info.buf % size != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: %s must be aligned to %u bytes"), name,
            kind_name(kind), (unsigned)size);
    }
    return array_of(&info, name, size);
}

// Workspace: any writable buffer of at least `bytes`, aligned to words.
static struct array get_workspace(mp_obj_t obj, const char *name, size_t bytes) {
    mp_buffer_info_t info;
    if (!mp_get_buffer(obj, &info, MP_BUFFER_RW)) {
        mp_raise_msg_varg(&mp_type_TypeError, MP_ERROR_TEXT("%s: want a writable buffer, got %s"), name,
            mp_obj_get_type_str(obj));
    }
    if (info.len < bytes) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: want at least %u bytes (see work_bytes), got %u"), name,
            (unsigned)bytes, (unsigned)info.len);
    }
    if ((uintptr_t)info.buf % 4 != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: want it aligned to 4 bytes"), name);
    }
    return array_of(&info, name, 1);
}

// Any buffer as it is.
static struct array get_raw(mp_obj_t obj) {
    mp_buffer_info_t info;
    mp_get_buffer_raise(obj, &info, MP_BUFFER_READ);
    return array_of(&info, NULL, 1);
}

#if !MICROPY_ENABLE_DYNRUNTIME // where some of these are macros
#pragma GCC poison mp_obj_get_int mp_obj_get_int_truncated mp_obj_get_float mp_obj_is_true
#pragma GCC poison mp_obj_get_array mp_obj_get_array_fixed_n mp_get_buffer mp_get_buffer_raise
#pragma GCC poison get_array get_workspace get_raw has_typecode
#endif

static void want_len(const struct array *a, size_t len, const char *shape) {
    if (a->len != len) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: want %u elements (%s), got %u"), a->name,
            (unsigned)len, shape, (unsigned)a->len);
    }
}

static void want_at_least(const struct array *a, size_t len, const char *shape) {
    if (a->len < len) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: want at least %u elements (%s), got %u"), a->name,
            (unsigned)len, shape, (unsigned)a->len);
    }
}

// Elements of an a x b array, or 2^32-1: no array has so many, so a product beyond 32 bits never looks like a length.
static size_t product(size_t a, size_t b) {
    const uint64_t elements = (uint64_t)a * b;
    return elements < UINT32_MAX ? (size_t)elements : UINT32_MAX;
}

// Rows of a row-major array with `columns` columns.
static size_t rows_of(const struct array *a, size_t columns) {
    if (columns == 0 || a->len % columns != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: want whole rows of %u, got %u elements"), a->name,
            (unsigned)columns, (unsigned)a->len);
    }
    return a->len / columns;
}

static size_t packed_order(const struct array *a) {
    size_t m = 0;
    while (ridge_packed_len(m + 1) <= a->len) {
        ++m;
    }
    if (m == 0 || ridge_packed_len(m) != a->len) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("%s: want a packed lower triangle of m*(m+1)/2 elements, got %u"), a->name, (unsigned)a->len);
    }
    return m;
}

static size_t square_order(const struct array *a) {
    size_t k = 0;
    while ((k + 1) * (k + 1) <= a->len) {
        ++k;
    }
    if (k == 0 || k * k != a->len || k > RIDGE_MAX_CLASSES) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: want classes*classes elements, 1 to %u classes, got %u"),
            a->name, RIDGE_MAX_CLASSES, (unsigned)a->len);
    }
    return k;
}

static void apart(const struct array *out, const struct array *in) {
    if (out->data < in->data + in->len * in->size && in->data < out->data + out->len * out->size) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s and %s overlap in memory"), out->name, in->name);
    }
}

// Pairs of image numbers.
static void want_pairs(const struct array *a, const struct array *b, size_t n, const char *function) {
    for (size_t j = 0; j < a->len; ++j) {
        const unsigned positive = ((const uint16_t *)a->data)[j], negative = ((const uint16_t *)b->data)[j];
        if (positive >= n || negative >= n) {
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: want images below %u, got the pair %u, %u"),
                function, (unsigned)n, positive, negative);
        }
    }
}

static __attribute__((noreturn)) void raise_error(int error, const char *function) {
    switch (error) {
        case RIDGE_ERR_OVERFLOW:
            mp_raise_msg_varg(&mp_type_OverflowError,
                MP_ERROR_TEXT("%s: a sum could leave its integer type; want fewer images or smaller values"), function);
        case RIDGE_ERR_NOT_ADDED:
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: these images were never added"), function);
        case RIDGE_ERR_NOT_POSDEF:
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: want a positive definite matrix, a diagonal above 0"), function);
        case RIDGE_ERR_LABEL:
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: a label is not below the number of classes"), function);
        default:
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: NaN or infinity"), function);
    }
}

static mp_obj_t none_or_raise(int error, const char *function) {
    if (error != RIDGE_OK) {
        raise_error(error, function);
    }
    return mp_const_none;
}

// ---- integers ----

// encode(images, keep, x)
static mp_obj_t mod_encode(mp_obj_t images_in, mp_obj_t keep_in, mp_obj_t x_in) {
    BUFFERS_FROM_HERE;
    const struct array images = get_input(images_in, "encode: images", 'B');
    const struct array keep = get_input(keep_in, "encode: keep", 'H');
    const struct array x = get_output(x_in, "encode: x", 'h');
    const size_t n = rows_of(&x, keep.len);
    if (n == 0) {
        want_len(&images, 0, "no images");
        return mp_const_none;
    }
    if (images.len % n != 0 || images.len / n > 65535) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("encode: images: want %u images of one size, got %u bytes"),
            (unsigned)n, (unsigned)images.len);
    }
    const size_t d = images.len / n;
    for (size_t j = 0; j < keep.len; ++j) {
        if (((const uint16_t *)keep.data)[j] >= d) {
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("encode: keep: want pixels below %u, got %u"), (unsigned)d,
                (unsigned)((const uint16_t *)keep.data)[j]);
        }
    }
    apart(&x, &images);
    apart(&x, &keep);
    ridge_encode((const uint8_t *)images.data, n, d, (const uint16_t *)keep.data, keep.len, (int16_t *)x.data);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(mod_encode_obj, mod_encode);

// gram(x, g, work, remove=False)
static mp_obj_t mod_gram(size_t n_args, const mp_obj_t *args) {
    const bool remove = get_flag(n_args, args, 3);
    BUFFERS_FROM_HERE;
    const struct array x = get_input(args[0], "gram: x", 'h');
    const struct array g = get_output(args[1], "gram: g", 'i');
    const size_t m = packed_order(&g);
    const size_t n = rows_of(&x, m);
    const struct array work = get_work(args[2], "gram: work", 2 * ridge_gram_work_len(m));
    apart(&g, &x);
    apart(&work, &x);
    apart(&work, &g);
    return none_or_raise(ridge_gram((const int16_t *)x.data, n, m, remove, (int32_t *)g.data, (int16_t *)work.data),
        "gram");
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_gram_obj, 3, 4, mod_gram);

// kernel(x, m, k, work, first=0)
static mp_obj_t mod_kernel(size_t n_args, const mp_obj_t *args) {
    const size_t m = get_size(args[1], "kernel: m", 1, 65535);
    const mp_int_t first = n_args > 4 ? get_int(args[4]) : 0;
    BUFFERS_FROM_HERE;
    const struct array x = get_input(args[0], "kernel: x", 'h');
    const struct array k = get_output(args[2], "kernel: k", 'i');
    const size_t n = rows_of(&x, m);
    if (n > 65535) { // n*(n+1) must fit 32 bits
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kernel: x: want at most 65535 rows, got %u"), (unsigned)n);
    }
    want_at_least(&k, ridge_packed_len(n), "n*(n+1)/2");
    const struct array work = get_work(args[3], "kernel: work", 2 * ridge_kernel_work_len(m));
    apart(&k, &x);
    apart(&work, &x);
    apart(&work, &k);
    return none_or_raise(ridge_kernel((const int16_t *)x.data, want_between(first, "kernel: first", 0, n), n, m,
        (int32_t *)k.data, (int16_t *)work.data), "kernel");
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_kernel_obj, 4, 5, mod_kernel);

// class_sums(x, labels, sums, counts, remove=False)
static mp_obj_t mod_class_sums(size_t n_args, const mp_obj_t *args) {
    const bool remove = get_flag(n_args, args, 4);
    BUFFERS_FROM_HERE;
    const struct array x = get_input(args[0], "class_sums: x", 'h');
    const struct array labels = get_input(args[1], "class_sums: labels", 'B');
    const struct array sums = get_output(args[2], "class_sums: sums", 'i');
    const struct array counts = get_output(args[3], "class_sums: counts", 'i');
    const size_t m = rows_of(&sums, counts.len);
    want_len(&x, product(labels.len, m), "a row for each label");
    if (counts.len > 256) {
        mp_raise_ValueError(MP_ERROR_TEXT("class_sums: want at most 256 classes"));
    }
    apart(&sums, &x);
    apart(&sums, &labels);
    apart(&counts, &x);
    apart(&counts, &labels);
    apart(&counts, &sums);
    return none_or_raise(ridge_class_sums((const int16_t *)x.data, (const uint8_t *)labels.data, labels.len, m,
        counts.len, remove, (int32_t *)sums.data, (int32_t *)counts.data), "class_sums");
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_class_sums_obj, 4, 5, mod_class_sums);

// work_bytes(m, q=0) -> int: workspace that serves every function for rows of m, systems of order m and q neurons
static mp_obj_t mod_work_bytes(size_t n_args, const mp_obj_t *args) {
    const size_t m = get_size(args[0], "work_bytes: m", 1, 65535);
    const size_t q = n_args > 1 ? get_size(args[1], "work_bytes: q", 0, 65535) : 0;
    const size_t needs[] = {
        2 * ridge_gram_work_len(m),
        2 * ridge_kernel_work_len(m),
        4 * ridge_project_work_len(RIDGE_ROWS, m, q),
        4 * ridge_panel_len(m),
    };
    size_t most = 0;
    for (size_t i = 0; i < MP_ARRAY_SIZE(needs); ++i) {
        most = needs[i] > most ? needs[i] : most;
    }
    return mp_obj_new_int_from_uint(most);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_work_bytes_obj, 1, 2, mod_work_bytes);

// kernels(name=None) -> name of the set in use before; "plain" or, where the core has it, "m7" or "wasm"
static mp_obj_t mod_kernels(size_t n_args, const mp_obj_t *args) {
    const mp_obj_t before = mp_obj_new_str_from_cstr(ridge_kernels->name);
    if (n_args > 0) {
        const char *name = mp_obj_str_get_str(args[0]);
        if (strcmp(name, ridge_plain.name) == 0) {
            ridge_kernels = &ridge_plain;
#ifdef RIDGE_HAS_M7
        } else if (strcmp(name, ridge_m7.name) == 0) {
            ridge_kernels = &ridge_m7;
#endif
#ifdef RIDGE_HAS_WASM
        } else if (strcmp(name, ridge_wasm.name) == 0) {
            ridge_kernels = &ridge_wasm;
#endif
        } else {
            mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kernels: this core has no set \"%s\""), name);
        }
    }
    return before;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_kernels_obj, 0, 1, mod_kernels);

// crc32(data, crc=0) -> int
static mp_obj_t mod_crc32(size_t n_args, const mp_obj_t *args) {
    const uint32_t before = n_args > 1 ? get_uint32(args[1]) : 0;
    BUFFERS_FROM_HERE;
    const struct array data = get_bytes(args[0]);
    return mp_obj_new_int_from_uint(ridge_crc32((const uint8_t *)data.data, data.len, before));
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_crc32_obj, 1, 2, mod_crc32);

// trace(g) -> int
static mp_obj_t mod_trace(mp_obj_t g_in) {
    BUFFERS_FROM_HERE;
    const struct array g = get_input(g_in, "trace: g", 'i');
    return mp_obj_new_int_from_ll(ridge_trace((const int32_t *)g.data, packed_order(&g)));
}
static MP_DEFINE_CONST_FUN_OBJ_1(mod_trace_obj, mod_trace);

// merge(a, b, remove=False)
static mp_obj_t mod_merge(size_t n_args, const mp_obj_t *args) {
    const bool remove = get_flag(n_args, args, 2);
    BUFFERS_FROM_HERE;
    const struct array a = get_output(args[0], "merge: a", 'i');
    const struct array b = get_input(args[1], "merge: b", 'i');
    want_len(&b, a.len, "as a");
    apart(&a, &b);
    return none_or_raise(ridge_merge((int32_t *)a.data, (const int32_t *)b.data, a.len, remove), "merge");
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_merge_obj, 2, 3, mod_merge);

// project(x, w, m, h, work)
static mp_obj_t mod_project(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const size_t m = get_size(args[2], "project: m", 1, 65535);
    BUFFERS_FROM_HERE;
    const struct array x = get_input(args[0], "project: x", 'h');
    const struct array w = get_input(args[1], "project: w", 'h');
    const struct array h = get_output(args[3], "project: h", 'h');
    const size_t n = rows_of(&x, m), q = rows_of(&w, m);
    want_len(&h, product(n, q), "a row of neurons for each row of x");
    const struct array work = get_work(args[4], "project: work", 4 * ridge_project_work_len(n, m, q));
    apart(&h, &x);
    apart(&h, &w);
    apart(&work, &x);
    apart(&work, &w);
    apart(&work, &h);
    return none_or_raise(ridge_project((const int16_t *)x.data, n, m, (const int16_t *)w.data, q, (int32_t *)work.data,
        (int16_t *)h.data), "project");
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_project_obj, 5, 5, mod_project);

// nearest(x, rows) -> (row, inner product)
static mp_obj_t mod_nearest(mp_obj_t x_in, mp_obj_t rows_in) {
    BUFFERS_FROM_HERE;
    const struct array x = get_input(x_in, "nearest: x", 'h');
    const struct array rows = get_input(rows_in, "nearest: rows", 'h');
    const size_t n = rows_of(&rows, x.len);
    if (n == 0) {
        mp_raise_ValueError(MP_ERROR_TEXT("nearest: rows: want one or more, got none"));
    }
    size_t nearest = 0;
    int32_t dot = 0;
    none_or_raise(ridge_nearest((const int16_t *)x.data, x.len, (const int16_t *)rows.data, n, &nearest, &dot),
        "nearest");
    mp_obj_t pair[] = {mp_obj_new_int_from_uint(nearest), mp_obj_new_int(dot)};
    return mp_obj_new_tuple(2, pair);
}
static MP_DEFINE_CONST_FUN_OBJ_2(mod_nearest_obj, mod_nearest);

// extent(x, m) -> (smallest element, largest sum of the squares of a row)
static mp_obj_t mod_extent(mp_obj_t x_in, mp_obj_t m_in) {
    const size_t m = get_size(m_in, "extent: m", 1, 65535);
    BUFFERS_FROM_HERE;
    const struct array x = get_input(x_in, "extent: x", 'h');
    int16_t smallest = 0;
    const int64_t longest = ridge_extent((const int16_t *)x.data, rows_of(&x, m), m, &smallest);
    mp_obj_t pair[] = {mp_obj_new_int(smallest), mp_obj_new_int_from_ll(longest)};
    return mp_obj_new_tuple(2, pair);
}
static MP_DEFINE_CONST_FUN_OBJ_2(mod_extent_obj, mod_extent);

// goodness(f, w, v, good, labels=None)
static mp_obj_t mod_goodness(size_t n_args, const mp_obj_t *args) {
    BUFFERS_FROM_HERE;
    const struct array f = get_input(args[0], "goodness: f", 'h');
    const struct array w = get_input(args[1], "goodness: w", 'h');
    const struct array v = get_input(args[2], "goodness: v", 'i');
    const struct array good = get_output(args[3], "goodness: good", 'q');
    const size_t classes = square_order(&v);
    if (w.len == 0 || w.len % classes != 0) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("goodness: w: want a row for each of %u classes, got %u elements"), (unsigned)classes,
            (unsigned)w.len);
    }
    const size_t m = w.len / classes;
    const size_t n = rows_of(&f, m);
    want_len(&good, product(n, classes), "a goodness for each label");
    apart(&good, &f);
    apart(&good, &w);
    apart(&good, &v);
    uint8_t *best = NULL;
    if (n_args > 4 && args[4] != mp_const_none) {
        const struct array labels = get_output(args[4], "goodness: labels", 'B');
        want_len(&labels, n, "one for each row of f");
        apart(&labels, &f);
        apart(&labels, &w);
        apart(&labels, &v);
        apart(&labels, &good);
        best = (uint8_t *)labels.data;
    }
    return none_or_raise(ridge_goodness((const int16_t *)f.data, n, m, (const int16_t *)w.data, (const int32_t *)v.data,
        classes, (int64_t *)good.data, best), "goodness");
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_goodness_obj, 4, 5, mod_goodness);

// powers(k, first, last)
static mp_obj_t mod_powers(mp_obj_t k_in, mp_obj_t first_in, mp_obj_t last_in) {
    const size_t last = get_size(last_in, "powers: last", 0, 65535);
    const size_t first = get_size(first_in, "powers: first", 0, last);
    BUFFERS_FROM_HERE;
    const struct array k = get_output(k_in, "powers: k", 'i');
    want_at_least(&k, ridge_packed_len(last), "last*(last+1)/2");
    return none_or_raise(ridge_powers((int32_t *)k.data, first, last), "powers");
}
static MP_DEFINE_CONST_FUN_OBJ_3(mod_powers_obj, mod_powers);

// kernel_goodness(f, rows, alpha, v, shift, good, work, labels=None)
static mp_obj_t mod_kernel_goodness(size_t n_args, const mp_obj_t *args) {
    const size_t shift = get_size(args[4], "kernel_goodness: shift", 0, 63);
    BUFFERS_FROM_HERE;
    const struct array f = get_input(args[0], "kernel_goodness: f", 'h');
    const struct array rows = get_input(args[1], "kernel_goodness: rows", 'h');
    const struct array alpha = get_input(args[2], "kernel_goodness: alpha", 'h');
    const struct array v = get_input(args[3], "kernel_goodness: v", 'i');
    const struct array good = get_output(args[5], "kernel_goodness: good", 'q');
    const size_t classes = square_order(&v), stored = alpha.len / classes;
    if (stored == 0 || stored > 65535 || alpha.len % classes != 0) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("kernel_goodness: alpha: want %u rows of 1 to 65535 stored images, got %u elements"),
            (unsigned)classes, (unsigned)alpha.len);
    }
    if (rows.len == 0 || rows.len % stored != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("kernel_goodness: rows: want %u rows, got %u elements"),
            (unsigned)stored, (unsigned)rows.len);
    }
    const size_t m = rows.len / stored, n = rows_of(&f, m);
    want_len(&good, product(n, classes), "a goodness for each label");
    const struct array work = get_work(args[6], "kernel_goodness: work", 4 * stored);
    const struct array *inputs[] = {&f, &rows, &alpha, &v};
    for (size_t i = 0; i < MP_ARRAY_SIZE(inputs); ++i) {
        apart(&good, inputs[i]);
        apart(&work, inputs[i]);
    }
    apart(&work, &good);
    uint8_t *best = NULL;
    if (n_args > 7 && args[7] != mp_const_none) {
        const struct array labels = get_output(args[7], "kernel_goodness: labels", 'B');
        want_len(&labels, n, "one for each row of f");
        for (size_t i = 0; i < MP_ARRAY_SIZE(inputs); ++i) {
            apart(&labels, inputs[i]);
        }
        apart(&labels, &good);
        apart(&labels, &work);
        best = (uint8_t *)labels.data;
    }
    return none_or_raise(ridge_kernel_goodness((const int16_t *)f.data, n, m, (const int16_t *)rows.data, stored,
        (const int16_t *)alpha.data, (const int32_t *)v.data, classes, (int)shift, (int64_t *)good.data, best, (int32_t *)work.data),
        "kernel_goodness");
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_kernel_goodness_obj, 7, 8, mod_kernel_goodness);

// gram_goodness(k, n, first, last, alpha, v, shift, good, work, labels=None)
static mp_obj_t mod_gram_goodness(size_t n_args, const mp_obj_t *args) {
    const size_t n = get_size(args[1], "gram_goodness: n", 1, 65535);
    const size_t last = get_size(args[3], "gram_goodness: last", 0, n);
    const size_t first = get_size(args[2], "gram_goodness: first", 0, last);
    const size_t shift = get_size(args[6], "gram_goodness: shift", 0, 63);
    BUFFERS_FROM_HERE;
    const struct array k = get_input(args[0], "gram_goodness: k", 'i');
    const struct array alpha = get_input(args[4], "gram_goodness: alpha", 'h');
    const struct array v = get_input(args[5], "gram_goodness: v", 'i');
    const struct array good = get_output(args[7], "gram_goodness: good", 'q');
    const struct array work = get_work(args[8], "gram_goodness: work", 4 * n);
    const size_t classes = square_order(&v);
    want_at_least(&k, ridge_packed_len(n), "n*(n+1)/2");
    want_len(&alpha, product(classes, n), "a row for each class");
    want_len(&good, (last - first) * classes, "a goodness for each label");
    const struct array *inputs[] = {&k, &alpha, &v};
    for (size_t i = 0; i < MP_ARRAY_SIZE(inputs); ++i) {
        apart(&good, inputs[i]);
        apart(&work, inputs[i]);
    }
    apart(&work, &good);
    uint8_t *best = NULL;
    if (n_args > 9 && args[9] != mp_const_none) {
        const struct array labels = get_output(args[9], "gram_goodness: labels", 'B');
        want_len(&labels, last - first, "one for each image");
        for (size_t i = 0; i < MP_ARRAY_SIZE(inputs); ++i) {
            apart(&labels, inputs[i]);
        }
        apart(&labels, &good);
        apart(&labels, &work);
        best = (uint8_t *)labels.data;
    }
    return none_or_raise(ridge_gram_goodness((const int32_t *)k.data, n, first, last, (const int16_t *)alpha.data,
        (const int32_t *)v.data, classes, (int)shift, (int64_t *)good.data, best, (int32_t *)work.data), "gram_goodness");
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_gram_goodness_obj, 9, 10, mod_gram_goodness);

// outputs(f, w, m, z)
static mp_obj_t mod_outputs(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const size_t m = get_size(args[2], "outputs: m", 1, 65535);
    BUFFERS_FROM_HERE;
    const struct array f = get_input(args[0], "outputs: f", 'h');
    const struct array w = get_input(args[1], "outputs: w", 'h');
    const struct array z = get_output(args[3], "outputs: z", 'i');
    const size_t n = rows_of(&f, m), q = rows_of(&w, m);
    want_len(&z, product(n, q), "a row of w's for each row of f");
    apart(&z, &f);
    apart(&z, &w);
    return none_or_raise(ridge_outputs((const int16_t *)f.data, n, m, (const int16_t *)w.data, q, (int32_t *)z.data),
        "outputs");
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_outputs_obj, 4, 4, mod_outputs);

// ---- images and patches ----

// Rows of w, 36 elements each.
static size_t filters_of(const struct array *w, size_t most) {
    const size_t q = rows_of(w, RIDGE_PATCH_LEN);
    if (q == 0 || q > most || q % 4 != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("%s: want 4, 8, ... %u filters, got %u"), w->name,
            (unsigned)most, (unsigned)q);
    }
    return q;
}

// copies(image, height, width, out, first=1)
static mp_obj_t mod_copies(size_t n_args, const mp_obj_t *args) {
    const struct shape shape = get_shape(args[1], args[2], "copies", 1);
    const size_t first = n_args > 4 ? get_size(args[4], "copies: first", 1, 255) : 1;
    BUFFERS_FROM_HERE;
    const struct array image = get_input(args[0], "copies: image", 'B');
    const struct array out = get_output(args[3], "copies: out", 'B');
    const size_t size = shape.height * shape.width;
    want_len(&image, size, "height times width");
    const size_t count = rows_of(&out, size);
    if (count > 256 - first) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("copies: out: want copies up to number 255, got %u from %u on"),
            (unsigned)count, (unsigned)first);
    }
    apart(&out, &image);
    ridge_copies((const uint8_t *)image.data, shape.height, shape.width, first, count, (uint8_t *)out.data);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_copies_obj, 4, 5, mod_copies);

// patch_work_bytes(q=0) -> int: workspace for patch_gram, and for patch_features with q filters
static mp_obj_t mod_patch_work_bytes(size_t n_args, const mp_obj_t *args) {
    const size_t q = n_args > 0 ? get_size(args[0], "patch_work_bytes: q", 0, RIDGE_MAX_FILTERS) : 0;
    const size_t gram = ridge_patch_gram_work_bytes(), features = q > 0 ? ridge_patch_features_work_bytes(q) : 0;
    return mp_obj_new_int_from_uint(gram > features ? gram : features);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_patch_work_bytes_obj, 0, 1, mod_patch_work_bytes);

// mirror_work_bytes(q) -> int: workspace for mirror_features with q filters
static mp_obj_t mod_mirror_work_bytes(mp_obj_t q_in) {
    const size_t q = get_size(q_in, "mirror_work_bytes: q", 1, RIDGE_MAX_FILTERS / 2);
    return mp_obj_new_int_from_uint(ridge_mirror_features_work_bytes(q));
}
static MP_DEFINE_CONST_FUN_OBJ_1(mod_mirror_work_bytes_obj, mod_mirror_work_bytes);

// patch_gram(x, height, width, g, sums, work, remove=False) -> patches
static mp_obj_t mod_patch_gram(size_t n_args, const mp_obj_t *args) {
    const struct shape shape = get_shape(args[1], args[2], "patch_gram", RIDGE_PATCH + RIDGE_GRID - 1);
    const bool remove = get_flag(n_args, args, 6);
    BUFFERS_FROM_HERE;
    const struct array x = get_input(args[0], "patch_gram: x", 'h');
    const struct array g = get_output(args[3], "patch_gram: g", 'i');
    const struct array sums = get_output(args[4], "patch_gram: sums", 'i');
    const size_t n = rows_of(&x, shape.height * shape.width);
    want_len(&g, ridge_packed_len(RIDGE_PATCH_LEN), "36*37/2");
    want_len(&sums, RIDGE_PATCH_LEN, "an element of a patch each");
    const struct array work = get_work(args[5], "patch_gram: work", ridge_patch_gram_work_bytes());
    apart(&g, &x);
    apart(&sums, &x);
    apart(&sums, &g);
    apart(&work, &x);
    apart(&work, &g);
    apart(&work, &sums);
    const int32_t patches = ridge_patch_gram((const int16_t *)x.data, n, shape.height, shape.width, remove,
        (int32_t *)g.data, (int32_t *)sums.data, (int16_t *)work.data);
    if (patches < 0) {
        raise_error(patches, "patch_gram");
    }
    return mp_obj_new_int(patches);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_patch_gram_obj, 6, 7, mod_patch_gram);

// patch_contrast(x, height, width, a, b, seed, out)
static mp_obj_t mod_patch_contrast(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const struct shape shape = get_shape(args[1], args[2], "patch_contrast", RIDGE_PATCH + RIDGE_GRID - 1);
    const uint32_t seed = get_uint32(args[5]);
    BUFFERS_FROM_HERE;
    const struct array x = get_input(args[0], "patch_contrast: x", 'h');
    const struct array a = get_input(args[3], "patch_contrast: a", 'H');
    const struct array b = get_input(args[4], "patch_contrast: b", 'H');
    const struct array out = get_output(args[6], "patch_contrast: out", 'f');
    const size_t n = rows_of(&x, shape.height * shape.width);
    want_len(&b, a.len, "as a");
    want_len(&out, product(RIDGE_PATCH_LEN, a.len), "36 rows, a column for each pair");
    apart(&out, &x);
    apart(&out, &a);
    apart(&out, &b);
    want_pairs(&a, &b, n, "patch_contrast");
    ridge_patch_contrast((const int16_t *)x.data, shape.height, shape.width, (const uint16_t *)a.data,
        (const uint16_t *)b.data, a.len, seed, (float *)out.data);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_patch_contrast_obj, 7, 7, mod_patch_contrast);

// patch_filters(b, g, sums, patches, w, bias) -> exponent
static mp_obj_t mod_patch_filters(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const size_t patches = get_size(args[3], "patch_filters: patches", 1, INT32_MAX);
    BUFFERS_FROM_HERE;
    const struct array b = get_input(args[0], "patch_filters: b", 'f');
    const struct array g = get_input(args[1], "patch_filters: g", 'i');
    const struct array sums = get_input(args[2], "patch_filters: sums", 'i');
    const struct array w = get_output(args[4], "patch_filters: w", 'h');
    const struct array bias = get_output(args[5], "patch_filters: bias", 'i');
    const size_t q = filters_of(&w, RIDGE_MAX_FILTERS);
    want_len(&b, w.len, "as w");
    want_len(&g, ridge_packed_len(RIDGE_PATCH_LEN), "36*37/2");
    want_len(&sums, RIDGE_PATCH_LEN, "an element of a patch each");
    want_len(&bias, q, "one for each filter");
    const struct array *inputs[] = {&b, &g, &sums};
    for (size_t i = 0; i < MP_ARRAY_SIZE(inputs); ++i) {
        apart(&w, inputs[i]);
        apart(&bias, inputs[i]);
    }
    apart(&bias, &w);
    int exponent = 0;
    const int error = ridge_patch_filters((const float *)b.data, (const int32_t *)g.data, (const int32_t *)sums.data,
        (int32_t)patches, q, (int16_t *)w.data, (int32_t *)bias.data, &exponent);
    if (error != RIDGE_OK) {
        raise_error(error, "patch_filters");
    }
    return MP_OBJ_NEW_SMALL_INT(exponent);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_patch_filters_obj, 6, 6, mod_patch_filters);

// patch_features, or mirror_features: inlined into both, as a native module holds no pointers in its data.
static inline __attribute__((always_inline)) mp_obj_t pooled_features(const mp_obj_t *args, const bool mirror) {
#define NAME(rest) (mirror ? "mirror_features" rest : "patch_features" rest)
    const size_t cells = mirror ? RIDGE_MIRROR_COLUMNS : RIDGE_GRID; // in a direction, at most
    const struct shape shape = get_shape(args[1], args[2], NAME(""), RIDGE_PATCH + cells - 1);
    const size_t threshold = get_size(args[5], NAME(": threshold"), 0, INT32_MAX);
    BUFFERS_FROM_HERE;
    const struct array x = get_input(args[0], NAME(": x"), 'h');
    const struct array w = get_input(args[3], NAME(": w"), 'h');
    const struct array bias = get_input(args[4], NAME(": bias"), 'i');
    const struct array f = get_output(args[6], NAME(": f"), 'h');
    const size_t n = rows_of(&x, shape.height * shape.width);
    const size_t q = filters_of(&w, mirror ? RIDGE_MAX_FILTERS / 2 : RIDGE_MAX_FILTERS);
    want_len(&bias, q, "one for each filter");
    want_len(&f, product(n, 2 * RIDGE_GRID * cells * q),
        mirror ? "48 for each filter, for each image" : "32 for each filter, for each image");
    const struct array work = get_work(args[7], NAME(": work"),
        mirror ? ridge_mirror_features_work_bytes(q) : ridge_patch_features_work_bytes(q));
    const struct array *inputs[] = {&x, &w, &bias};
    for (size_t i = 0; i < MP_ARRAY_SIZE(inputs); ++i) {
        apart(&f, inputs[i]);
        apart(&work, inputs[i]);
    }
    apart(&work, &f);
    return none_or_raise((mirror ? ridge_mirror_features : ridge_patch_features)((const int16_t *)x.data, n, shape.height,
        shape.width, (const int16_t *)w.data, (const int32_t *)bias.data, q, (int32_t)threshold, (int16_t *)f.data,
        (uint32_t *)work.data), NAME(""));
#undef NAME
}

// patch_features(x, height, width, w, bias, threshold, f, work)
static mp_obj_t mod_patch_features(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return pooled_features(args, false);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_patch_features_obj, 8, 8, mod_patch_features);

// mirror_features(x, height, width, w, bias, threshold, f, work)
static mp_obj_t mod_mirror_features(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    return pooled_features(args, true);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_mirror_features_obj, 8, 8, mod_mirror_features);

// ---- floats ----

// factor(gram, l, work, *, first=0, last=-1, scale=1.0, diagonal=0.0, rank1=0.0, v=None)
static mp_obj_t mod_factor(size_t n_args, const mp_obj_t *pos_args, mp_map_t *kw_args) {
    enum { ARG_gram, ARG_l, ARG_work, ARG_first, ARG_last, ARG_scale, ARG_diagonal, ARG_rank1, ARG_v };
    const mp_arg_t allowed[] = { // not static: the names of a native module are numbered at import
        { MP_QSTR_gram, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_obj = mp_const_none} },
        { MP_QSTR_l, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_obj = mp_const_none} },
        { MP_QSTR_work, MP_ARG_REQUIRED | MP_ARG_OBJ, {.u_obj = mp_const_none} },
        { MP_QSTR_first, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_obj = MP_OBJ_NEW_SMALL_INT(0)} },
        { MP_QSTR_last, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_obj = mp_const_none} },
        { MP_QSTR_scale, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_obj = MP_OBJ_NEW_SMALL_INT(1)} },
        { MP_QSTR_diagonal, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_obj = MP_OBJ_NEW_SMALL_INT(0)} },
        { MP_QSTR_rank1, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_obj = MP_OBJ_NEW_SMALL_INT(0)} },
        { MP_QSTR_v, MP_ARG_KW_ONLY | MP_ARG_OBJ, {.u_obj = mp_const_none} },
    };
    mp_arg_val_t args[MP_ARRAY_SIZE(allowed)];
    mp_arg_parse_all(n_args, pos_args, kw_args, MP_ARRAY_SIZE(allowed), allowed, args);

    struct ridge_system system = {
        .scale = get_finite(args[ARG_scale].u_obj, "factor: scale"),
        .diagonal = get_finite(args[ARG_diagonal].u_obj, "factor: diagonal"),
        .rank1 = get_finite(args[ARG_rank1].u_obj, "factor: rank1"),
    };
    const mp_int_t first_in = get_int(args[ARG_first].u_obj);
    const bool to_end = args[ARG_last].u_obj == mp_const_none;
    const mp_int_t last_in = to_end ? 0 : get_int(args[ARG_last].u_obj);
    BUFFERS_FROM_HERE;
    const bool floats = is_float_array(args[ARG_gram].u_obj);
    const struct array gram = get_input(args[ARG_gram].u_obj, "factor: gram", floats ? 'f' : 'i');
    const struct array l = get_output(args[ARG_l].u_obj, "factor: l", 'f');
    const size_t m = packed_order(&gram);
    want_len(&l, gram.len, "as gram");
    const struct array work = get_work(args[ARG_work].u_obj, "factor: work", 4 * ridge_panel_len(m));
    apart(&l, &gram);
    apart(&work, &gram);
    apart(&work, &l);
    system.gram_i = floats ? NULL : (const int32_t *)gram.data;
    system.gram_f = floats ? (const float *)gram.data : NULL;
    if (args[ARG_v].u_obj != mp_const_none) {
        const struct array v = get_input(args[ARG_v].u_obj, "factor: v", 'f');
        want_len(&v, m, "m");
        apart(&l, &v);
        apart(&work, &v);
        system.v = (const float *)v.data;
    }
    const size_t last = to_end ? m : want_between(last_in, "factor: last", 0, m);
    const size_t first = want_between(first_in, "factor: first", 0, last);
    size_t row = 0;
    const int error = ridge_factor(&system, first, last, (float *)l.data, (float *)work.data, &row);
    if (error == RIDGE_ERR_NOT_POSDEF) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("factor: not positive definite at row %u of %u; want a larger diagonal"), (unsigned)row, (unsigned)m);
    }
    if (error != RIDGE_OK) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("factor: NaN or infinity at row %u of %u"), (unsigned)row,
            (unsigned)m);
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_KW(mod_factor_obj, 3, mod_factor);

// solve(l, b, x, work)
static mp_obj_t mod_solve(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    BUFFERS_FROM_HERE;
    const struct array l = get_input(args[0], "solve: l", 'f');
    const struct array b = get_input(args[1], "solve: b", 'f');
    const struct array x = get_output(args[2], "solve: x", 'f');
    const size_t m = packed_order(&l);
    if (b.len % m != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("solve: b: want %u rows, got %u elements"), (unsigned)m,
            (unsigned)b.len);
    }
    want_len(&x, b.len, "as b");
    const struct array work = get_work(args[3], "solve: work", 4 * ridge_panel_len(m));
    if (x.data != b.data) {
        apart(&x, &b);
    }
    apart(&x, &l);
    apart(&work, &l);
    apart(&work, &b);
    apart(&work, &x);
    return none_or_raise(ridge_solve((const float *)l.data, m, (const float *)b.data, b.len / m, (float *)x.data,
        (float *)work.data), "solve");
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_solve_obj, 4, 4, mod_solve);

// leverage(l, f, total, ratio, out, work)
static mp_obj_t mod_leverage(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const float ratio = get_finite(args[3], "leverage: ratio");
    BUFFERS_FROM_HERE;
    const struct array l = get_input(args[0], "leverage: l", 'f');
    const struct array f = get_input(args[1], "leverage: f", 'h');
    const struct array total = get_input(args[2], "leverage: total", 'f');
    const struct array out = get_output(args[4], "leverage: out", 'f');
    const size_t m = packed_order(&l);
    const size_t n = rows_of(&f, m);
    want_len(&total, m, "m");
    want_len(&out, n, "a leverage for each row of f");
    const struct array work = get_work(args[5], "leverage: work", 4 * ridge_panel_len(m));
    const struct array *inputs[] = {&l, &f, &total};
    for (size_t i = 0; i < MP_ARRAY_SIZE(inputs); ++i) {
        apart(&out, inputs[i]);
        apart(&work, inputs[i]);
    }
    apart(&out, &work);
    ridge_leverage((const float *)l.data, m, (const int16_t *)f.data, n, (const float *)total.data, ratio,
        (float *)out.data, (float *)work.data);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_leverage_obj, 6, 6, mod_leverage);

// leverage_block(l, f, total, ratio, out, work)
static mp_obj_t mod_leverage_block(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const float ratio = get_finite(args[3], "leverage_block: ratio");
    BUFFERS_FROM_HERE;
    const struct array l = get_input(args[0], "leverage_block: l", 'f');
    const struct array f = get_input(args[1], "leverage_block: f", 'h');
    const struct array total = get_input(args[2], "leverage_block: total", 'f');
    const struct array out = get_output(args[4], "leverage_block: out", 'f');
    const size_t m = packed_order(&l), r = rows_of(&f, m);
    if (r == 0 || r > RIDGE_PANEL) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("leverage_block: f: want 1 to %u rows, got %u"), RIDGE_PANEL,
            (unsigned)r);
    }
    want_len(&total, m, "m");
    want_len(&out, r * r, "rows of f squared");
    const struct array work = get_work(args[5], "leverage_block: work", 4 * ridge_panel_len(m));
    const struct array *inputs[] = {&l, &f, &total};
    for (size_t i = 0; i < MP_ARRAY_SIZE(inputs); ++i) {
        apart(&out, inputs[i]);
        apart(&work, inputs[i]);
    }
    apart(&out, &work);
    ridge_leverage_block((const float *)l.data, m, (const int16_t *)f.data, r, (const float *)total.data, ratio,
        (float *)out.data, (float *)work.data);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_leverage_block_obj, 6, 6, mod_leverage_block);

// inverse_block(l, m, first, last, out, work)
static mp_obj_t mod_inverse_block(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const size_t m = get_size(args[1], "inverse_block: m", 1, 65535);
    const size_t last = get_size(args[3], "inverse_block: last", 1, m);
    const size_t first = get_size(args[2], "inverse_block: first", last < RIDGE_PANEL ? 0 : last - RIDGE_PANEL, last - 1);
    BUFFERS_FROM_HERE;
    const struct array l = get_input(args[0], "inverse_block: l", 'f');
    const struct array out = get_output(args[4], "inverse_block: out", 'f');
    const size_t r = last - first;
    want_at_least(&l, ridge_packed_len(m), "m*(m+1)/2");
    want_len(&out, r * r, "rows first to last-1 squared");
    const struct array work = get_work(args[5], "inverse_block: work", 4 * ridge_panel_len(m));
    apart(&out, &l);
    apart(&work, &l);
    apart(&work, &out);
    ridge_inverse_block((const float *)l.data, m, first, last, (float *)out.data, (float *)work.data);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_inverse_block_obj, 6, 6, mod_inverse_block);

// inverse_diagonal(l, out, work, first=0, last=None)
static mp_obj_t mod_inverse_diagonal(size_t n_args, const mp_obj_t *args) {
    const mp_int_t first_in = n_args > 3 ? get_int(args[3]) : 0;
    const bool to_end = n_args < 5 || args[4] == mp_const_none;
    const mp_int_t last_in = to_end ? 0 : get_int(args[4]);
    BUFFERS_FROM_HERE;
    const struct array l = get_input(args[0], "inverse_diagonal: l", 'f');
    const struct array out = get_output(args[1], "inverse_diagonal: out", 'f');
    const size_t m = packed_order(&l);
    want_len(&out, m, "m");
    const struct array work = get_work(args[2], "inverse_diagonal: work", 4 * ridge_panel_len(m));
    apart(&out, &l);
    apart(&work, &l);
    apart(&work, &out);
    const size_t last = to_end ? m : want_between(last_in, "inverse_diagonal: last", 0, m);
    const size_t first = want_between(first_in, "inverse_diagonal: first", 0, last);
    ridge_inverse_diagonal((const float *)l.data, m, first, last, (float *)out.data, (float *)work.data);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_inverse_diagonal_obj, 3, 5, mod_inverse_diagonal);

// combine(x, c, n, out)
static mp_obj_t mod_combine(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const size_t n = get_size(args[2], "combine: n", 1, 65535);
    BUFFERS_FROM_HERE;
    const struct array x = get_input(args[0], "combine: x", 'h');
    const struct array c = get_input(args[1], "combine: c", 'f');
    const struct array out = get_output(args[3], "combine: out", 'f');
    if (x.len % n != 0 || c.len % n != 0) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("combine: want %u rows in x and c, got %u and %u elements"),
            (unsigned)n, (unsigned)x.len, (unsigned)c.len);
    }
    want_len(&out, product(x.len / n, c.len / n), "columns of x times columns of c");
    apart(&out, &x);
    apart(&out, &c);
    ridge_combine((const int16_t *)x.data, n, x.len / n, (const float *)c.data, c.len / n, (float *)out.data);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_combine_obj, 4, 4, mod_combine);

// contrast(x, m, a, b, out)
static mp_obj_t mod_contrast(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const size_t m = get_size(args[1], "contrast: m", 1, 65535);
    BUFFERS_FROM_HERE;
    const struct array x = get_input(args[0], "contrast: x", 'h');
    const struct array a = get_input(args[2], "contrast: a", 'H');
    const struct array b = get_input(args[3], "contrast: b", 'H');
    const struct array out = get_output(args[4], "contrast: out", 'f');
    const size_t n = rows_of(&x, m);
    want_len(&b, a.len, "as a");
    want_len(&out, product(m, a.len), "m rows, a column for each pair");
    apart(&out, &x);
    apart(&out, &a);
    apart(&out, &b);
    want_pairs(&a, &b, n, "contrast");
    ridge_contrast((const int16_t *)x.data, m, (const uint16_t *)a.data, (const uint16_t *)b.data, a.len,
        (float *)out.data);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_contrast_obj, 5, 5, mod_contrast);

// class_targets(sums, counts, ratio, total, b)
static mp_obj_t mod_class_targets(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const float ratio = get_finite(args[2], "class_targets: ratio");
    BUFFERS_FROM_HERE;
    const struct array sums = get_input(args[0], "class_targets: sums", 'i');
    const struct array counts = get_input(args[1], "class_targets: counts", 'i');
    const struct array total = get_output(args[3], "class_targets: total", 'f');
    const struct array b = get_output(args[4], "class_targets: b", 'f');
    want_len(&counts, rows_of(&sums, total.len), "a count for each row of sums");
    want_len(&b, sums.len, "as sums");
    apart(&total, &sums);
    apart(&total, &counts);
    apart(&b, &sums);
    apart(&b, &counts);
    apart(&b, &total);
    ridge_class_targets((const int32_t *)sums.data, (const int32_t *)counts.data, total.len, counts.len, ratio,
        (float *)total.data, (float *)b.data);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_class_targets_obj, 5, 5, mod_class_targets);

// total_dot(total, b, out)
static mp_obj_t mod_total_dot(mp_obj_t total_in, mp_obj_t b_in, mp_obj_t out_in) {
    BUFFERS_FROM_HERE;
    const struct array total = get_input(total_in, "total_dot: total", 'f');
    const struct array b = get_input(b_in, "total_dot: b", 'f');
    const struct array out = get_output(out_in, "total_dot: out", 'f');
    want_len(&b, product(total.len, out.len), "total times out");
    apart(&out, &total);
    apart(&out, &b);
    ridge_total_dot((const float *)total.data, (const float *)b.data, total.len, out.len, (float *)out.data);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_3(mod_total_dot_obj, mod_total_dot);

// unit_rows(b, m, w)
static mp_obj_t mod_unit_rows(mp_obj_t b_in, mp_obj_t m_in, mp_obj_t w_in) {
    const size_t m = get_size(m_in, "unit_rows: m", 1, 65535);
    BUFFERS_FROM_HERE;
    const struct array b = get_input(b_in, "unit_rows: b", 'f');
    const struct array w = get_output(w_in, "unit_rows: w", 'h');
    const size_t p = rows_of(&b, m); // b has m rows of p
    want_len(&w, b.len, "as b");
    apart(&w, &b);
    return none_or_raise(ridge_unit_rows((const float *)b.data, m, p, (int16_t *)w.data), "unit_rows");
}
static MP_DEFINE_CONST_FUN_OBJ_3(mod_unit_rows_obj, mod_unit_rows);

// quantise(b, m, w, limit) -> exponent
static mp_obj_t mod_quantise(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const size_t m = get_size(args[1], "quantise: m", 1, 65535);
    const mp_int_t limit = get_int(args[3]);
    if (limit < -100 || limit > 100) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("quantise: limit: want -100 to 100, got %d"), (int)limit);
    }
    BUFFERS_FROM_HERE;
    const struct array b = get_input(args[0], "quantise: b", 'f');
    const struct array w = get_output(args[2], "quantise: w", 'h');
    const size_t p = rows_of(&b, m);
    want_len(&w, b.len, "as b");
    apart(&w, &b);
    int exponent = (int)limit;
    const int error = ridge_quantise((const float *)b.data, m, p, (int16_t *)w.data, &exponent);
    if (error != RIDGE_OK) {
        raise_error(error, "quantise");
    }
    return MP_OBJ_NEW_SMALL_INT(exponent);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_quantise_obj, 4, 4, mod_quantise);

// leave_one_out(f, w, v, labels, leverage, (offset, factor, unit, keep), predicted, residual, margin, targets=None)
static mp_obj_t mod_leave_one_out(size_t n_args, const mp_obj_t *args) {
    mp_obj_t by[4];
    get_items(args[5], 4, by);
    struct ridge_left_out numbers = {
        .offset = get_finite(by[0], "leave_one_out: offset"),
        .factor = get_finite(by[1], "leave_one_out: factor"),
        .unit = get_finite(by[2], "leave_one_out: unit"),
        .keep = get_finite(by[3], "leave_one_out: keep"),
    };
    if (!(numbers.keep > 0.0f)) {
        mp_raise_ValueError(MP_ERROR_TEXT("leave_one_out: keep: want a number above 0"));
    }
    BUFFERS_FROM_HERE;
    const struct array f = get_input(args[0], "leave_one_out: f", 'h');
    const struct array w = get_input(args[1], "leave_one_out: w", 'h');
    const struct array v = get_input(args[2], "leave_one_out: v", 'i');
    const struct array labels = get_input(args[3], "leave_one_out: labels", 'B');
    const struct array leverage = get_input(args[4], "leave_one_out: leverage", 'f');
    const struct array predicted = get_output(args[6], "leave_one_out: predicted", 'B');
    const struct array residual = get_output(args[7], "leave_one_out: residual", 'f');
    const struct array margin = get_output(args[8], "leave_one_out: margin", 'f');
    const size_t classes = square_order(&v), n = labels.len;
    if (classes < 2 || w.len == 0 || w.len % classes != 0) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("leave_one_out: w: want a row for each of 2 or more classes, got %u elements, %u classes"),
            (unsigned)w.len, (unsigned)classes);
    }
    const size_t m = w.len / classes;
    want_len(&f, product(n, m), "a row for each label");
    want_len(&leverage, n, "one for each label");
    want_len(&predicted, n, "one for each label");
    want_len(&residual, n, "one for each label");
    want_len(&margin, n, "one for each label");
    const struct array *inputs[] = {&f, &w, &v, &labels, &leverage};
    for (size_t i = 0; i < MP_ARRAY_SIZE(inputs); ++i) {
        apart(&predicted, inputs[i]);
        apart(&residual, inputs[i]);
        apart(&margin, inputs[i]);
    }
    if (n_args > 9 && args[9] != mp_const_none) {
        const struct array targets = get_input(args[9], "leave_one_out: targets", 'f');
        want_len(&targets, 2 * classes, "two for each class");
        apart(&predicted, &targets);
        apart(&residual, &targets);
        apart(&margin, &targets);
        numbers.targets = (const float *)targets.data;
    }
    apart(&predicted, &residual);
    apart(&predicted, &margin);
    apart(&residual, &margin);
    return none_or_raise(ridge_leave_one_out((const int16_t *)f.data, n, m, (const int16_t *)w.data,
        (const int32_t *)v.data, classes, (const uint8_t *)labels.data, (const float *)leverage.data, &numbers,
        (uint8_t *)predicted.data, (float *)residual.data, (float *)margin.data), "leave_one_out");
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_leave_one_out_obj, 9, 10, mod_leave_one_out);

// leave_group_out(block, residual, group, labels, numbers, predicted, residuals, margins)
static mp_obj_t mod_leave_group_out(size_t n_args, const mp_obj_t *args) {
    (void)n_args;
    const size_t group = get_size(args[2], "leave_group_out: group", 1, RIDGE_PANEL);
    BUFFERS_FROM_HERE;
    const struct array block = get_input(args[0], "leave_group_out: block", 'f');
    const struct array residual = get_input(args[1], "leave_group_out: residual", 'f');
    const struct array labels = get_input(args[3], "leave_group_out: labels", 'B');
    const struct array numbers = get_input(args[4], "leave_group_out: numbers", 'f');
    const struct array predicted = get_output(args[5], "leave_group_out: predicted", 'B');
    const struct array residuals = get_output(args[6], "leave_group_out: residuals", 'f');
    const struct array margins = get_output(args[7], "leave_group_out: margins", 'f');
    const size_t classes = numbers.len / 4;
    if (numbers.len % 4 != 0 || classes < 2 || classes > RIDGE_MAX_CLASSES) {
        mp_raise_msg_varg(&mp_type_ValueError,
            MP_ERROR_TEXT("leave_group_out: numbers: want 4 for each of 2 to %u classes, got %u"), RIDGE_MAX_CLASSES,
            (unsigned)numbers.len);
    }
    const size_t r = product(labels.len, group);
    if (r == 0 || r > RIDGE_PANEL) {
        mp_raise_msg_varg(&mp_type_ValueError, MP_ERROR_TEXT("leave_group_out: want 1 to %u rows in all, got %u groups of %u"),
            RIDGE_PANEL, (unsigned)labels.len, (unsigned)group);
    }
    want_len(&block, r * r, "a square of all rows");
    want_len(&residual, r * classes, "a row of classes for each row");
    want_len(&predicted, labels.len, "as labels");
    want_len(&residuals, labels.len, "as labels");
    want_len(&margins, labels.len, "as labels");
    const struct array *inputs[] = {&block, &residual, &labels, &numbers}, *outputs[] = {&predicted, &residuals, &margins};
    for (size_t o = 0; o < MP_ARRAY_SIZE(outputs); ++o) {
        for (size_t i = 0; i < MP_ARRAY_SIZE(inputs); ++i) {
            apart(outputs[o], inputs[i]);
        }
        for (size_t i = 0; i < o; ++i) {
            apart(outputs[o], outputs[i]);
        }
    }
    const float *const number = (const float *)numbers.data;
    const struct ridge_groups by = {group, classes, number, number + classes, number + 2 * classes, number + 3 * classes};
    return none_or_raise(ridge_leave_group_out((const float *)block.data, r, (const float *)residual.data,
        (const uint8_t *)labels.data, &by, (uint8_t *)predicted.data, (float *)residuals.data, (float *)margins.data),
        "leave_group_out");
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(mod_leave_group_out_obj, 8, 8, mod_leave_group_out);

// ---- table ----

#define GLOBALS(GLOBAL) \
    GLOBAL(MP_QSTR_UNIT, MP_ROM_INT(RIDGE_UNIT)) \
    GLOBAL(MP_QSTR_WEIGHT, MP_ROM_INT(RIDGE_WEIGHT)) \
    GLOBAL(MP_QSTR_PANEL, MP_ROM_INT(RIDGE_PANEL)) \
    GLOBAL(MP_QSTR_ROWS, MP_ROM_INT(RIDGE_ROWS)) \
    GLOBAL(MP_QSTR_BATCH, MP_ROM_INT(RIDGE_BATCH)) \
    GLOBAL(MP_QSTR_MAX_CLASSES, MP_ROM_INT(RIDGE_MAX_CLASSES)) \
    GLOBAL(MP_QSTR_PATCH, MP_ROM_INT(RIDGE_PATCH)) \
    GLOBAL(MP_QSTR_GRID, MP_ROM_INT(RIDGE_GRID)) \
    GLOBAL(MP_QSTR_MIRROR_COLUMNS, MP_ROM_INT(RIDGE_MIRROR_COLUMNS)) \
    GLOBAL(MP_QSTR_gram_goodness, MP_ROM_PTR(&mod_gram_goodness_obj)) \
    GLOBAL(MP_QSTR_outputs, MP_ROM_PTR(&mod_outputs_obj)) \
    GLOBAL(MP_QSTR_MAX_FILTERS, MP_ROM_INT(RIDGE_MAX_FILTERS)) \
    GLOBAL(MP_QSTR_encode, MP_ROM_PTR(&mod_encode_obj)) \
    GLOBAL(MP_QSTR_gram, MP_ROM_PTR(&mod_gram_obj)) \
    GLOBAL(MP_QSTR_kernel, MP_ROM_PTR(&mod_kernel_obj)) \
    GLOBAL(MP_QSTR_class_sums, MP_ROM_PTR(&mod_class_sums_obj)) \
    GLOBAL(MP_QSTR_work_bytes, MP_ROM_PTR(&mod_work_bytes_obj)) \
    GLOBAL(MP_QSTR_kernels, MP_ROM_PTR(&mod_kernels_obj)) \
    GLOBAL(MP_QSTR_crc32, MP_ROM_PTR(&mod_crc32_obj)) \
    GLOBAL(MP_QSTR_trace, MP_ROM_PTR(&mod_trace_obj)) \
    GLOBAL(MP_QSTR_merge, MP_ROM_PTR(&mod_merge_obj)) \
    GLOBAL(MP_QSTR_class_targets, MP_ROM_PTR(&mod_class_targets_obj)) \
    GLOBAL(MP_QSTR_total_dot, MP_ROM_PTR(&mod_total_dot_obj)) \
    GLOBAL(MP_QSTR_project, MP_ROM_PTR(&mod_project_obj)) \
    GLOBAL(MP_QSTR_nearest, MP_ROM_PTR(&mod_nearest_obj)) \
    GLOBAL(MP_QSTR_extent, MP_ROM_PTR(&mod_extent_obj)) \
    GLOBAL(MP_QSTR_goodness, MP_ROM_PTR(&mod_goodness_obj)) \
    GLOBAL(MP_QSTR_powers, MP_ROM_PTR(&mod_powers_obj)) \
    GLOBAL(MP_QSTR_kernel_goodness, MP_ROM_PTR(&mod_kernel_goodness_obj)) \
    GLOBAL(MP_QSTR_copies, MP_ROM_PTR(&mod_copies_obj)) \
    GLOBAL(MP_QSTR_patch_work_bytes, MP_ROM_PTR(&mod_patch_work_bytes_obj)) \
    GLOBAL(MP_QSTR_patch_gram, MP_ROM_PTR(&mod_patch_gram_obj)) \
    GLOBAL(MP_QSTR_patch_contrast, MP_ROM_PTR(&mod_patch_contrast_obj)) \
    GLOBAL(MP_QSTR_patch_filters, MP_ROM_PTR(&mod_patch_filters_obj)) \
    GLOBAL(MP_QSTR_patch_features, MP_ROM_PTR(&mod_patch_features_obj)) \
    GLOBAL(MP_QSTR_mirror_work_bytes, MP_ROM_PTR(&mod_mirror_work_bytes_obj)) \
    GLOBAL(MP_QSTR_mirror_features, MP_ROM_PTR(&mod_mirror_features_obj)) \
    GLOBAL(MP_QSTR_factor, MP_ROM_PTR(&mod_factor_obj)) \
    GLOBAL(MP_QSTR_solve, MP_ROM_PTR(&mod_solve_obj)) \
    GLOBAL(MP_QSTR_leverage, MP_ROM_PTR(&mod_leverage_obj)) \
    GLOBAL(MP_QSTR_leverage_block, MP_ROM_PTR(&mod_leverage_block_obj)) \
    GLOBAL(MP_QSTR_inverse_diagonal, MP_ROM_PTR(&mod_inverse_diagonal_obj)) \
    GLOBAL(MP_QSTR_inverse_block, MP_ROM_PTR(&mod_inverse_block_obj)) \
    GLOBAL(MP_QSTR_combine, MP_ROM_PTR(&mod_combine_obj)) \
    GLOBAL(MP_QSTR_contrast, MP_ROM_PTR(&mod_contrast_obj)) \
    GLOBAL(MP_QSTR_unit_rows, MP_ROM_PTR(&mod_unit_rows_obj)) \
    GLOBAL(MP_QSTR_quantise, MP_ROM_PTR(&mod_quantise_obj)) \
    GLOBAL(MP_QSTR_leave_one_out, MP_ROM_PTR(&mod_leave_one_out_obj)) \
    GLOBAL(MP_QSTR_leave_group_out, MP_ROM_PTR(&mod_leave_group_out_obj))

// What help(ridge) says beside the names.
#define DOC \
    "ridge regression in closed form, on arrays that the caller owns\n" \
    "    encode, gram, factor, solve, quantise, goodness: a training and its inference, in this order\n" \
    "    shapes, units and errors of each function: ridge.pyi, docs/api.md, or the type stubs"

#if MICROPY_ENABLE_DYNRUNTIME

mp_obj_t mpy_init(mp_obj_fun_bc_t *self, size_t n_args, size_t n_kw, mp_obj_t *args) {
    refuse_wrong_processor();
    MP_DYNRUNTIME_INIT_ENTRY
    ridge_kernels = &RIDGE_BEST; // a native module has no initialised data
#define STORE(name, value) mp_store_global(name, (mp_obj_t)value);
    GLOBALS(STORE)
    mp_store_global(MP_QSTR___doc__, mp_obj_new_str(DOC, sizeof(DOC) - 1));
    MP_DYNRUNTIME_INIT_EXIT
}

#else

static const MP_DEFINE_STR_OBJ(doc_obj, DOC);

#define ELEMENT(name, value) { MP_ROM_QSTR(name), value },
static const mp_rom_map_elem_t globals_table[] = {
    ELEMENT(MP_QSTR___name__, MP_ROM_QSTR(MP_QSTR_ridge))
    ELEMENT(MP_QSTR___doc__, MP_ROM_PTR(&doc_obj))
    GLOBALS(ELEMENT)
};
static MP_DEFINE_CONST_DICT(globals, globals_table);

const mp_obj_module_t ridge_module = {
    .base = { &mp_type_module },
    .globals = (mp_obj_dict_t *)&globals,
};

MP_REGISTER_MODULE(MP_QSTR_ridge, ridge_module);

#endif
