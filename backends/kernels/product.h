/* The two inner loops of every layer with weights, a block of the result at a time in registers.

   product: y[m][l] = bias[m] + sum over k of w[m * wm + tap[k]] * x[at[k] + l]
   dots:    the sum over l of dy[m][l] * x[at[k] + l], for every m and k

   A convolution over batch-last memory is a product without im2col: x moved by a tap of the filter
   is the same memory at another offset, so the columns need not be laid out. */

#ifndef XPCNN_PRODUCT_H
#define XPCNN_PRODUCT_H

#include <string.h>

#ifdef __AVX512F__
#define LANES 16
#else
#define LANES 8
#endif

typedef float Lanes __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")

enum {
    TAPS = 96,          /* of a block: their part of x stays in the nearest cache */
    COLUMNS = 24 * LANES, /* of a block: a multiple of the columns of each tile */
    REACH = 512           /* of a block of dots: a few rows of dy stay in the nearest cache */
};

INLINE Lanes spread(float x)
{
    return x - (Lanes){0};
}

/* One tile: rows * width vectors of y. Constants where it is called, so all of it is in registers:
   4 * 2, 3 * 3 and 2 * 4 vectors reach 60 to 72 of sgemm's 79 GFLOP/s, 4 * 3 half of that. */
INLINE void tile(const int rows, const int width, const float *w, long wm, const long *tap,
                 const float *x, const long *at, long taps, float *y, long ym, const float *bias,
                 int first)
{
    Lanes sum[4][4];
    UNROLL for (int m = 0; m < rows; m++)
        UNROLL for (int v = 0; v < width; v++)
            sum[m][v] = first ? spread(bias ? bias[m] : 0.0f)
                              : *(Lanes *)(y + m * ym + v * LANES);
    for (long k = 0; k < taps; k++) {
        const float *factor = w + tap[k], *from = x + at[k];
        Lanes in[4];
        UNROLL for (int v = 0; v < width; v++)
            in[v] = *(const Lanes *)(from + v * LANES);
        UNROLL for (int m = 0; m < rows; m++)
            UNROLL for (int v = 0; v < width; v++)
                sum[m][v] += factor[m * wm] * in[v];
    }
    UNROLL for (int m = 0; m < rows; m++)
        UNROLL for (int v = 0; v < width; v++)
            *(Lanes *)(y + m * ym + v * LANES) = sum[m][v];
}

INLINE void tiles(const int rows, const int width, const float *w, long wm, const long *tap,
                  const float *x, const long *at, long taps, float *y, long ym, long length,
                  const float *bias, int first)
{
    long l = 0;
    for (; l + width * LANES <= length; l += width * LANES)
        tile(rows, width, w, wm, tap, x + l, at, taps, y + l, ym, bias, first);
    for (; l < length; l += LANES)
        tile(rows, 1, w, wm, tap, x + l, at, taps, y + l, ym, bias, first);
}

/* Three and three fill the registers better than four and two. */
INLINE long rows_of_tile(long left)
{
    return left <= 4 ? left : left == 5 || left == 6 || left == 9 ? 3 : 4;
}

/* Rows 0 to m - 1 of one block; length is a multiple of LANES. */
static void block(const float *w, long wm, long m, const long *tap, const float *x, const long *at,
                  long taps, float *y, long ym, long length, const float *bias, int first)
{
    for (long i = 0, rows; i < m; i += rows, w += rows * wm, y += rows * ym) {
        const float *b = bias ? bias + i : 0;
        switch (rows = rows_of_tile(m - i)) {
        case 4: tiles(4, 2, w, wm, tap, x, at, taps, y, ym, length, b, first); break;
        case 3: tiles(3, 3, w, wm, tap, x, at, taps, y, ym, length, b, first); break;
        case 2: tiles(2, 4, w, wm, tap, x, at, taps, y, ym, length, b, first); break;
        case 1: tiles(1, 4, w, wm, tap, x, at, taps, y, ym, length, b, first); break;
        }
    }
}

/* The last columns, fewer than LANES: with copies of x, since reading on would leave it. */
static void narrow(const float *w, long wm, long m, const long *tap, const float *x, const long *at,
                   long taps, float *y, long ym, long length, const float *bias)
{
    float copy[TAPS][LANES] = {{0}}, part[4][LANES];
    long place[TAPS];
    for (long k = 0; k < taps || k == 0; k += TAPS) {
        long some = taps - k < TAPS ? taps - k : TAPS;
        for (long t = 0; t < some; t++) {
            memcpy(copy[t], x + at[k + t], length * sizeof(float));
            place[t] = t * LANES;
        }
        for (long i = 0; i < m; i += 4) {
            long rows = m - i < 4 ? m - i : 4;
            for (long r = 0; k && r < rows; r++)
                memcpy(part[r], y + (i + r) * ym, length * sizeof(float));
            block(w + i * wm, wm, rows, tap + k, copy[0], place, some, part[0], LANES, LANES,
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

/* Add to sum[m * all + tap[k]], whose lanes are to be added up at the end. */
INLINE void dot_tile(const int rows, const int width, const float *dy, long dm, const float *x,
                     const long *at, const long *tap, long length, Lanes *sum, long all)
{
    Lanes part[4][4];
    UNROLL for (int m = 0; m < rows; m++)
        UNROLL for (int v = 0; v < width; v++)
            part[m][v] = sum[m * all + tap[v]];
    for (long l = 0; l < length; l += LANES) {
        Lanes in[4];
        UNROLL for (int v = 0; v < width; v++)
            in[v] = *(const Lanes *)(x + at[v] + l);
        UNROLL for (int m = 0; m < rows; m++) {
            Lanes factor = *(const Lanes *)(dy + m * dm + l);
            UNROLL for (int v = 0; v < width; v++)
                part[m][v] += factor * in[v];
        }
    }
    UNROLL for (int m = 0; m < rows; m++)
        UNROLL for (int v = 0; v < width; v++)
            sum[m * all + tap[v]] = part[m][v];
}

INLINE void dot_tiles(const int rows, const int width, const float *dy, long dm, const float *x,
                      const long *at, const long *tap, long taps, long length, Lanes *sum, long all)
{
    long k = 0;
    for (; k + width <= taps; k += width)
        dot_tile(rows, width, dy, dm, x, at + k, tap + k, length, sum, all);
    for (; k < taps; k++)
        dot_tile(rows, 1, dy, dm, x, at + k, tap + k, length, sum, all);
}

/* The last columns, fewer than LANES. */
static void narrow_dots(const float *dy, long dm, long m, const float *x, const long *at,
                        const long *tap, long taps, long length, Lanes *sum, long all)
{
    for (long i = 0; i < m; i++)
        for (long k = 0; k < taps; k++) {
            float part = 0;
            for (long l = 0; l < length; l++)
                part += dy[i * dm + l] * x[at[k] + l];
            sum[i * all + tap[k]][0] += part;
        }
}

static void dots(const float *dy, long dm, long m, const float *x, const long *at, const long *tap,
                 long taps, long length, Lanes *sum, long all)
{
    long whole = length - length % LANES;
    for (long l = 0; l < whole; l += REACH) {
        long some = whole - l < REACH ? whole - l : REACH;
        for (long i = 0, rows; i < m; i += rows) {
            const float *d = dy + i * dm + l;
            Lanes *s = sum + i * all;
            switch (rows = rows_of_tile(m - i)) {
            case 4: dot_tiles(4, 2, d, dm, x + l, at, tap, taps, some, s, all); break;
            case 3: dot_tiles(3, 3, d, dm, x + l, at, tap, taps, some, s, all); break;
            case 2: dot_tiles(2, 4, d, dm, x + l, at, tap, taps, some, s, all); break;
            case 1: dot_tiles(1, 4, d, dm, x + l, at, tap, taps, some, s, all); break;
            }
        }
    }
    if (whole < length)
        narrow_dots(dy + whole, dm, m, x + whole, at, tap, taps, length - whole, sum, all);
}

#endif
