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
    MANY_FILTERS = 32     /* for which it pays to copy x that they see */
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
    for (; width > 2 && l + 2 * LANES <= b.length; l += 2 * LANES)
        tile(rows, 2, &b, l, 2 * LANES);
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

/* Functions of their own for each shape of tile, or they run out of registers: AVX-512 has twice as many. The
   largest tiles hide best how long reading x takes: 8 rows of 3 vectors, 24 sums, of AVX-512's 32 registers,
   5 of 2 of AVX2's 16. */
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
#define OF_16(width, of_8) (LANES == 16 ? width : of_8)
SHAPE(1, 4) SHAPE(2, 4) SHAPE(3, OF_16(4, 3)) SHAPE(4, OF_16(4, 3)) SHAPE(5, OF_16(4, 2)) SHAPE(8, 3)
#undef OF_16
#undef SHAPE

/* Rows of the next tile: four, or five once fives take all that is left. */
INLINE long small_rows(long left) { return left < 4 ? left : left % 5 == 0 ? 5 : left == 6 ? 3 : 4; }

/* y of m filters. Taps that see no number twice, `apart`, see rows of x that often lie a power of two apart,
   and such rows share a few places of a cache: for many filters they are copied first. So are the last
   columns, fewer than LANES, since reading on would leave x. */
static void product(const Block all, long m, long apart)
{
    static void (*const of_rows[])(const Block *) = {0,       tiles_1, tiles_2, tiles_3, tiles_4,
                                                     tiles_5, 0,       0,       tiles_8};
    /* not on the stack, where dense layers took up to twice as long */
    static _Thread_local _Alignas(sizeof(Lanes)) float copied[TAPS][COLUMNS];
    long at_copy[TAPS];
    for (long l = 0, some; l < all.length; l += some) {
        some = all.length - l < LANES ? all.length - l : least(COLUMNS, (all.length - l) / LANES * LANES);
        const long is_of_fours = some / LANES % 3 && some / LANES % 4 == 0; /* vectors, not of threes */
        for (long k = 0; k < all.taps || k == 0; k += TAPS) {
            Block b = all;
            b.x += l, b.y += l, b.length = some, b.first = all.first && k == 0;
            b.tap += k, b.at += k, b.taps = least(TAPS, all.taps - k);
            long copies = some < LANES || (apart && m >= MANY_FILTERS);
            for (long t = 0; copies && t < b.taps; t++) {
                copy(b.x + b.at[t], some, copied[t]);
                at_copy[t] = t * COLUMNS;
            }
            if (copies)
                b.x = copied[0], b.at = at_copy;
            for (long left = m, rows; left > 0; left -= rows, b.w += rows * b.wm, b.y += rows * b.ym) {
                rows = LANES == 16 && left >= 8 && !is_of_fours ? 8 : small_rows(left);
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
static void dots(const Dots all)
{
    static void (*const of_rows[])(const Dots *) = {0, dots_1, dots_2, dots_3, dots_4, dots_5};
    _Alignas(sizeof(Lanes)) float packed[5 * 2 * REACH];
    for (long l = 0, some; l < all.length; l += some) {
        some = all.length - l < LANES ? all.length - l : least(REACH, (all.length - l) / LANES * LANES);
        for (long i = 0, rows; i < all.m; i += rows) {
            Dots d = all;
            d.dy += i * d.dm + l, d.x += l, d.sum += i * d.all, d.length = some;
            rows = small_rows(d.m - i);
            if (((long)d.dy | (d.dm | d.dr) * (long)sizeof(float)) % (long)sizeof(Lanes))
                pack(&d, rows, packed);
            of_rows[rows](&d);
        }
    }
}

/* The same for many filters and all taps, with a sum (m, all) of numbers, not of lanes: products of dy with
   blocks of x whose rows are made columns. */
static void dots_by_product(const Dots *d)
{
    static _Thread_local _Alignas(sizeof(Lanes)) float columns[TAPS][TAPS];
    long number[TAPS], at[TAPS];
    for (long t = 0; t < TAPS; t++)
        number[t] = t, at[t] = t * TAPS;
    for (long r = 0; r < d->rows; r++)
        for (long l = 0; l < d->length; l += TAPS)
            for (long k = 0, some = least(TAPS, d->length - l); k < d->taps; k += TAPS) {
                long taps = least(TAPS, d->taps - k);
                for (long i = 0; i < taps; i += LANES)
                    for (long j = 0; j < some; j += LANES) {
                        Lanes block[LANES];
                        UNROLL_LANES for (long v = 0; v < LANES; v++) block[v] = some_of(
                            d->x + d->at[least(k + i + v, d->taps - 1)] + r * d->xr + l + j, some - j);
                        transpose(block);
                        UNROLL_LANES for (long v = 0; v < LANES; v++) *(Lanes *)(columns[j + v] + i) = block[v];
                    }
                product((Block){d->dy + r * d->dr + l, columns[0], 0, (float *)d->sum + k, number, at, d->dm, d->all,
                                some, taps, 0}, d->m, 0);
            }
}
