// The kernels for a Cortex-M7 (and M4F): the same sums as ridge_plain.c, held in registers.
//
// Integers: SMLAD multiplies two pairs of int16 and adds both, one a cycle. Rows are packed into panels of four, pair by
// pair ([pair][row], a word each), so that one LDRD brings the same pair of two rows: a 2 x 4 tile takes 3 LDRD and 8
// SMLAD for 16 multiply-adds, 0.69 instructions each.
// Floats: a 4 x 4 tile has 16 independent sums, so that VFMS never waits for its latency of 3 cycles; 4 columns of the
// panel at a time, copied one behind the other. Counts for every kernel: `uff experiment cost`.
#include "ridge_kernels.h"

#ifdef RIDGE_HAS_M7

#include <arm_acle.h>
#include <string.h>

#define P RIDGE_PANEL
#define PAIRS (16) // unrolled in dot_2x4; packed rows are padded with zeros to 32 elements

// ---- packing ----

static inline uint32_t word_at(const int16_t *x) {
    uint32_t word;
    memcpy(&word, x, sizeof word); // one LDR: the core allows unaligned words
    return word;
}

// The low halves of two words, and the high ones, the first of them below.
static inline uint32_t low_halves(uint32_t a, uint32_t b) {
    uint32_t word;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(word) : "r"(a), "r"(b));
    return word;
}

static inline uint32_t high_halves(uint32_t a, uint32_t b) {
    uint32_t word;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(word) : "r"(b), "r"(a));
    return word;
}

static inline size_t padded_pairs(size_t m) {
    return (m + 31) / 32 * PAIRS;
}

// out [pair][row] words of `rows` (1 to 4) rows of x (rows,m), the rest zero.
static void pack_rows(const int16_t *x, size_t rows, size_t m, uint32_t *out) {
    const size_t pairs = padded_pairs(m);
    size_t packed = 0; // pairs done for all four rows
    if (rows == 4) {
        const int16_t *row0 = x, *row1 = x + m, *row2 = x + 2 * m, *row3 = x + 3 * m;
        uint32_t *to = out;
        packed = m / 8 * 4;
        // r4-r7 keep their order in STMIA; 4 pairs a turn, 22 instructions for 32 elements.
#define PAIR_OF_4 \
    "ldr r4, [%[a]], #4\n" \
    "ldr r5, [%[b]], #4\n" \
    "ldr r6, [%[c]], #4\n" \
    "ldr r7, [%[d]], #4\n" \
    "stmia %[to]!, {r4-r7}\n"
        for (size_t p = packed; p > 0; p -= 4) {
            __asm__ volatile(PAIR_OF_4 PAIR_OF_4 PAIR_OF_4 PAIR_OF_4
                : [a] "+r"(row0), [b] "+r"(row1), [c] "+r"(row2), [d] "+r"(row3), [to] "+r"(to)
                :
                : "r4", "r5", "r6", "r7", "memory");
        }
#undef PAIR_OF_4
    }
    for (size_t r = 0; r < 4; ++r) {
        size_t p = packed;
        if (r < rows) {
            const int16_t *row = x + r * m;
            for (; p < m / 2; ++p) {
                out[4 * p + r] = word_at(row + 2 * p);
            }
            if (m % 2) {
                out[4 * p + r] = (uint16_t)row[m - 1];
                ++p;
            }
        }
        for (; p < pairs; ++p) {
            out[4 * p + r] = 0;
        }
    }
}

// Panels of 4 columns of x (count,m): pairs run down the rows.
static void pack_columns(const int16_t *x, size_t count, size_t m, uint32_t *out) {
    const size_t pairs = padded_pairs(count);
    for (size_t j = 0; j < m; j += 4, out += 4 * pairs) {
        uint32_t *to = out;
        size_t p = 0;
        if (j + 4 <= m) {
            for (; p < count / 2; ++p, to += 4) {
                const int16_t *even = x + 2 * p * m + j, *odd = even + m;
                const uint32_t a = word_at(even), b = word_at(odd), c = word_at(even + 2), d = word_at(odd + 2);
                to[0] = low_halves(a, b);
                to[1] = high_halves(a, b);
                to[2] = low_halves(c, d);
                to[3] = high_halves(c, d);
            }
        }
        for (; p < pairs; ++p, to += 4) {
            for (size_t r = 0; r < 4; ++r) {
                const uint32_t even = j + r < m && 2 * p < count ? (uint16_t)x[2 * p * m + j + r] : 0;
                const uint32_t odd = j + r < m && 2 * p + 1 < count ? (uint16_t)x[(2 * p + 1) * m + j + r] : 0;
                to[r] = even | odd << 16;
            }
        }
    }
}

// ---- integers ----

// row0, row1 (4 each) += a b^T over `pairs` words, a multiple of PAIRS; a points at row 0 or 2 of its panel, b at row 0.
// Eight sums, four operands and two pointers are all the registers there are, so this one is written whole:
// r0 a, r1 b, r4-r11 sums, r2 r3 r12 lr operands; on the stack: end of a, then row0 in the place of r3, row1 at #48.
static __attribute__((naked, noinline)) void dot_2x4(const uint32_t *a, const uint32_t *b, size_t pairs, int32_t *row0,
    int32_t *row1) {
#define STEP(at) \
    "ldrd r2, r3, [r0, #" #at "]\n" \
    "ldrd r12, lr, [r1, #" #at "]\n" \
    "smlad r4, r2, r12, r4\n" \
    "smlad r8, r3, r12, r8\n" \
    "smlad r5, r2, lr, r5\n" \
    "smlad r9, r3, lr, r9\n" \
    "ldrd r12, lr, [r1, #" #at "+8]\n" \
    "smlad r6, r2, r12, r6\n" \
    "smlad r10, r3, r12, r10\n" \
    "smlad r7, r2, lr, r7\n" \
    "smlad r11, r3, lr, r11\n"
    __asm__ volatile(
        "push {r3-r11, lr}\n"
        "sub sp, sp, #8\n"
        "add r2, r0, r2, lsl #4\n"
        "str r2, [sp]\n"
        "ldmia r3, {r4-r7}\n"
        "ldr r12, [sp, #48]\n"
        "ldmia r12, {r8-r11}\n"
        "1:\n" STEP(0) STEP(16) STEP(32) STEP(48) STEP(64) STEP(80) STEP(96) STEP(112)
        STEP(128) STEP(144) STEP(160) STEP(176) STEP(192) STEP(208) STEP(224) STEP(240)
        "add r0, r0, #256\n"
        "ldr r2, [sp]\n"
        "add r1, r1, #256\n"
        "cmp r0, r2\n"
        "bne.w 1b\n"
        "ldr r3, [sp, #8]\n"
        "stmia r3, {r4-r7}\n"
        "ldr r3, [sp, #48]\n"
        "stmia r3, {r8-r11}\n"
        "add sp, sp, #8\n"
        "pop {r3-r11, pc}\n");
#undef STEP
}

static void gram(const int16_t *x, size_t count, size_t m, int32_t sign, int32_t *g, int16_t *work) {
    uint32_t *const panels = (uint32_t *)(void *)work;
    const size_t pairs = padded_pairs(count), step = 4 * pairs;
    pack_columns(x, count, m, panels);
    for (size_t i = 0; i < m; i += 4) {
        const uint32_t *a = panels + i / 4 * step, *b = panels;
        const size_t rows = m - i < 4 ? m - i : 4;
        int32_t *row[4];
        for (size_t r = 0; r < rows; ++r) {
            row[r] = g + ridge_packed_len(i + r);
        }
        size_t j = 0;
        if (sign > 0 && rows == 4) { // sums start from g itself
            for (; j < i; j += 4, b += step) {
                dot_2x4(a, b, pairs, row[0] + j, row[1] + j);
                dot_2x4(a + 2, b, pairs, row[2] + j, row[3] + j);
            }
        }
        for (; j <= i; j += 4, b += step) {
            int32_t sum[16] = {0};
            dot_2x4(a, b, pairs, sum, sum + 4);
            dot_2x4(a + 2, b, pairs, sum + 8, sum + 12);
            for (size_t r = 0; r < rows; ++r) {
                for (size_t c = 0; c < 4 && j + c <= i + r; ++c) {
                    row[r][j + c] = ridge_add(row[r][j + c], sign, sum[4 * r + c]);
                }
            }
        }
    }
}

// out (2 rows of `columns`, 1 to 4) = a b^T; the second row only where there is one.
static inline void dot_out(const uint32_t *a, const uint32_t *b, size_t pairs, size_t columns, int32_t *out0,
    int32_t *out1) {
    int32_t sum[8] = {0};
    dot_2x4(a, b, pairs, sum, sum + 4);
    for (size_t c = 0; c < columns; ++c) {
        out0[c] = sum[c];
        if (out1) {
            out1[c] = sum[4 + c];
        }
    }
}

static void kernel(const int16_t *x, size_t first, size_t last, size_t m, int32_t *k, int16_t *work) {
    const size_t pairs = padded_pairs(m), step = 4 * pairs;
    uint32_t *const other = (uint32_t *)(void *)work, *const own = other + step;
    for (size_t i = first; i < last; i += 4) {
        pack_rows(x + i * m, last - i < 4 ? last - i : 4, m, own + (i - first) / 4 * step);
    }
    for (size_t j = 0; j < last; j += 4) {
        pack_rows(x + j * m, last - j < 4 ? last - j : 4, m, other);
        for (size_t i = first; i < last; i += 2) {
            int32_t sum[8] = {0};
            dot_2x4(own + (i - first) / 4 * step + (i - first) % 4, other, pairs, sum, sum + 4);
            for (size_t r = i; r < i + 2 && r < last; ++r) {
                for (size_t c = j; c < j + 4 && c <= r; ++c) {
                    k[ridge_packed_len(r) + c] = sum[(r - i) * 4 + c - j];
                }
            }
        }
    }
}

// out[0], out[1] = inner products of x with two rows, over `count` elements, a multiple of 8 above 0; all begin at whole
// words. LDM brings 8 elements at once, those of x for both rows: 11 instructions for 16 multiply-adds.
// r0 x, r1 r2 rows, r3 elements left, r4-r7 of x, r8-r11 of a row, r12 lr sums; out on the stack.
static __attribute__((naked, noinline)) void dot_1x2(const int16_t *x, const int16_t *row0, const int16_t *row1,
    size_t count, int32_t *out) {
#define EIGHT \
    "ldmia r0!, {r4-r7}\n" \
    "ldmia r1!, {r8-r11}\n" \
    "smlad r12, r4, r8, r12\n" \
    "smlad r12, r5, r9, r12\n" \
    "smlad r12, r6, r10, r12\n" \
    "smlad r12, r7, r11, r12\n" \
    "ldmia r2!, {r8-r11}\n" \
    "smlad lr, r4, r8, lr\n" \
    "smlad lr, r5, r9, lr\n" \
    "smlad lr, r6, r10, lr\n" \
    "smlad lr, r7, r11, lr\n"
    __asm__ volatile(
        "push {r4-r11, lr}\n"
        "mov r12, #0\n"
        "mov lr, #0\n"
        "subs r3, r3, #64\n"
        "blo 2f\n"
        "1:\n" EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT
        "subs r3, r3, #64\n"
        "bhs.w 1b\n"
        "2:\n"
        "adds r3, r3, #64\n"
        "beq 4f\n"
        "3:\n" EIGHT
        "subs r3, r3, #8\n"
        "bne 3b\n"
        "4:\n"
        "ldr r3, [sp, #36]\n"
        "strd r12, lr, [r3]\n"
        "pop {r4-r11, pc}\n");
#undef EIGHT
}

static inline int32_t dot(const int16_t *a, const int16_t *b, size_t first, size_t m) {
    int32_t sum = 0;
    for (size_t i = first; i < m; ++i) {
        sum += (int32_t)a[i] * b[i];
    }
    return sum;
}

// z (q) = x w^T for one row without packing.
static void row_product(const int16_t *x, size_t m, const int16_t *w, size_t q, int32_t *z) {
    // Whole words, for LDM: all rows, or none but of m = 1.
    const size_t fast = ((uintptr_t)x | (uintptr_t)w | m * sizeof *w) % 4 == 0 ? m / 8 * 8 : 0;
    for (size_t j = 0; j < q; j += 2) {
        const int16_t *row0 = w + j * m, *row1 = j + 1 < q ? row0 + m : row0;
        int32_t sum[2] = {0};
        if (fast > 0) {
            dot_1x2(x, row0, row1, fast, sum);
        }
        z[j] = sum[0] + dot(x, row0, fast, m);
        if (j + 1 < q) {
            z[j + 1] = sum[1] + dot(x, row1, fast, m);
        }
    }
}

static void product(const int16_t *x, size_t n, size_t m, const int16_t *w, size_t q, int32_t *z, int16_t *work) {
    if (n < 4) { // too few rows to pay for packing the weights
        for (size_t i = 0; i < n; ++i) {
            row_product(x + i * m, m, w, q, z + i * q);
        }
        return;
    }
    const size_t pairs = padded_pairs(m), step = 4 * pairs;
    uint32_t *const weights = (uint32_t *)(void *)work, *const rows = weights + step;
    for (size_t i = 0; i < n; i += 4) {
        pack_rows(x + i * m, n - i < 4 ? n - i : 4, m, rows + i / 4 * step);
    }
    for (size_t j = 0; j < q; j += 4) {
        const size_t columns = q - j < 4 ? q - j : 4;
        pack_rows(w + j * m, columns, m, weights);
        for (size_t i = 0; i < n; i += 2) {
            int32_t *out = z + i * q + j;
            dot_out(rows + i / 4 * step + i % 4, weights, pairs, columns, out, i + 1 < n ? out + q : NULL);
        }
    }
}

// ---- patches ----
//
// Places are taken in pairs side by side, (y,s) and (y,s+1), as they share products. With the even columns of a filter in u
// and the odd ones in v, and at the same places of the patch o = x[s+1], x[s+3], x[s+5], d = x[s] - o, ... and
// e = o - x[s+2], ..., all exact in int16 and int32:
//     z(s) = d.u + o.(u+v)        z(s+1) = o.(u+v) - e.v
// which is 54 multiplications in the place of 72. Words hold an element of one row and that below it.
//
// Filters are packed by fours into records: what sums start from (-bias - threshold), the same for no place at all
// (-threshold, which no relu lets through), u+v, u, -v, and the sums of both relus of each filter.
#define WORDS (9) // of d, o and e: 3 columns in 3 pairs of rows
#define RECORD (4 + 4 + 3 * 4 * WORDS + 2 * 4)
#define SUMS (RECORD - 2 * 4)
#define QUAD (3 * 2 * WORDS) // words of two pairs: o, d and e, each [word][pair]
#define STRIDE (12) // words of a row of a block, which has 11 columns and 10 rows of words at most
#define PLANE (10 * STRIDE)

_Static_assert(RIDGE_POOL_ROOM(4) == RECORD + QUAD + 2 * PLANE, "ridge.h");

static void pack_filters(const struct ridge_filters *by, uint32_t *room) {
    uint32_t *record = room;
    for (size_t j = 0; j < by->q; j += 4, record += RECORD) {
        for (size_t f = 0; f < 4; ++f) {
            const int16_t *w = by->w + (j + f) * RIDGE_PATCH_LEN;
            uint32_t *to = record + f;
            to[0] = (uint32_t)(-by->bias[j + f] - by->threshold);
            to[4] = (uint32_t)-by->threshold;
            record[SUMS + 2 * f] = record[SUMS + 2 * f + 1] = 0;
            to += 8;
            for (size_t i = 0; i < WORDS; ++i, to += 4) {
                const int16_t *above = w + i / 3 * 2 * RIDGE_PATCH + i % 3 * 2, *below = above + RIDGE_PATCH;
                to[0] = low_halves((uint32_t)(above[0] + above[1]), (uint32_t)(below[0] + below[1]));
                to[4 * WORDS] = low_halves((uint32_t)above[0], (uint32_t)below[0]);
                to[8 * WORDS] = low_halves((uint32_t)-above[1], (uint32_t)-below[1]);
            }
        }
    }
}

// Adds the relus of two pairs of places to the sums of all records up to `end`. second: where in a record, in bytes, the
// sums of the second pair start from. single: the pairs have no second place. All registers are in use, as in dot_2x4:
// r0 quad, r1 record, r4-r11 sums, r2 r3 r12 lr operands; on the stack: the sums of o.(u+v), end (#32), -2 threshold
// (#36), then second (#76) and single (#80).
static __attribute__((naked, noinline)) void respond(const uint32_t *quad, uint32_t *record, const uint32_t *end,
    int32_t minus_twice, size_t second, size_t single) {
#define STEP(data, filter) \
    "ldrd r2, r3, [r0, #" data "]\n" \
    "ldrd r12, lr, [r1, #" filter "]\n" \
    "smlad r4, r2, r12, r4\n" \
    "smlad r8, r3, r12, r8\n" \
    "smlad r5, r2, lr, r5\n" \
    "smlad r9, r3, lr, r9\n" \
    "ldrd r12, lr, [r1, #" filter "+8]\n" \
    "smlad r6, r2, r12, r6\n" \
    "smlad r10, r3, r12, r10\n" \
    "smlad r7, r2, lr, r7\n" \
    "smlad r11, r3, lr, r11\n"
#define DOT(data, filter) \
    STEP(data, filter) STEP(data "+8", filter "+16") STEP(data "+16", filter "+32") STEP(data "+24", filter "+48") \
    STEP(data "+32", filter "+64") STEP(data "+40", filter "+80") STEP(data "+48", filter "+96") \
    STEP(data "+56", filter "+112") STEP(data "+64", filter "+128")
    // a, b: z - threshold of a filter at both places; USAT takes what is below 0 to 0.
#define ADD_RELUS(a, b, sums) \
    "ldrd r2, r3, [r1, #" sums "]\n" \
    "usat r12, #31, " a "\n" \
    "add r2, r2, r12\n" \
    "sub " a ", lr, " a "\n" \
    "usat r12, #31, " b "\n" \
    "add r2, r2, r12\n" \
    "sub " b ", lr, " b "\n" \
    "usat " a ", #31, " a "\n" \
    "add r3, r3, " a "\n" \
    "usat " b ", #31, " b "\n" \
    "add r3, r3, " b "\n" \
    "strd r2, r3, [r1, #" sums "]\n"
#define POOL \
    "ldr lr, [sp, #36]\n" \
    ADD_RELUS("r4", "r8", "464") ADD_RELUS("r5", "r9", "472") ADD_RELUS("r6", "r10", "480") ADD_RELUS("r7", "r11", "488")
    __asm__ volatile(
        "push {r2-r11, lr}\n"
        "sub sp, sp, #32\n"
        "1:\n"
        "ldr r12, [sp, #76]\n"
        "ldmia r1, {r4-r7}\n"
        "add r12, r12, r1\n"
        "ldmia r12, {r8-r11}\n"
        DOT("0", "32")
        "stmia sp, {r4-r11}\n"
        DOT("72", "176")
        POOL
        "ldr r12, [sp, #80]\n"
        "cmp r12, #0\n"
        "bne.w 2f\n"
        "ldmia sp, {r4-r11}\n"
        DOT("144", "320")
        POOL
        "2:\n"
        "add r1, r1, #496\n"
        "ldr r12, [sp, #32]\n"
        "cmp r1, r12\n"
        "bne.w 1b\n"
        "add sp, sp, #32\n"
        "pop {r2-r11, pc}\n");
#undef STEP
#undef DOT
#undef ADD_RELUS
#undef POOL
}

// quad: o, d and e of the pairs of places that begin at words a and b of a block; d and e lie PLANE words behind o.
static __attribute__((noinline)) void pack_quad(const uint32_t *a, const uint32_t *b, uint32_t *quad) {
#define WORD(from, to) \
    "ldr r2, [%[a], #" from "+4]\n" \
    "ldr r3, [%[b], #" from "+4]\n" \
    "strd r2, r3, [%[to], #" to "]\n" \
    "ldrd r2, r3, [%[a], #" from "+480]\n" \
    "ldrd r4, r5, [%[b], #" from "+480]\n" \
    "strd r2, r4, [%[to], #" to "+72]\n" \
    "strd r3, r5, [%[to], #" to "+144]\n"
    __asm__ volatile(
        WORD("0", "0") WORD("8", "8") WORD("16", "16")
        WORD("96", "24") WORD("104", "32") WORD("112", "40")
        WORD("192", "48") WORD("200", "56") WORD("208", "64")
        :
        : [a] "r"(a), [b] "r"(b), [to] "r"(quad)
        : "r2", "r3", "r4", "r5", "memory");
#undef WORD
}

static inline uint32_t difference(uint32_t a, uint32_t b) {
    return (uint32_t)__ssub16((int16x2_t)a, (int16x2_t)b);
}

// The words of a block of rows x columns places, and their differences along the row. What precedes a row's differences is
// written too: the end of the row above, which nothing reads.
static void pack_block(const int16_t *x, size_t width, size_t rows, size_t columns, uint32_t *out) {
    const size_t wide = columns + RIDGE_PATCH - 1, even = wide / 2 * 2;
    for (size_t r = 0; r < rows + RIDGE_PATCH - 2; ++r, x += width, out += STRIDE) {
        const int16_t *above = x, *below = x + width;
        uint32_t last = 0;
        for (uint32_t *to = out; to < out + even; to += 2, above += 2, below += 2) {
            const uint32_t a = word_at(above), b = word_at(below);
            const uint32_t low = low_halves(a, b), high = high_halves(a, b);
            to[0] = low;
            to[1] = high;
            to[PLANE - 1] = difference(last, low);
            to[PLANE] = difference(low, high);
            last = high;
        }
        if (wide % 2) {
            const uint32_t low = low_halves((uint16_t)*above, (uint16_t)*below);
            out[even] = low;
            out[PLANE + even - 1] = difference(last, low);
        }
    }
}

// Two at a time, the pairs of places at every other word of a block's rows, `count` in each; or the places that have no
// neighbour, one in each row.
static __attribute__((noinline)) void respond_all(const uint32_t *block, size_t rows, size_t count, size_t single,
    const struct ridge_filters *by, uint32_t *records, uint32_t *quad) {
    const uint32_t *const end = records + by->q / 4 * RECORD;
    const uint32_t *first = NULL;
    for (size_t r = 0; r < rows; ++r, block += STRIDE) {
        for (const uint32_t *at = block; at < block + 2 * count; at += 2) {
            if (!first) {
                first = at;
                continue;
            }
            pack_quad(first, at, quad);
            respond(quad, records, end, -2 * by->threshold, 0, single);
            first = NULL;
        }
    }
    if (first) { // one is left: zeros for the other, and no bias
        pack_quad(first, first, quad);
        for (size_t i = 1; i < QUAD; i += 2) {
            quad[i] = 0;
        }
        respond(quad, records, end, -2 * by->threshold, 16, single);
    }
}

static void pool(const int16_t *x, size_t width, size_t rows, size_t columns, const struct ridge_filters *by,
    uint32_t *room, uint32_t *sums) {
    uint32_t *const records = room, *const quad = room + by->q / 4 * RECORD, *const block = quad + QUAD;
    pack_block(x, width, rows, columns, block);
    respond_all(block, rows, columns / 2, 0, by, records, quad);
    if (columns % 2) {
        respond_all(block + columns - 1, rows, 1, 1, by, records, quad);
    }
    uint32_t *sum = records + SUMS;
    for (size_t j = 0; j < by->q; j += 4, sum += RECORD, sums += 4) {
        for (size_t f = 0; f < 4; ++f) {
            sums[f] = sum[2 * f];
            sums[by->q + f] = sum[2 * f + 1];
            sum[2 * f] = sum[2 * f + 1] = 0;
        }
    }
}

// ---- floats ----

static inline const float *packed_row(const float *l, size_t i) {
    return l + ridge_packed_len(i);
}

// Both substitutions work on four columns of the panel at a time, kept one behind the other in `room`, so that one VLDM
// brings two rows of four.
static void spread(const float *b, size_t start, size_t m, size_t columns, float *room) {
    for (size_t c = 0; c < columns; c += 4, room += 4 * m) {
        for (size_t i = start; i < m; ++i) {
            memcpy(room + 4 * i, b + i * P + c, 4 * sizeof *b);
        }
    }
}

static void gather(const float *room, size_t start, size_t m, size_t columns, float *b) {
    for (size_t c = 0; c < columns; c += 4, room += 4 * m) {
        for (size_t i = start; i < m; ++i) {
            memcpy(b + i * P + c, room + 4 * i, 4 * sizeof *b);
        }
    }
}

// tile (4,4) -= l (4,count) y (count,4): rows l0..l3, y from its first row on; count is a multiple of 4.
static inline void subtract_rows(float *tile, const float *l0, const float *l1, const float *l2, const float *l3,
    const float *y, size_t count) {
    __asm__ volatile(
        "vldmia %[t], {s0-s15}\n"
        "cmp %[n], #0\n"
        "beq 2f\n"
        "1:\n"
#define TWO \
        "vldmia %[l0]!, {s16-s17}\n" \
        "vldmia %[l1]!, {s18-s19}\n" \
        "vldmia %[l2]!, {s20-s21}\n" \
        "vldmia %[l3]!, {s22-s23}\n" \
        "vldmia %[y]!, {s24-s31}\n" \
        "vfms.f32 s0, s16, s24\n" \
        "vfms.f32 s1, s16, s25\n" \
        "vfms.f32 s2, s16, s26\n" \
        "vfms.f32 s3, s16, s27\n" \
        "vfms.f32 s4, s18, s24\n" \
        "vfms.f32 s5, s18, s25\n" \
        "vfms.f32 s6, s18, s26\n" \
        "vfms.f32 s7, s18, s27\n" \
        "vfms.f32 s8, s20, s24\n" \
        "vfms.f32 s9, s20, s25\n" \
        "vfms.f32 s10, s20, s26\n" \
        "vfms.f32 s11, s20, s27\n" \
        "vfms.f32 s12, s22, s24\n" \
        "vfms.f32 s13, s22, s25\n" \
        "vfms.f32 s14, s22, s26\n" \
        "vfms.f32 s15, s22, s27\n" \
        "vfms.f32 s0, s17, s28\n" \
        "vfms.f32 s1, s17, s29\n" \
        "vfms.f32 s2, s17, s30\n" \
        "vfms.f32 s3, s17, s31\n" \
        "vfms.f32 s4, s19, s28\n" \
        "vfms.f32 s5, s19, s29\n" \
        "vfms.f32 s6, s19, s30\n" \
        "vfms.f32 s7, s19, s31\n" \
        "vfms.f32 s8, s21, s28\n" \
        "vfms.f32 s9, s21, s29\n" \
        "vfms.f32 s10, s21, s30\n" \
        "vfms.f32 s11, s21, s31\n" \
        "vfms.f32 s12, s23, s28\n" \
        "vfms.f32 s13, s23, s29\n" \
        "vfms.f32 s14, s23, s30\n" \
        "vfms.f32 s15, s23, s31\n"
        TWO TWO
        "subs %[n], %[n], #4\n"
        "bne.w 1b\n"
        "2:\n"
#undef TWO
        "vstmia %[t], {s0-s15}\n"
        : [l0] "+r"(l0), [l1] "+r"(l1), [l2] "+r"(l2), [l3] "+r"(l3), [y] "+r"(y), [n] "+l"(count)
        : [t] "r"(tile)
        : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "s16",
        "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30", "s31", "cc",
        "memory");
}

// b (count,4) -= l^T x for the four rows l0..l3 of L and x (4,4); row 3 first. count is a multiple of 4.
static inline void subtract_outer(float *b, const float *l0, const float *l1, const float *l2, const float *l3,
    const float *x, size_t count) {
    __asm__ volatile(
        "cmp %[n], #0\n"
        "beq 2f\n"
        "vldmia %[x], {s0-s15}\n"
        "1:\n"
#define TWO \
        "vldmia %[l3]!, {s22-s23}\n" \
        "vldmia %[l2]!, {s20-s21}\n" \
        "vldmia %[l1]!, {s18-s19}\n" \
        "vldmia %[l0]!, {s16-s17}\n" \
        "vldmia %[b], {s24-s31}\n" \
        "vfms.f32 s24, s22, s12\n" \
        "vfms.f32 s25, s22, s13\n" \
        "vfms.f32 s26, s22, s14\n" \
        "vfms.f32 s27, s22, s15\n" \
        "vfms.f32 s24, s20, s8\n" \
        "vfms.f32 s25, s20, s9\n" \
        "vfms.f32 s26, s20, s10\n" \
        "vfms.f32 s27, s20, s11\n" \
        "vfms.f32 s24, s18, s4\n" \
        "vfms.f32 s25, s18, s5\n" \
        "vfms.f32 s26, s18, s6\n" \
        "vfms.f32 s27, s18, s7\n" \
        "vfms.f32 s24, s16, s0\n" \
        "vfms.f32 s25, s16, s1\n" \
        "vfms.f32 s26, s16, s2\n" \
        "vfms.f32 s27, s16, s3\n" \
        "vfms.f32 s28, s23, s12\n" \
        "vfms.f32 s29, s23, s13\n" \
        "vfms.f32 s30, s23, s14\n" \
        "vfms.f32 s31, s23, s15\n" \
        "vfms.f32 s28, s21, s8\n" \
        "vfms.f32 s29, s21, s9\n" \
        "vfms.f32 s30, s21, s10\n" \
        "vfms.f32 s31, s21, s11\n" \
        "vfms.f32 s28, s19, s4\n" \
        "vfms.f32 s29, s19, s5\n" \
        "vfms.f32 s30, s19, s6\n" \
        "vfms.f32 s31, s19, s7\n" \
        "vfms.f32 s28, s17, s0\n" \
        "vfms.f32 s29, s17, s1\n" \
        "vfms.f32 s30, s17, s2\n" \
        "vfms.f32 s31, s17, s3\n" \
        "vstmia %[b]!, {s24-s31}\n"
        TWO TWO
        "subs %[n], %[n], #4\n"
        "bne.w 1b\n"
        "2:\n"
#undef TWO
        : [l0] "+r"(l0), [l1] "+r"(l1), [l2] "+r"(l2), [l3] "+r"(l3), [b] "+r"(b), [n] "+l"(count)
        : [x] "r"(x)
        : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "s16",
        "s17", "s18", "s19", "s20", "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30", "s31", "cc",
        "memory");
}

static inline void subtract_scaled(float *sum, float a, const float *y) {
    for (size_t c = 0; c < 4; ++c) {
        __asm__("vfms.f32 %0, %1, %2" : "+t"(sum[c]) : "t"(a), "t"(y[c]));
    }
}

static inline void scale(float *sum, float a) {
    for (size_t c = 0; c < 4; ++c) {
        sum[c] *= a;
    }
}

static void forward(const float *l, size_t start, size_t m, size_t columns, float *b, float *room) {
    spread(b, start, m, columns, room);
    size_t i = start;
    for (; i + 4 <= m; i += 4) {
        const float *l0 = packed_row(l, i), *l1 = packed_row(l, i + 1);
        const float *l2 = packed_row(l, i + 2), *l3 = packed_row(l, i + 3);
        float *y = room;
        for (size_t c = 0; c < columns; c += 4, y += 4 * m) { // these rows of L stay in the cache
            float *tile = y + 4 * i;
            subtract_rows(tile, l0 + start, l1 + start, l2 + start, l3 + start, y + 4 * start, i - start);
            scale(tile, l0[i]);
            subtract_scaled(tile + 4, l1[i], tile);
            scale(tile + 4, l1[i + 1]);
            subtract_scaled(tile + 8, l2[i], tile);
            subtract_scaled(tile + 8, l2[i + 1], tile + 4);
            scale(tile + 8, l2[i + 2]);
            subtract_scaled(tile + 12, l3[i], tile);
            subtract_scaled(tile + 12, l3[i + 1], tile + 4);
            subtract_scaled(tile + 12, l3[i + 2], tile + 8);
            scale(tile + 12, l3[i + 3]);
        }
    }
    for (; i < m; ++i) {
        const float *row = packed_row(l, i);
        float *y = room;
        for (size_t c = 0; c < columns; c += 4, y += 4 * m) {
            for (size_t k = start; k < i; ++k) {
                subtract_scaled(y + 4 * i, row[k], y + 4 * k);
            }
            scale(y + 4 * i, row[i]);
        }
    }
    gather(room, start, m, columns, b);
}

// Row by row of L from its end (four at a time), taking each solved x off all rows above: the same sums in the same order
// as the plain kernel's columns, but L is read along its rows, whole cache lines at a time.
static void backward(const float *l, size_t m, size_t columns, float *b, float *room) {
    spread(b, 0, m, columns, room);
    size_t k = m;
    while (k % 4 != 0) {
        --k;
        const float *row = packed_row(l, k);
        float *x = room;
        for (size_t c = 0; c < columns; c += 4, x += 4 * m) {
            scale(x + 4 * k, row[k]);
            for (size_t i = 0; i < k; ++i) {
                subtract_scaled(x + 4 * i, row[i], x + 4 * k);
            }
        }
    }
    while (k > 0) {
        k -= 4;
        const float *l0 = packed_row(l, k), *l1 = packed_row(l, k + 1);
        const float *l2 = packed_row(l, k + 2), *l3 = packed_row(l, k + 3);
        float *x = room;
        for (size_t c = 0; c < columns; c += 4, x += 4 * m) {
            float *tile = x + 4 * k;
            scale(tile + 12, l3[k + 3]);
            subtract_scaled(tile + 8, l3[k + 2], tile + 12);
            scale(tile + 8, l2[k + 2]);
            subtract_scaled(tile + 4, l3[k + 1], tile + 12);
            subtract_scaled(tile + 4, l2[k + 1], tile + 8);
            scale(tile + 4, l1[k + 1]);
            subtract_scaled(tile, l3[k], tile + 12);
            subtract_scaled(tile, l2[k], tile + 8);
            subtract_scaled(tile, l1[k], tile + 4);
            scale(tile, l0[k]);
            subtract_outer(x, l0, l1, l2, l3, tile, k);
        }
    }
    gather(room, 0, m, columns, b);
}

// tile (4,4) += sign of the instruction * u^T v: count rows, u and v 4 floats each, all three at their strides.
#define ACCUMULATE_4X4(name, instruction) \
    static inline void name(float *tile, size_t stride, const float *u, size_t u_bytes, const float *v, size_t v_bytes, \
        size_t count) { \
        float *t1 = tile + stride, *t2 = t1 + stride, *t3 = t2 + stride; \
        __asm__ volatile( \
            "cmp %[n], #0\n" \
            "beq 2f\n" \
            "vldmia %[t0], {s0-s3}\n" \
            "vldmia %[t1], {s4-s7}\n" \
            "vldmia %[t2], {s8-s11}\n" \
            "vldmia %[t3], {s12-s15}\n" \
            "1:\n" \
            "vldmia %[u], {s16-s19}\n" \
            "add %[u], %[u], %[us]\n" \
            "vldmia %[v], {s20-s23}\n" \
            "add %[v], %[v], %[vs]\n" \
            instruction " s0, s16, s20\n" \
            instruction " s1, s16, s21\n" \
            instruction " s2, s16, s22\n" \
            instruction " s3, s16, s23\n" \
            instruction " s4, s17, s20\n" \
            instruction " s5, s17, s21\n" \
            instruction " s6, s17, s22\n" \
            instruction " s7, s17, s23\n" \
            instruction " s8, s18, s20\n" \
            instruction " s9, s18, s21\n" \
            instruction " s10, s18, s22\n" \
            instruction " s11, s18, s23\n" \
            instruction " s12, s19, s20\n" \
            instruction " s13, s19, s21\n" \
            instruction " s14, s19, s22\n" \
            instruction " s15, s19, s23\n" \
            "subs %[n], %[n], #1\n" \
            "bne 1b\n" \
            "vstmia %[t0], {s0-s3}\n" \
            "vstmia %[t1], {s4-s7}\n" \
            "vstmia %[t2], {s8-s11}\n" \
            "vstmia %[t3], {s12-s15}\n" \
            "2:\n" \
            : [u] "+r"(u), [v] "+r"(v), [n] "+l"(count) \
            : [t0] "r"(tile), [t1] "r"(t1), [t2] "r"(t2), [t3] "r"(t3), [us] "r"(u_bytes), [vs] "r"(v_bytes) \
            : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", \
            "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23", "cc", "memory"); \
    }

ACCUMULATE_4X4(subtract_4x4, "vfms.f32")
ACCUMULATE_4X4(add_4x4, "vfma.f32")

static void square(const float *b, size_t m, float *sum) {
    const size_t bytes = P * sizeof *b;
    for (size_t r = 0; r < P; r += 4) {
        for (size_t s = 0; s <= r; s += 4) {
            subtract_4x4(sum + r * P + s, P, b + r, bytes, b + s, bytes, m);
        }
    }
}

#define BATCH (64) // rows of x converted to float at a time

// values (rows,4) = columns j..j+3 of x (rows,m), zeros where there are only `features` of them.
static inline void convert(const int16_t *x, size_t rows, size_t m, size_t features, float *values) {
    for (size_t r = 0; r < rows; ++r, x += m, values += 4) {
        values[0] = (float)x[0];
        if (features == 4) {
            values[1] = (float)x[1];
            values[2] = (float)x[2];
            values[3] = (float)x[3];
        } else {
            values[1] = features > 1 ? (float)x[1] : 0.0f;
            values[2] = features > 2 ? (float)x[2] : 0.0f;
            values[3] = 0.0f;
        }
    }
}

// A batch of rows of x at a time, whose cache lines serve 16 features; the sums are kept in out meanwhile. Tiles at the
// right and lower edges, and the coefficients of those at the right, are copied to where there is room for four.
static void combine(const int16_t *x, size_t n, size_t m, const float *c, size_t p, float *out) {
    const size_t whole = p / 4 * 4, part = p - whole;
    memset(out, 0, m * p * sizeof *out);
    for (size_t i = 0; i < n; i += BATCH) {
        const size_t rows = n - i < BATCH ? n - i : BATCH;
        const float *const coefficients = c + i * p;
        float values[4 * BATCH], narrow[4 * BATCH];
        if (part > 0) {
            memset(narrow, 0, 4 * rows * sizeof *narrow);
            for (size_t r = 0; r < rows; ++r) {
                for (size_t s = 0; s < part; ++s) {
                    narrow[4 * r + s] = coefficients[r * p + whole + s];
                }
            }
        }
        for (size_t j = 0; j < m; j += 4) {
            const size_t features = m - j < 4 ? m - j : 4;
            float *const to = out + j * p;
            convert(x + i * m + j, rows, m, features, values);
            for (size_t s = 0; s < p; s += 4) {
                const size_t columns = s < whole ? 4 : part;
                const float *const from = s < whole ? coefficients + s : narrow;
                const size_t bytes = (s < whole ? p : 4) * sizeof *from;
                if (features == 4 && columns == 4) {
                    add_4x4(to + s, p, values, 4 * sizeof *values, from, bytes, rows);
                    continue;
                }
                float tile[16] = {0};
                for (size_t f = 0; f < features; ++f) {
                    memcpy(tile + 4 * f, to + f * p + s, columns * sizeof *tile);
                }
                add_4x4(tile, 4, values, 4 * sizeof *values, from, bytes, rows);
                for (size_t f = 0; f < features; ++f) {
                    memcpy(to + f * p + s, tile + 4 * f, columns * sizeof *tile);
                }
            }
        }
    }
}

const struct ridge_kernels ridge_m7 = {
    .name = "m7",
    .gram = gram,
    .kernel = kernel,
    .product = product,
    .forward = forward,
    .backward = backward,
    .square = square,
    .combine = combine,
    .pack_filters = pack_filters,
    .pool = pool,
};

#else

typedef int ridge_m7_has_nothing_here; // C99 wants a declaration in every file

#endif
