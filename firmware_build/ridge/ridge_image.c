// Distorted copies of an image, in integers. See ridge.h.
#include "ridge_random.h"

#include "ridge.h"

#include <string.h>

#define ONE (65536) // 1 in Q16

// Where the pixels of a copy lie in the image: x = xx * column + xy * row + x0, y likewise, all Q16.
struct warp {
    int32_t xx, xy, x0, yx, yy, y0;
};

static int32_t times(int32_t a, int32_t b) { // Q16, rounded down
    return (int32_t)((int64_t)a * b >> 16);
}

// A whole number from -32768 to 32767.
static int32_t drawn(uint32_t *random) {
    return (int32_t)(ridge_random_next(random) >> 16) - 32768;
}

static struct warp warp_of(uint32_t seed, int32_t height, int32_t width) {
    uint32_t random = ridge_random_seeded(seed);
    const int32_t angle = 19661 * drawn(&random) >> 15;       // +-0.3 radians
    const int32_t scale = ONE + (13107 * drawn(&random) >> 15); // 0.8 to 1.2
    const int32_t shear = 19661 * drawn(&random) >> 15;       // +-0.3
    const int32_t down = (int32_t)((int64_t)height * 3511 * drawn(&random) >> 15); // +-1.5 pixels of 28
    const int32_t right = (int32_t)((int64_t)width * 3511 * drawn(&random) >> 15);
    const int32_t square = angle * angle >> 16;
    const int32_t sine = angle * (ONE - square / 6) >> 16;
    const int32_t cosine = ONE - square / 2 + (square * square >> 16) / 24;
    // scale * rotation * shear, applied to where the pixel is from the middle.
    struct warp by = {
        .xx = times(scale, cosine),
        .xy = times(scale, times(cosine, shear) - sine),
        .yx = times(scale, sine),
        .yy = times(scale, times(sine, shear) + cosine),
    };
    // The first pixel is 1 - width, 1 - height half pixels from the middle, which is (width - 1) / 2 to the right.
    by.x0 = ((by.xx * (1 - width) + by.xy * (1 - height)) >> 1) + (width - 1) * (ONE / 2) + right;
    by.y0 = ((by.yx * (1 - width) + by.yy * (1 - height)) >> 1) + (height - 1) * (ONE / 2) + down;
    return by;
}

static int32_t pixel(const uint8_t *image, int32_t height, int32_t width, int32_t row, int32_t column) {
    return row >= 0 && row < height && column >= 0 && column < width ? image[row * width + column] : 0;
}

// Of a and b, part 256ths of the way.
static inline int32_t between(int32_t a, int32_t b, int32_t part) {
    return a * 256 + (b - a) * part;
}

static void warp(const uint8_t *image, int32_t height, int32_t width, const struct warp *by, uint8_t *out) {
    const uint32_t rows = (uint32_t)height - 1, columns = (uint32_t)width - 1;
    const int32_t xx = by->xx, yx = by->yx;
    // Places in 256ths of a pixel, rounded.
    int32_t x0 = by->x0 + 128, y0 = by->y0 + 128;
    for (int32_t i = 0; i < height; ++i, x0 += by->xy, y0 += by->yy) {
        int32_t x = x0, y = y0;
        for (int32_t j = 0; j < width; ++j, x += xx, y += yx) {
            const int32_t column = x >> 16, row = y >> 16;
            int32_t a = 0, b = 0, c = 0, d = 0;
            if ((uint32_t)row < rows && (uint32_t)column < columns) {
                const uint8_t *at = image + row * width + column;
                a = at[0];
                b = at[1];
                c = at[width];
                d = at[width + 1];
            } else if ((uint32_t)row + 1 < rows + 2 && (uint32_t)column + 1 < columns + 2) { // at the edge
                a = pixel(image, height, width, row, column);
                b = pixel(image, height, width, row, column + 1);
                c = pixel(image, height, width, row + 1, column);
                d = pixel(image, height, width, row + 1, column + 1);
            }
            int32_t value = a | b | c | d; // most are blank, all four
            if (value != 0) {
                const int32_t right = x >> 8 & 255, down = y >> 8 & 255;
                value = (between(between(a, b, right), between(c, d, right), down) + 32768) >> 16;
            }
            *out++ = (uint8_t)value;
        }
    }
}

void ridge_copies(const uint8_t *image, size_t height, size_t width, size_t first, size_t count, uint8_t *out) {
    const uint32_t crc = ridge_crc32(image, height * width, 0);
    for (size_t j = first; j < first + count; ++j, out += height * width) {
        const struct warp by = warp_of(crc + (uint32_t)j, (int32_t)height, (int32_t)width);
        warp(image, (int32_t)height, (int32_t)width, &by, out);
    }
}
