// ridge: the arithmetic of µFF on plain arrays (C99, no MicroPython headers, no allocation, no I/O, no state).
//
// Every function works on arrays that the caller owns and assumes what its comment states; sizes and types are
// checked once, in the glue (modridge.c). What depends on the values in the arrays (overflow, positive
// definiteness) is checked here, before anything is written.
//
// Numbers. Inputs are int16 in units of 1/512, integer sums are exact in int32 or int64, so their order is free.
// Floating point is IEEE binary32, compiled with -ffp-contract=off and fused only by name (fmaf); every output
// element is computed by the same operations in the same order whatever the blocking: k ascends in sums and
// forward substitution and descends in back substitution. So every target gives the same bits.
//
// Packed lower triangle of an m x m matrix: row i starts at i*(i+1)/2 and holds columns 0..i.
#ifndef RIDGE_H
#define RIDGE_H

#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "ridge reads words out of bytes and pairs out of int16 rows: it wants a little-endian processor"
#endif

#define RIDGE_UNIT (512)   // an encoded image or a hidden vector of length 1 has integer length 512
#define RIDGE_WEIGHT (16384) // a layer-1 weight vector of length 1 has integer length 16384
#define RIDGE_PANEL (16)   // right-hand sides solved together: a panel is m rows of 16 floats
#define RIDGE_ROWS (32)    // rows that project takes at a time: the weights are packed anew for each
#define RIDGE_BATCH (64)   // images packed together for the Gram matrix
#define RIDGE_MAX_CLASSES (16)
#define RIDGE_PATCH (6)    // side of a patch
#define RIDGE_PATCH_LEN (RIDGE_PATCH * RIDGE_PATCH)
#define RIDGE_GRID (4)     // responses of a filter are pooled over the cells of a 4 x 4 grid of places
#define RIDGE_MIRROR_COLUMNS (6) // of the grid of a mirror layer, whose right half is added to the left
#define RIDGE_MAX_FILTERS (64)
#define RIDGE_POOL_ROOM(q) ((q) / 4 * 124 + 294) // words that hold q filters and what is in work of an image
#define RIDGE_FILTER_BOUND (1 << 29) // squares of a filter stay below it: then two elements of it sum to an int16

enum ridge_error {
    RIDGE_OK = 0,
    RIDGE_ERR_NOT_POSDEF = -1, // a pivot is not above the rounding error of its diagonal element
    RIDGE_ERR_NOT_FINITE = -2, // NaN or infinity in an input or a pivot
    RIDGE_ERR_OVERFLOW = -3,   // a sum could leave its integer type
    RIDGE_ERR_NOT_ADDED = -4,  // images are taken away that were never added
    RIDGE_ERR_LABEL = -5,      // a label is not below the number of classes
};

// Floats of workspace that factor, solve, leverage and inverse_diagonal need for order m.
static inline size_t ridge_panel_len(size_t m) {
    return 2 * m * RIDGE_PANEL;
}

// Elements of a packed lower triangle of order m.
static inline size_t ridge_packed_len(size_t m) {
    return m * (m + 1) / 2;
}

// Workspace: int16 elements that gram needs for m features, that kernel and product need for rows of m, and int32
// elements that project needs for n rows of m and q neurons.
static inline size_t ridge_gram_work_len(size_t m) {
    return (m + 3) / 4 * 4 * RIDGE_BATCH;
}

static inline size_t ridge_kernel_work_len(size_t m) {
    return (m + 31) / 32 * 32 * (RIDGE_ROWS + 4);
}

static inline size_t ridge_project_work_len(size_t n, size_t m, size_t q) {
    const size_t rows = n < RIDGE_ROWS ? n : RIDGE_ROWS;
    return rows * q + (rows < 4 ? 0 : ridge_kernel_work_len(m) / 2);
}

// Bytes of workspace: patch_gram's, and patch_features' for q filters.
static inline size_t ridge_patch_gram_work_bytes(void) {
    return (RIDGE_BATCH * RIDGE_PATCH_LEN + ridge_gram_work_len(RIDGE_PATCH_LEN)) * sizeof(int16_t);
}

static inline size_t ridge_patch_features_work_bytes(size_t q) {
    return (RIDGE_GRID * RIDGE_GRID * 2 * q + RIDGE_POOL_ROOM(q)) * sizeof(uint32_t);
}

// Likewise mirror_features': means of 12 cells and one more, filters and biases, mirrored ones too.
static inline size_t ridge_mirror_features_work_bytes(size_t q) {
    return ((RIDGE_GRID * RIDGE_MIRROR_COLUMNS / 2 + 1) * 4 * q + RIDGE_POOL_ROOM(2 * q) + 2 * q + RIDGE_PATCH_LEN * q)
        * sizeof(uint32_t);
}

// ---- integers: encoding, Gram matrices, inference ----

// images u8 (n,d); keep (m): pixels of the image part, each < d -> x int16 (n,m) = round(512 sqrt(p_i / sum p)).
// A blank image gives zeros.
void ridge_encode(const uint8_t *images, size_t n, size_t d, const uint16_t *keep, size_t m, int16_t *x);

// g packed (m,m) += x^T x over x (n,m), or -= with remove. work: ridge_gram_work_len(m).
// OVERFLOW where an element of g could pass 2^31-1, NOT_ADDED where a diagonal element would fall below 0.
int ridge_gram(const int16_t *x, size_t n, size_t m, int remove, int32_t *g, int16_t *work);

// Rows first..n-1 of k packed (n,n) = x x^T, x (n,m). work: ridge_kernel_work_len(m).
// OVERFLOW where a row is too long for int32 products.
int ridge_kernel(const int16_t *x, size_t first, size_t n, size_t m, int32_t *k, int16_t *work);

// sums (classes,m) and counts (classes) of x (n,m) by label, added, or taken away with remove.
int ridge_class_sums(const int16_t *x, const uint8_t *labels, size_t n, size_t m, size_t classes, int remove,
    int32_t *sums, int32_t *counts);

// Sum of the diagonal of g packed (m,m).
int64_t ridge_trace(const int32_t *g, size_t m);

// a += b, or a -= b with remove, both int32 (count): statistics of two boards merged, or parted again. OVERFLOW where an
// element would leave int32; a is unchanged then.
int ridge_merge(int32_t *a, const int32_t *b, size_t count, int remove);

// h (n,q) = unit length of relu(x w^T), x (n,m), w (q,m), in units of 1/512. work: ridge_project_work_len(n, m, q).
// OVERFLOW where a row of x is too long: m * sum x^2 must stay below 2^32 - 3 (an encoded row has sum x^2 near 2^18),
// or a hidden vector too long: its squares must sum to at most 2^63.
int ridge_project(const int16_t *x, size_t n, size_t m, const int16_t *w, size_t q, int32_t *work, int16_t *h);

// good int64 (n,classes): goodness of every label, sum over c of relu(w_c.f + v[c,l])^2; f (n,m), w (classes,m),
// v (classes,classes); labels (n), or NULL: the first label of most goodness.
// OVERFLOW where the bound from the lengths of f and w does not fit.
int ridge_goodness(const int16_t *f, size_t n, size_t m, const int16_t *w, const int32_t *v, size_t classes,
    int64_t *good, uint8_t *labels);

// Row of rows (n,m), n >= 1, with the largest inner product with x (m), which goes to *dot: the first of several.
// OVERFLOW where x is too long, as for project.
int ridge_nearest(const int16_t *x, size_t m, const int16_t *rows, size_t n, size_t *nearest, int32_t *dot);

// *smallest element of x (n,m), 0 where there is none, and the largest sum of the squares of a row.
int64_t ridge_extent(const int16_t *x, size_t n, size_t m, int16_t *smallest);

// Rows first..last-1 of k packed, inner products u of vectors of length 1 in units of 2^-18, in place: ((1 + u)/2)^4 in
// units of 2^-30. OVERFLOW where a u is not from -1 to 1.25.
int ridge_powers(int32_t *k, size_t first, size_t last);

// The kernel class layer: goodness (n,classes) and labels as ridge_goodness gives them, from the outputs
// (sum over i of alpha[c,i] phi(rows_i.f)) >> shift, phi as in ridge_powers; f (n,m), rows (stored,m), alpha
// (classes,stored), v (classes,classes); stored at most 65535, shift 0 to 63. work (stored).
// OVERFLOW where |outputs| + |v| could reach 7e8, or where f is too long, as for project: then nothing is written; or
// where an inner product is not from -1 to 1.25: then good holds the rows of f above.
int ridge_kernel_goodness(const int16_t *f, size_t n, size_t m, const int16_t *rows, size_t stored, const int16_t *alpha,
    const int32_t *v, size_t classes, int shift, int64_t *good, uint8_t *labels, int32_t *work);

// The same for stored images first..last-1 themselves, from k packed (n,n) after ridge_powers; alpha (classes,n), work (n).
// OVERFLOW likewise, where a number in k is none of ridge_powers.
int ridge_gram_goodness(const int32_t *k, size_t n, size_t first, size_t last, const int16_t *alpha, const int32_t *v,
    size_t classes, int shift, int64_t *good, uint8_t *labels, int32_t *work);

// z (n,q) = f w^T, f (n,m), w (q,m). OVERFLOW as for project; z is untouched then.
int ridge_outputs(const int16_t *f, size_t n, size_t m, const int16_t *w, size_t q, int32_t *z);

// CRC-32 of data as in zlib, continued from crc (0 at first).
uint32_t ridge_crc32(const uint8_t *data, size_t count, uint32_t crc);

// out u8 (count,height,width): the distorted copies first, first + 1, ... of an image: turned by +-0.3, sheared by +-0.3,
// scaled by 0.8 to 1.2 and shifted by +-1.5 pixels of 28, as drawn by a generator with CRC-32 of the image + number of
// the copy as its seed. Bilinear; the image is 0 outside. Sides are at most 4096.
void ridge_copies(const uint8_t *image, size_t height, size_t width, size_t first, size_t count, uint8_t *out);

// ---- the patch layer: images x (n,height*width), sides of 9 or more; places = (height-5)*(width-5), row by row ----

// g packed (36,36) += p p^T and sums (36) += p, or -= with remove, over 12 patches p of each image: those at places
// CRC-32(row of x) + j * step, j = 0..11, modulo places, step the first number from 193 on without a common divisor with
// places; those with all elements equal are left out. Gives how many were counted. work: ridge_patch_gram_work_bytes().
// OVERFLOW where 12 n max x^2 more could pass 2^31-1, NOT_ADDED where a diagonal element would fall below 0.
int32_t ridge_patch_gram(const int16_t *x, size_t n, size_t height, size_t width, int remove, int32_t *g, int32_t *sums,
    int16_t *work);

// out (36,q): column j = difference of the patches of images a_j and b_j at one place, in whole units: the first of up to
// 16 drawn places at which they differ.
void ridge_patch_contrast(const int16_t *x, size_t height, size_t width, const uint16_t *a, const uint16_t *b, size_t q,
    uint32_t seed, float *out);

// w int16 (q,36) = columns of b (36,q), each scaled so that the responses of the counted patches (g, sums, patches >= 1, as
// patch_gram gives them) have variance 1, and bias (q) their means; w in units of 2^-exponent, bias of
// 2^-(exponent + 9). The largest exponent up to 14 at which the squares of each row of w sum to less than
// RIDGE_FILTER_BOUND and biases are below 2^24. A column that is zero, denormal or without variance gives zeros.
int ridge_patch_filters(const float *b, const int32_t *g, const int32_t *sums, int32_t patches, size_t q, int16_t *w,
    int32_t *bias, int *exponent);

// f (n,32 q): [cell][channel], the cells of the grid row by row, channels relu(z - threshold) of q filters and then
// relu(-z - threshold), z = w.p - bias, p every patch of the image: mean over the cell (rounded down), square root, and
// all together scaled to length 512. The first place of cell k of 4 is round(k/4 of the places in its direction).
// work: ridge_patch_features_work_bytes(q).
// OVERFLOW where a row of w is too long (above), |bias| + threshold is more than 2^25 or the squares of an image sum to
// more than 1.5 * 2^18.
int ridge_patch_features(const int16_t *x, size_t n, size_t height, size_t width, const int16_t *w, const int32_t *bias,
    size_t q, int32_t threshold, int16_t *f, uint32_t *work);

// The same for an image and its mirror image. f (n,48 q): the cells of a 4 x 6 grid in its left half, row by row, each
// with 4 q channels: relu(z - threshold) of the q filters, of their mirror images, and relu(-z - threshold) likewise; mean
// over the cell plus that of the mirrored filter over the mirrored cell. Sides of 11 or more; q at most half of
// RIDGE_MAX_FILTERS; all else as in patch_features. work: ridge_mirror_features_work_bytes(q).
int ridge_mirror_features(const int16_t *x, size_t n, size_t height, size_t width, const int16_t *w, const int32_t *bias,
    size_t q, int32_t threshold, int16_t *f, uint32_t *work);

// ---- floats: ridge regression ----

// The ridge system to factor, given by one of two packed Gram matrices:
//     A = scale * G + rank1 * v v^T + diagonal * I
struct ridge_system {
    const int32_t *gram_i; // packed, or NULL
    const float *gram_f;   // packed, used where gram_i is NULL
    float scale, diagonal, rank1;
    const float *v;        // (m), or NULL for all ones; not read where rank1 is 0
};

// Rows first..last-1 of the Cholesky factor L of A, packed; rows below first are there already. The diagonal of l
// holds 1 / L_ii. work: ridge_panel_len(last). On an error *row names the row; the system is never written.
int ridge_factor(const struct ridge_system *a, size_t first, size_t last, float *l, float *work, size_t *row);

// x (m,p) = A^-1 b, row-major; x may be b. NOT_FINITE where b holds one (x untouched) or the solution overflows.
int ridge_solve(const float *l, size_t m, const float *b, size_t p, float *x, float *work);

// out (n) = |L^-1 u_i|^2, u_i = f_i / RIDGE_UNIT - ratio * total: the leverage u^T A^-1 u of each row of f (n,m).
void ridge_leverage(const float *l, size_t m, const int16_t *f, size_t n, const float *total, float ratio,
    float *out, float *work);

// out[first..last-1] = diagonal of A^-1, A of order m.
void ridge_inverse_diagonal(const float *l, size_t m, size_t first, size_t last, float *out, float *work);

// out (n,n), n <= RIDGE_PANEL: u_i^T A^-1 u_j of all pairs of rows, u as for leverage.
void ridge_leverage_block(const float *l, size_t m, const int16_t *f, size_t n, const float *total, float ratio,
    float *out, float *work);

// out (r,r), r = last - first <= RIDGE_PANEL: rows and columns first..last-1 of A^-1, A of order m.
void ridge_inverse_block(const float *l, size_t m, size_t first, size_t last, float *out, float *work);

// out (m,p) = x^T c, x int16 (n,m), c (n,p): the primal weights of a dual solution.
void ridge_combine(const int16_t *x, size_t n, size_t m, const float *c, size_t p, float *out);

// out (m,p): column j = x[a_j] - x[b_j], rows of x (.,m).
void ridge_contrast(const int16_t *x, size_t m, const uint16_t *a, const uint16_t *b, size_t p, float *out);

// Right-hand sides of the class layer: total (m) = all class sums together, b (m,classes): column c = class sum c
// minus ratio * counts[c] * total, both divided by RIDGE_UNIT. sums (classes,m).
void ridge_class_targets(const int32_t *sums, const int32_t *counts, size_t m, size_t classes, float ratio,
    float *total, float *b);

// out (p) = total^T b, b (m,p).
void ridge_total_dot(const float *total, const float *b, size_t m, size_t p, float *out);

// w int16 (p,m): row j = column j of b (m,p) scaled to length RIDGE_WEIGHT; a zero column gives a zero row.
int ridge_unit_rows(const float *b, size_t m, size_t p, int16_t *w);

// w int16 (p,m) = b (m,p) transposed and scaled by 2^*exponent, the largest power of two at which all fit and which
// is not above the one that *exponent holds at the call.
int ridge_quantise(const float *b, size_t m, size_t p, int16_t *w, int *exponent);

// Leave-one-image-out of the class layer, exact for fixed inputs f (docs/algorithm.md): error = (r + v_i / slack_i * sum r) / keep
// with slack_i = offset + factor * leverage[i], which is (1-g) - k v_i; unit: value of one integer step of w.f; keep = 1 - g.
// predicted (n), residual (n): sum of squared leave-one-out errors, margin (n): right goodness - best wrong one.
// LABEL, NOT_FINITE where a leverage is, OVERFLOW as for goodness; a slack lost to rounding counts as 4 epsilon.
// targets (2,classes): the target of each neuron on positive data of its class, and the factor that it gets when one
// image of the class is left out; NULL: 1 and 1.
struct ridge_left_out {
    float offset, factor, unit, keep;
    const float *targets;
};
int ridge_leave_one_out(const int16_t *f, size_t n, size_t m, const int16_t *w, const int32_t *v, size_t classes,
    const uint8_t *labels, const float *leverage, const struct ridge_left_out *by, uint8_t *predicted, float *residual,
    float *margin);

// The same for images that are left out with their copies. block (r,r), r <= RIDGE_PANEL: rows of the inverse of the system
// for whole groups of `group` rows each, row 0 of a group being the image, the others its copies; only the squares on its
// diagonal are read. residual (r,classes): the same rows of the solution; labels (r/group).
// For a group of label y the output of neuron c for label l is
//     (y_c - e_c) + a_c ([l = c] - 1/classes),    times gain[c] where c is y,
// e being row 0 of the group's square's inverse times its residuals, y_c = targets[c]/classes where c is y and else 0, a_c =
// own[c] where c is y and else across[c]. Its target is targets[c] where c and l are y and else 0.
// predicted (r/group), residuals: sum of squared errors over neurons and labels, margins.
// LABEL; NOT_FINITE; NOT_POSDEF where a diagonal element is not above 0, or where the block is so far from an inverse that a
// result is not finite; a pivot lost to rounding counts as 4 epsilon of it. Nothing is written then.
struct ridge_groups {
    size_t group, classes;
    const float *targets, *gain, *across, *own; // (classes)
};
int ridge_leave_group_out(const float *block, size_t r, const float *residual, const uint8_t *labels,
    const struct ridge_groups *by, uint8_t *predicted, float *residuals, float *margins);

#endif
