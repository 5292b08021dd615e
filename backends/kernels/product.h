/* The two inner loops of every layer with weights, a block of the result at a time in registers.

   product: y[m][l] = bias[m] + sum over k of w[m * wm + tap[k]] * x[at[k] + l]
   dots:    the sum over l of dy[m][l] * x[at[k] + l], for every m and k

   A convolution over batch-last memory is a product without im2col: x moved by a tap of the filter
   is the same memory at another offset, so the columns need not be laid out. */

#pragma once

#include "lanes.h"

enum {
    TAPS = 96,            /* of a block: their part of x stays in the nearest cache */
    COLUMNS = 24 * LANES, /* of a block: a multiple of the columns of each tile */
    REACH = 512,          /* of a block of dots: a few rows of dy stay in the nearest cache */
    MANY = 16             /* taps for which it pays to move dy */
};

/* A part of a product: rows of `length` columns. With `first`, sums begin with the
   bias, else with y. */
typedef struct {
    const float *w, *x, *bias;
    float *y;
    const long *tap, *at;
    long wm, ym, taps, length, first;
} Block;

/* Sums over dy of m filters, dm apart, and where they are added: to sum[m * all + tap[k]], whose lanes
   are to be added up at the end. Of each, `length` numbers of `rows` rows, which are dr and xr apart. */
typedef struct {
    const float *dy, *x;
    const long *tap, *at;
    Lanes *sum;
    long dm, m, taps, all, length, rows, dr, xr;
} Dots;

#define MOST_ROWS 8
#define MOST_WIDTH 4
#define EACH UNROLL for (int m = 0; m < rows; m++) UNROLL for (int v = 0; v < width; v++)

/* A tile of rows * width vectors in registers, from column l on, of which `left` columns are written. */
INLINE void tile(const int rows, const int width, const Block *b, long l, long left)
{
    Lanes sum[MOST_ROWS][MOST_WIDTH], in[MOST_WIDTH];
    EACH sum[m][v] = broadcast(0);
    for (long k = 0; k < b->taps; k++) {
        const float *factor = b->w + b->tap[k], *from = b->x + b->at[k] + l;
        UNROLL for (int v = 0; v < width; v++) in[v] = *(const Lanes *)(from + v * LANES);
        EACH sum[m][v] += factor[m * b->wm] * in[v];
    }
    EACH {
        float *out = b->y + m * b->ym + l + v * LANES;
        Lanes start = b->first ? broadcast(b->bias ? b->bias[m] : 0) : some_of(out, left - v * LANES);
        write_some(out, left - v * LANES, sum[m][v] + start);
    }
}

INLINE void tiles(const int rows, const int width, const Block b)
{
    long l = 0;
    for (; l + width * LANES <= b.length; l += width * LANES)
        tile(rows, width, &b, l, width * LANES);
    for (; l < b.length; l += LANES)
        tile(rows, 1, &b, l, b.length - l);
}

/* The sums of taps k to k + width - 1, over vectors of which `left` numbers are read. */
INLINE void sums_of_taps(const int rows, const int width, const Dots *d, long k, const long left)
{
    Lanes sum[MOST_ROWS][MOST_WIDTH], in[MOST_WIDTH];
    const float *dy = d->dy, *x = d->x;
    EACH sum[m][v] = broadcast(0);
    for (long r = 0; r < d->rows; r++, dy += d->dr, x += d->xr)
        for (long l = 0; l < d->length; l += LANES) {
            UNROLL for (int v = 0; v < width; v++) in[v] = read_for(rows, x + d->at[k + v] + l, left);
            UNROLL for (int m = 0; m < rows; m++) {
                Lanes factor = read_for(width, dy + m * d->dm + l, left);
                UNROLL for (int v = 0; v < width; v++) sum[m][v] += factor * in[v];
            }
        }
    EACH d->sum[m * d->all + d->tap[k + v]] += sum[m][v];
}

INLINE void all_taps(const int rows, const int width, const Dots d, const long left)
{
    long k = 0;
    for (; k + width <= d.taps; k += width)
        sums_of_taps(rows, width, &d, k, left);
    for (; k < d.taps; k++)
        sums_of_taps(rows, 1, &d, k, left);
}

#undef EACH

/* Functions of their own for each shape of tile, or they run out of registers: AVX-512 has twice as many. */
#define SHAPE(rows, width)                                                                         \
    static __attribute__((noinline)) void tiles_##rows(const Block *b)                             \
    {                                                                                              \
        tiles(rows, width, *b);                                                                    \
    }                                                                                              \
    static __attribute__((noinline, unused)) void dots_##rows(const Dots *d)                       \
    {                                                                                              \
        if (d->length < LANES)                                                                     \
            all_taps(rows, 1, *d, d->length);                                                      \
        else                                                                                       \
            all_taps(rows, width, *d, LANES);                                                      \
    }
#if LANES == 16
SHAPE(1, 4) SHAPE(2, 4) SHAPE(3, 4) SHAPE(4, 4) SHAPE(5, 4) SHAPE(8, 3)
#else
SHAPE(1, 4) SHAPE(2, 4) SHAPE(3, 3) SHAPE(4, 3) SHAPE(5, 2) SHAPE(8, 3)
#endif
#undef SHAPE

/* Fours, until fives take all that is left. */
INLINE long small_rows(long left)
{
    return left < 4 ? left : left % 5 == 0 ? 5 : left == 6 ? 3 : 4;
}

/* The last columns, fewer than LANES, are of copies of x, since reading on would leave it. */
static void product(const float *w, long wm, long m, const long *tap, const float *x,
                    const long *at, long taps, float *y, long ym, long length, const float *bias)
{
    static void (*const of_rows[])(const Block *) = {0,       tiles_1, tiles_2, tiles_3, tiles_4,
                                                     tiles_5, 0,       0,       tiles_8};
    float copy[TAPS][LANES];
    long offset[TAPS];
    for (long l = 0, some; l < length; l += some) {
        some = length - l < LANES ? length - l : least(COLUMNS, (length - l) / LANES * LANES);
        for (long k = 0; k < taps || k == 0; k += TAPS) {
            Block b = {w, x + l, bias, y + l, tap + k, at + k, wm, ym, least(TAPS, taps - k), some, k == 0};
            for (long t = 0; some < LANES && t < b.taps; t++) {
                *(Lanes *)copy[t] = some_of(b.x + b.at[t], some);
                offset[t] = t * LANES;
            }
            if (some < LANES)
                b.x = copy[0], b.at = offset;
            for (long left = m, rows; left > 0; left -= rows, b.w += rows * wm, b.y += rows * ym) {
                rows = LANES == 16 && left >= 8 ? 8 : small_rows(left);
                of_rows[rows](&b);
                b.bias += b.bias ? rows : 0;
            }
        }
    }
}

/* Copy the rows of dy of some filters, one after another, to where each begins with a whole vector of
   memory: read for many taps, vectors in two cache lines would take 1.2 to 1.4 times as long. */
INLINE void pack(Dots *d, long filters, float *packed)
{
    const float *dy = d->dy;
    long step = up(d->length, LANES);
    for (long m = 0; m < filters; m++)
        for (long r = 0; r < d->rows; r++)
            copy(dy + m * d->dm + r * d->dr, d->length, packed + (m * d->rows + r) * step);
    d->dy = packed, d->dr = step, d->dm = d->rows * step;
}

/* rows: at most 1 + REACH / length */
INLINE void dots(Dots d)
{
    static void (*const of_rows[])(const Dots *) = {0, dots_1, dots_2, dots_3, dots_4, dots_5};
    _Alignas(sizeof(Lanes)) float packed[5 * 2 * REACH];
    for (long l = 0, some; l < d.length; l += some) {
        some = d.length - l < LANES ? d.length - l : least(REACH, (d.length - l) / LANES * LANES);
        for (long i = 0, rows; i < d.m; i += rows) {
            Dots part = d;
            part.dy += i * d.dm + l, part.x += l, part.sum += i * d.all, part.length = some;
            rows = small_rows(d.m - i);
            if (d.taps >= MANY && ((long)part.dy | (d.dm | d.dr) * (long)sizeof(float)) % (long)sizeof(Lanes))
                pack(&part, rows, packed);
            of_rows[rows](&part);
        }
    }
}
