// Runs functions of the core on request: calls come in on stdin, results go out on stdout (cores.py is the other end).
//
// Every array of a call is allocated for that call with exactly its size, so that AddressSanitizer sees the first byte
// read or written beyond it, and every array is sent back, inputs too, so that nothing can change unseen.
//
// A call: u32 length of the name, the name; u32 number of arguments, each "i" int64, "f" float64, "n" (a null pointer)
// or "a" u32 number of bytes and the bytes. The answer: int64 result, then every array in order.
// Numbers are in the machine's own byte order.
//
// Built with -DGUARDED every array ends at a page that cannot be touched, so that assembler, which no sanitizer sees,
// stops there as well.
#include "reference.h"
#include "ridge_kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(KERNELS_OF_M7) && !defined(RIDGE_HAS_M7)
#error "these flags do not give the kernels of a Cortex-M7"
#endif

#define MOST_ARGUMENTS (16)

struct argument {
    char kind;
    int64_t integer;
    double real;
    uint32_t bytes;
    void *array;
};

static int read_all(void *to, size_t bytes) {
    return fread(to, 1, bytes, stdin) == bytes;
}

static void stop(const char *why) {
    fprintf(stderr, "serve: %s\n", why);
    exit(2);
}

static void write_all(const void *from, size_t bytes) {
    if (fwrite(from, 1, bytes, stdout) != bytes) {
        stop("cannot write");
    }
}

#ifdef GUARDED

#include <sys/mman.h>
#include <unistd.h>

static size_t page(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

// Bytes of the pages below the guard, at least one.
static size_t mapped(size_t bytes) {
    return (bytes / page() + 1) * page();
}

static void *new_array(size_t bytes) {
    const size_t whole = mapped(bytes);
    char *at = mmap(NULL, whole + page(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED || mprotect(at + whole, page(), PROT_NONE) != 0) {
        stop("no memory");
    }
    return at + whole - bytes;
}

static void free_array(void *array, size_t bytes) {
    const size_t whole = mapped(bytes);
    if (munmap((char *)array + bytes - whole, whole + page()) != 0) {
        stop("not an array");
    }
}

#else

static void *new_array(size_t bytes) {
    void *array = malloc(bytes);
    if (!array && bytes) {
        stop("no memory");
    }
    return array;
}

static void free_array(void *array, size_t bytes) {
    (void)bytes;
    free(array);
}

#endif

static struct argument read_argument(void) {
    struct argument a = {0};
    if (!read_all(&a.kind, 1)) {
        stop("cut short");
    }
    switch (a.kind) {
        case 'i':
            if (!read_all(&a.integer, sizeof a.integer)) {
                stop("cut short");
            }
            break;
        case 'f':
            if (!read_all(&a.real, sizeof a.real)) {
                stop("cut short");
            }
            break;
        case 'n':
            break;
        case 'a':
            if (!read_all(&a.bytes, sizeof a.bytes)) {
                stop("cut short");
            }
            a.array = new_array(a.bytes);
            if (!read_all(a.array, a.bytes)) {
                stop("cut short");
            }
            break;
        default:
            stop("unknown kind of argument");
    }
    return a;
}

#define A(i) (a[i].array)
#define Z(i) ((size_t)a[i].integer)
#define I(i) ((int)a[i].integer)
#define F(i) ((float)a[i].real)

// gram_i, gram_f, scale, diagonal, rank1, v
static struct ridge_system system_from(const struct argument *a) {
    return (struct ridge_system) {A(0), A(1), F(2), F(3), F(4), A(5)};
}

static int64_t call(const char *name, const struct argument *a) {
    if (!strcmp(name, "encode")) {
        ridge_encode(A(0), Z(1), Z(2), A(3), Z(4), A(5));
    } else if (!strcmp(name, "gram_work_len")) {
        return (int64_t)ridge_gram_work_len(Z(0));
    } else if (!strcmp(name, "kernel_work_len")) {
        return (int64_t)ridge_kernel_work_len(Z(0));
    } else if (!strcmp(name, "project_work_len")) {
        return (int64_t)ridge_project_work_len(Z(0), Z(1), Z(2));
    } else if (!strcmp(name, "gram")) {
        return ridge_gram(A(0), Z(1), Z(2), I(3), A(4), A(5));
    } else if (!strcmp(name, "kernel")) {
        return ridge_kernel(A(0), Z(1), Z(2), Z(3), A(4), A(5));
    } else if (!strcmp(name, "class_sums")) {
        return ridge_class_sums(A(0), A(1), Z(2), Z(3), Z(4), I(5), A(6), A(7));
    } else if (!strcmp(name, "trace")) {
        return ridge_trace(A(0), Z(1));
    } else if (!strcmp(name, "merge")) {
        return ridge_merge(A(0), A(1), Z(2), I(3));
    } else if (!strcmp(name, "project")) {
        return ridge_project(A(0), Z(1), Z(2), A(3), Z(4), A(5), A(6));
    } else if (!strcmp(name, "extent")) {
        return ridge_extent(A(0), Z(1), Z(2), A(3));
    } else if (!strcmp(name, "nearest")) {
        size_t nearest = SIZE_MAX;
        const int error = ridge_nearest(A(0), Z(1), A(2), Z(3), &nearest, A(4));
        return error == RIDGE_OK ? (int64_t)nearest : error;
    } else if (!strcmp(name, "goodness")) {
        return ridge_goodness(A(0), Z(1), Z(2), A(3), A(4), Z(5), A(6), A(7));
    } else if (!strcmp(name, "factor")) {
        const struct ridge_system system = system_from(a);
        size_t row = SIZE_MAX;
        const int error = ridge_factor(&system, Z(6), Z(7), A(8), A(9), &row);
        return error == RIDGE_OK ? 0 : error * 65536 + (int64_t)row;
    } else if (!strcmp(name, "reference_factor")) {
        const struct ridge_system system = system_from(a);
        reference_factor(&system, Z(6), A(7));
    } else if (!strcmp(name, "solve")) {
        return ridge_solve(A(0), Z(1), A(2), Z(3), A(4), A(5));
    } else if (!strcmp(name, "solve_in_place")) {
        return ridge_solve(A(0), Z(1), A(2), Z(3), A(2), A(4));
    } else if (!strcmp(name, "reference_solve")) {
        reference_solve(A(0), Z(1), A(2), Z(3), A(4));
    } else if (!strcmp(name, "leverage")) {
        ridge_leverage(A(0), Z(1), A(2), Z(3), A(4), F(5), A(6), A(7));
    } else if (!strcmp(name, "inverse_diagonal")) {
        ridge_inverse_diagonal(A(0), Z(1), Z(2), Z(3), A(4), A(5));
    } else if (!strcmp(name, "combine")) {
        ridge_combine(A(0), Z(1), Z(2), A(3), Z(4), A(5));
    } else if (!strcmp(name, "contrast")) {
        ridge_contrast(A(0), Z(1), A(2), A(3), Z(4), A(5));
    } else if (!strcmp(name, "class_targets")) {
        ridge_class_targets(A(0), A(1), Z(2), Z(3), F(4), A(5), A(6));
    } else if (!strcmp(name, "total_dot")) {
        ridge_total_dot(A(0), A(1), Z(2), Z(3), A(4));
    } else if (!strcmp(name, "unit_rows")) {
        return ridge_unit_rows(A(0), Z(1), Z(2), A(3));
    } else if (!strcmp(name, "quantise")) {
        return ridge_quantise(A(0), Z(1), Z(2), A(3), A(4));
    } else if (!strcmp(name, "leave_one_out")) {
        const struct ridge_left_out by = {F(8), F(9), F(10), F(11), A(15)};
        return ridge_leave_one_out(A(0), Z(1), Z(2), A(3), A(4), Z(5), A(6), A(7), &by, A(12), A(13), A(14));
    } else if (!strcmp(name, "leverage_block")) {
        ridge_leverage_block(A(0), Z(1), A(2), Z(3), A(4), F(5), A(6), A(7));
    } else if (!strcmp(name, "inverse_block")) {
        ridge_inverse_block(A(0), Z(1), Z(2), Z(3), A(4), A(5));
    } else if (!strcmp(name, "leave_group_out")) {
        const float *const number = A(6);
        const size_t k = Z(5);
        const struct ridge_groups by = {Z(4), k, number, number + k, number + 2 * k, number + 3 * k};
        return ridge_leave_group_out(A(0), Z(1), A(2), A(3), &by, A(7), A(8), A(9));
    } else if (!strcmp(name, "powers")) {
        return ridge_powers(A(0), Z(1), Z(2));
    } else if (!strcmp(name, "kernel_goodness")) {
        return ridge_kernel_goodness(A(0), Z(1), Z(2), A(3), Z(4), A(5), A(6), Z(7), I(8), A(9), A(10), A(11));
    } else if (!strcmp(name, "gram_goodness")) {
        return ridge_gram_goodness(A(0), Z(1), Z(2), Z(3), A(4), A(5), Z(6), I(7), A(8), A(9), A(10));
    } else if (!strcmp(name, "outputs")) {
        return ridge_outputs(A(0), Z(1), Z(2), A(3), Z(4), A(5));
    } else if (!strcmp(name, "copies")) {
        ridge_copies(A(0), Z(1), Z(2), Z(3), Z(4), A(5));
    } else if (!strcmp(name, "patch_gram_work_bytes")) {
        return (int64_t)ridge_patch_gram_work_bytes();
    } else if (!strcmp(name, "patch_features_work_bytes")) {
        return (int64_t)ridge_patch_features_work_bytes(Z(0));
    } else if (!strcmp(name, "patch_gram")) {
        return ridge_patch_gram(A(0), Z(1), Z(2), Z(3), I(4), A(5), A(6), A(7));
    } else if (!strcmp(name, "patch_contrast")) {
        ridge_patch_contrast(A(0), Z(1), Z(2), A(3), A(4), Z(5), (uint32_t)a[6].integer, A(7));
    } else if (!strcmp(name, "patch_filters")) {
        int exponent = 0;
        const int error = ridge_patch_filters(A(0), A(1), A(2), I(3), Z(4), A(5), A(6), &exponent);
        return error == RIDGE_OK ? 1000 + exponent : error;
    } else if (!strcmp(name, "patch_features")) {
        return ridge_patch_features(A(0), Z(1), Z(2), Z(3), A(4), A(5), Z(6), I(7), A(8), A(9));
    } else if (!strcmp(name, "mirror_features_work_bytes")) {
        return (int64_t)ridge_mirror_features_work_bytes(Z(0));
    } else if (!strcmp(name, "mirror_features")) {
        return ridge_mirror_features(A(0), Z(1), Z(2), Z(3), A(4), A(5), Z(6), I(7), A(8), A(9));
    } else {
        stop("unknown function");
    }
    return 0;
}

int main(void) {
    uint32_t length, count;
    while (read_all(&length, sizeof length)) {
        char name[32] = "";
        struct argument a[MOST_ARGUMENTS] = {{0}};
        if (length >= sizeof name || !read_all(name, length) || !read_all(&count, sizeof count) ||
            count > MOST_ARGUMENTS) {
            stop("not a call");
        }
        for (uint32_t i = 0; i < count; ++i) {
            a[i] = read_argument();
        }
        const int64_t result = call(name, a);
        write_all(&result, sizeof result);
        for (uint32_t i = 0; i < count; ++i) {
            if (a[i].kind == 'a') {
                write_all(a[i].array, a[i].bytes);
                free_array(a[i].array, a[i].bytes);
            }
        }
        fflush(stdout);
    }
    return 0;
}
