/* The two inner loops of every layer with weights, a block of the result at a time in registers.

   product: y[m][l] = bias[m] + sum over k of w[m * wm + tap[k]] * x[at[k] + l]
   dots:    the sum over l of dy[m][l] * x[at[k] + l], for every m and k

   A convolution over batch-last memory is a product without im2col: x moved by a tap of the filter
   is the same memory at another offset, so the columns need not be laid out. */

#ifndef XPCNN_PRODUCT_H
#define XPCNN_PRODUCT_H

#include "lanes.h"

enum {
    TAPS = 96,            /* of a block: their part of x stays in the nearest cache */
    COLUMNS = 24 * LANES, /* of a block: a multiple of the columns of each tile */
    REACH = 512           /* of a block of dots: a few rows of dy stay in the nearest cache */
};

/* The shapes of tiles. With AVX2, 5 * 2 and 3 * 3 vectors are as fast as sgemm, 4 * 2 nearly, 4 * 3 and
   6 * 2 half of that: the compiler runs out of registers. AVX-512 has twice as many: 8 * 3 take 0.85
   of the time of 4 * 2 in products, and more than it in dots. */
#if LANES == 16
#define ROWS 8
#define WIDTH 3
#include "tile.h"
#define ROWS 8
#define WIDTH 1
#include "tile.h"
#define CASE_8 CASE(8, 3)
#else
#define CASE_8
#endif
#define ROWS 5
#define WIDTH 2
#include "tile.h"
#define ROWS 4
#define WIDTH 2
#include "tile.h"
#define ROWS 3
#define WIDTH 3
#include "tile.h"
#define ROWS 2
#define WIDTH 4
#include "tile.h"
#define ROWS 1
#define WIDTH 4
#include "tile.h"
#define ROWS 5
#define WIDTH 1
#include "tile.h"
#define ROWS 4
#define WIDTH 1
#include "tile.h"
#define ROWS 3
#define WIDTH 1
#include "tile.h"
#define ROWS 2
#define WIDTH 1
#include "tile.h"
#define ROWS 1
#define WIDTH 1
#include "tile.h"

/* Fours, until fives take all that is left. */
INLINE long small_rows(long left)
{
    return left < 4 ? left : left % 5 == 0 ? 5 : left == 6 ? 3 : 4;
}

/* Eights first, where there are such tiles. */
INLINE long rows_of_tile(long left)
{
    return LANES == 16 && left >= 8 ? 8 : small_rows(left);
}

/* Rows 0 to m - 1 of one block; length is a multiple of LANES. */
static void block(const float *w, long wm, long m, const long *tap, const float *x, const long *at,
                  long taps, float *y, long ym, long length, const float *bias, int first)
{
    for (long i = 0, rows; i < m; i += rows, w += rows * wm, y += rows * ym) {
        const float *b = bias ? bias + i : 0;
        long l;
        switch (rows = rows_of_tile(m - i)) {
#define CASE(rows, width)                                                                          \
    case rows:                                                                                     \
        l = tiles_##rows##_##width(w, wm, tap, x, at, taps, y, ym, 0, length, b, first);           \
        tiles_##rows##_1(w, wm, tap, x, at, taps, y, ym, l, length, b, first);                     \
        break;
        CASE_8 CASE(5, 2) CASE(4, 2) CASE(3, 3) CASE(2, 4) CASE(1, 4)
#undef CASE
        }
    }
}

/* The last columns, fewer than LANES: with copies of x, since reading on would leave it. */
static void narrow(const float *w, long wm, long m, const long *tap, const float *x, const long *at,
                   long taps, float *y, long ym, long length, const float *bias)
{
    float copy[TAPS][LANES], part[4][LANES];
    long offset[TAPS];
    for (long k = 0; k < taps || k == 0; k += TAPS) {
        long some = taps - k < TAPS ? taps - k : TAPS;
        for (long t = 0; t < some; t++) {
            *(Lanes *)copy[t] = some_of(x + at[k + t], length);
            offset[t] = t * LANES;
        }
        for (long i = 0; i < m; i += 4) {
            long rows = m - i < 4 ? m - i : 4;
            for (long r = 0; k && r < rows; r++)
                memcpy(part[r], y + (i + r) * ym, length * sizeof(float));
            block(w + i * wm, wm, rows, tap + k, copy[0], offset, some, part[0], LANES, LANES,
                  bias ? bias + i : 0, k == 0);
            for (long r = 0; r < rows; r++)
                memcpy(y + (i + r) * ym, part[r], length * sizeof(float));
        }
    }
}

static void product(const float *w, long wm, long m, const long *tap, const float *x,
                    const long *at, long taps, float *y, long ym, long length, const float *bias)
{
    long whole = length - length % LANES;
    for (long l = 0; l < whole; l += COLUMNS)
        for (long k = 0; k < taps || k == 0; k += TAPS)
            block(w, wm, m, tap + k, x + l, at + k, taps - k < TAPS ? taps - k : TAPS, y + l, ym,
                  whole - l < COLUMNS ? whole - l : COLUMNS, bias, k == 0);
    if (whole < length)
        narrow(w, wm, m, tap, x + whole, at, taps, y + whole, ym, length - whole, bias);
}

/* The last columns, fewer than LANES. */
INLINE void narrow_dots(const float *dy, long dm, long m, const float *x, const long *at,
                        const long *tap, long taps, long length, Lanes *sum, long all)
{
    for (long i = 0; i < m; i++) {
        Lanes factor = some_of(dy + i * dm, length);
        for (long k = 0; k < taps; k++)
            sum[i * all + tap[k]] += factor * some_of(x + at[k], length);
    }
}

/* Add to sum[m * all + tap[k]], whose lanes are to be added up at the end. */
INLINE void dots(const float *dy, long dm, long m, const float *x, const long *at, const long *tap,
                 long taps, long length, Lanes *sum, long all)
{
    long whole = length - length % LANES;
    for (long l = 0; l < whole; l += REACH) {
        long some = whole - l < REACH ? whole - l : REACH;
        for (long i = 0, rows; i < m; i += rows) {
            const float *d = dy + i * dm + l;
            Lanes *s = sum + i * all;
            long k;
            switch (rows = small_rows(m - i)) {
#define CASE(rows, width)                                                                          \
    case rows:                                                                                     \
        k = dots_##rows##_##width(d, dm, x + l, at, tap, 0, taps, some, s, all);                   \
        dots_##rows##_1(d, dm, x + l, at, tap, k, taps, some, s, all);                             \
        break;
            CASE(5, 2) CASE(4, 2) CASE(3, 3) CASE(2, 4) CASE(1, 4)
#undef CASE
            }
        }
    }
    if (whole < length)
        narrow_dots(dy + whole, dm, m, x + whole, at, tap, taps, length - whole, sum, all);
}

#endif
