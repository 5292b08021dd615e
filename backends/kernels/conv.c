/* Convolution of images x (c, h, w, n), memory in that order, with filters (f, c, kh, kw).

   Which taps of the filter lie on the image, and on which pixel, is in tables, one for each axis.
   A segment is pixels side by side that see the same taps: one product over segment * n columns.
   With stride 1 it is a row without its borders. The gradient of x is the same with other tables, and
   so is the gradient of the filters, by dots in place of products. With a stride, every so many-th
   column of the gradient of x sees the same taps: tables have these side by side, and so has a strip,
   from which they are copied to their places.

   In groups, filters (groups, f, c, kh, kw) see images (groups, c, h, w, n), each group its own: f and
   c are those of a group, and memory is that of so many convolutions in a row. */

#include "export.h"
#include "pool_row.h"
#include "product.h"
#include "threads.h"

#include <stdlib.h>

enum {
    SUMS_BYTES = 1 << 21, /* of the sums of a group of filters, in each thread */
    PARTIAL = 1 << 14,    /* numbers after which these sums are added to the gradient */
    TOGETHER = 40         /* filters of a strip: of whole tiles */
};

typedef struct {
    long c, h, w, kh, kw;                 /* of the image, of the filters */
    long rows, columns;                   /* of the output */
    const long *row_first, *row_tap, *row_at; /* row p: taps row_tap[i] on image rows row_at[i],
                                                 i from row_first[p] to row_first[p + 1] */
    long segments;
    const long *from, *to;                /* segment r: output columns from[r] to to[r] */
    const long *segment_first, *segment_tap, *segment_at; /* as for rows, on the columns of the
                                                             first pixel */
    const long *place;                    /* column q is place[q] of y, unless null; then q is */
} TapTable;

typedef struct {
    const TapTable *o;
    const float *x, *w, *bias, *dy, *y;
    float *out;
    uint8_t *winner;
    long n, f, groups, ph, pw;
    _Alignas(8) float cap;
    long pieces, threads;
} Arguments;

static long taps_of(const TapTable *o)
{
    return o->c * o->kh * o->kw;
}

static long lists_bytes(const TapTable *o)
{
    return 2 * taps_of(o) * (long)sizeof(long);
}

/* Return the arguments of one group; `out` numbers are in the output of a filter. */
static Arguments of_group(const Arguments *all, long g, long out)
{
    Arguments a = *all;
    const TapTable *o = a.o;
    a.x += g * o->c * o->h * o->w * a.n;
    a.w += a.w ? g * a.f * taps_of(o) : 0;
    a.bias += a.bias ? g * a.f : 0;
    a.out += g * a.f * out;
    a.winner += a.winner ? g * a.f * out : 0;
    return a;
}

/* List the taps of a segment of row p: their offset in a filter, and in x that of the first number.
   Taps on padding are left out: an infinite weight times padding, NaN in the reference, adds 0. */
static long list(const TapTable *o, long n, long p, long r, long *tap, long *at)
{
    long k = 0;
    for (long c = 0; c < o->c; c++)
        for (long i = o->row_first[p]; i < o->row_first[p + 1]; i++)
            for (long j = o->segment_first[r]; j < o->segment_first[r + 1]; j++, k++) {
                tap[k] = (c * o->kh + o->row_tap[i]) * o->kw + o->segment_tap[j];
                at[k] = ((c * o->h + o->row_at[i]) * o->w + o->segment_at[j]) * n;
            }
    return k;
}

/* Write row p of the output of every filter to y, `ym` numbers apart. */
static void row(const Arguments *a, long p, float *y, long ym, long *lists)
{
    const TapTable *o = a->o;
    long all = taps_of(o), *tap = lists, *at = lists + all;
    float *strip = (float *)(at + all);
    for (long r = 0; r < o->segments; r++) {
        long taps = list(o, a->n, p, r, tap, at), length = (o->to[r] - o->from[r]) * a->n;
        if (!o->place) {
            product(a->w, all, a->f, tap, a->x, at, taps, y + o->from[r] * a->n, ym, length, a->bias);
            continue;
        }
        for (long f = 0, some; f < a->f; f += some) {
            some = a->f - f < TOGETHER ? a->f - f : TOGETHER;
            product(a->w + f * all, all, some, tap, a->x, at, taps, strip, length, length,
                    a->bias ? a->bias + f : 0);
            for (long m = f; m < f + some; m++)
                for (long q = o->from[r]; q < o->to[r]; q++)
                    memcpy(y + m * ym + o->place[q] * a->n,
                           strip + (m - f) * length + (q - o->from[r]) * a->n, a->n * sizeof *y);
        }
    }
}

static long conv_rows(const void *arguments, long piece)
{
    const Arguments *all = arguments;
    const TapTable *o = all->o;
    long ph = all->ph, pw = all->pw, pooled = ph * pw > 1, n = all->n, across = o->columns * n;
    long rows = o->rows / ph, columns = o->columns / pw, size = rows * columns * n, every = all->groups * rows;
    long strips = pooled ? ph * all->f : o->place ? TOGETHER : 0; /* tables with places are never pooled */
    long bytes = lists_bytes(o) + strips * across * (long)sizeof(float);
    long *lists = malloc(bytes);
    float *strip = (float *)(lists + 2 * taps_of(o));
    if (!lists)
        return bytes;
    for (long r = every * piece / all->pieces; r < every * (piece + 1) / all->pieces; r++) {
        Arguments a = of_group(all, r / rows, size);
        long at = r % rows * columns * n, ym = pooled ? ph * across : size;
        float *sums = pooled ? strip : a.out + at;
        for (long i = 0; i < ph; i++)
            row(&a, r % rows * ph + i, sums + i * across, ym, lists);
        for (long f = 0; f < a.f; f++, at += size, sums += ym)
            if (pooled)
                pool_row(sums, across, n, ph, pw, columns, a.out + at, a.winner ? a.winner + at : 0);
            else
                rectify(sums, across, a.cap);
    }
    free(lists);
    return 0;
}

/* out (groups, f, rows, columns, n) = conv(x, w) + bias, then ReLU up to `cap`. With windows larger than
   1 x 1, out and winner are (groups, f, rows / ph, columns / pw, n): max pooling of the ReLU, and which
   element of each window it is, unless winner is null. */
EXPORT long xpcnn_conv(const Arguments *a) { return run_pieces(conv_rows, a, a->pieces, a->threads); }

static long unpool_rows(const void *arguments, long piece)
{
    const Arguments *a = arguments;
    const TapTable *o = a->o;
    long rows = o->rows / a->ph, out = o->columns / a->pw * a->n, all = a->f * rows;
    for (long r = all * piece / a->pieces; r < all * (piece + 1) / a->pieces; r++) {
        float *dx = a->out + (r / rows * o->rows + r % rows * a->ph) * o->columns * a->n;
        unpool_row(a->dy + r * out, a->y + r * out, a->winner + r * out, dx, o->columns, a->n, a->ph, a->pw);
    }
    return 0;
}

/* out (f, rows, columns, n), the gradient before ReLU and pooling; what no window holds stays. */
EXPORT long xpcnn_unpool(const Arguments *a) { return run_pieces(unpool_rows, a, a->pieces, a->threads); }

/* Add sums to dw, and begin them anew: the longer a sum runs, the more of it is lost in rounding. */
static void fold(Lanes *sums, float *dw, long count)
{
    for (long i = 0; i < count; i++) {
        dw[i] += total(sums[i]);
        sums[i] = broadcast(0);
    }
}

/* The part of dw and of db that comes from some of the rows, some filters at a time, whose sums stay in
   a cache. */
static long filters_of_rows(const Arguments *a, long from, long to, float *part, float *db)
{
    const TapTable *o = a->o;
    long all = taps_of(o), across = o->columns * a->n, stride = o->rows * across;
    long group = SUMS_BYTES / (all * (long)sizeof(Lanes)) / 20 * 20; /* for whole tiles of 4 or 5 */
    group = group < 20 ? 20 : group;
    group = group < a->f ? group : a->f;
    long bytes = lists_bytes(o) + group * all * (long)sizeof(Lanes), *lists = malloc(bytes);
    Lanes *sums = (Lanes *)(lists + 2 * all);
    if (!lists)
        return bytes;
    memset(part, 0, a->f * all * sizeof *part);
    for (long g = 0; g < a->f; g += group) {
        long some = a->f - g < group ? a->f - g : group;
        const float *dy = a->dy + g * stride;
        memset(sums, 0, some * all * sizeof *sums);
        for (long p = from, numbers = 0; p < to; p++) {
            for (long r = 0; r < o->segments; r++) {
                long taps = list(o, a->n, p, r, lists, lists + all);
                dots(dy + p * across + o->from[r] * a->n, stride, some, a->x, lists + all, lists, taps,
                     (o->to[r] - o->from[r]) * a->n, sums, all);
            }
            numbers += across;
            if (numbers >= PARTIAL || p + 1 == to) {
                fold(sums, part + g * all, some * all);
                numbers = 0;
            }
        }
        for (long f = 0; f < some; f++)
            db[g + f] = (float)sum_of_row(dy + f * stride + from * across, (to - from) * across);
    }
    free(lists);
    return 0;
}

static long filter_rows(const void *arguments, long piece)
{
    const Arguments *all = arguments;
    const TapTable *o = all->o;
    long from = o->rows * piece / all->pieces, to = o->rows * (piece + 1) / all->pieces;
    long dw = all->f * taps_of(o), dy = all->f * o->rows * o->columns * all->n, missing = 0;
    float *part = all->out + piece * all->groups * (dw + all->f);
    for (long g = 0; g < all->groups && !missing; g++) {
        Arguments a = of_group(all, g, 0);
        a.dy += g * dy;
        missing = filters_of_rows(&a, from, to, part + g * dw, part + all->groups * dw + g * a.f);
    }
    return missing;
}

/* out (pieces, groups * f * (c * kh * kw + 1)): dw (groups, f, c, kh, kw) and then db (groups, f), for
   dy (groups, f, rows, columns, n), from each piece of the rows. */
EXPORT long xpcnn_conv_dw(const Arguments *a) { return run_pieces(filter_rows, a, a->pieces, a->threads); }
