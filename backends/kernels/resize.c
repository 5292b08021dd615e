/* Images whose pixels are weighted sums of a few rows and columns of other images: upsampling, means of
   adaptive windows, and their gradients.

   y[p][q] = sum over rows r of p, weight u, and over columns s of q, weight v, of (u v) x[r][s]

   The terms of a row of y are listed once for a few channels: of long rows for two, more were slower. */

#include "export.h"
#include "lanes.h"
#include "threads.h"

#include <stdlib.h>

enum { BYTES = 1 << 13 }; /* of rows of channels whose terms are listed once */

typedef struct {
    long size, out;
    const long *first, *at; /* of output p: entries first[p] to first[p + 1], on input at[i] */
    const double *weight;
} Axis;

typedef struct {
    const float *x;
    float *y;
    long n, channels, pieces;
    Axis down, across;
} Arguments;

typedef struct {
    long at; /* in a channel of x */
    float weight;
} Term;

/* List the terms of row p. */
static void list(const Arguments *a, long p, Term *terms)
{
    const Axis *down = &a->down, *across = &a->across;
    for (long q = 0; q < across->out; q++)
        for (long i = down->first[p]; i < down->first[p + 1]; i++)
            for (long j = across->first[q]; j < across->first[q + 1]; j++)
                *terms++ = (Term){(down->at[i] * across->size + across->at[j]) * a->n,
                                  (float)(down->weight[i] * across->weight[j])};
}

/* Write some vectors of a sum: `left` numbers, or fewer vectors than are left. */
INLINE void write_sum(const Term *terms, long count, const float *x, float *y, long left, const long vectors)
{
    Lanes sum[4];
    UNROLL for (long v = 0; v < vectors; v++) sum[v] = broadcast(0);
    for (long i = 0; i < count; i++)
        UNROLL for (long v = 0; v < vectors; v++)
            sum[v] += terms[i].weight * some_of(x + terms[i].at + v * LANES, left - v * LANES);
    UNROLL for (long v = 0; v < vectors; v++) write_some(y + v * LANES, left - v * LANES, sum[v]);
}

static void write_row(const Arguments *a, const Term *terms, long rows, const float *x, float *y)
{
    for (long q = 0, count; q < a->across.out; q++, terms += count, y += a->n) {
        long l = 0;
        count = rows * (a->across.first[q + 1] - a->across.first[q]);
        for (; l + 4 * LANES <= a->n; l += 4 * LANES)
            write_sum(terms, count, x + l, y + l, 4 * LANES, 4);
        for (; l < a->n; l += LANES)
            write_sum(terms, count, x + l, y + l, a->n - l, 1);
    }
}

static long rows(void *arguments, long piece)
{
    const Arguments *a = arguments;
    const Axis *down = &a->down, *across = &a->across;
    long out = down->out, row = across->size > across->out ? across->size : across->out, most = 0;
    long some = 1 + BYTES / (row * a->n * (long)sizeof(float));
    long all = (a->channels + some - 1) / some * out;
    for (long p = 0; p < out; p++)
        most = down->first[p + 1] - down->first[p] > most ? down->first[p + 1] - down->first[p] : most;
    long bytes = most * across->first[across->out] * (long)sizeof(Term);
    Term *terms = malloc(bytes);
    if (!terms && bytes)
        return bytes;
    for (long r = all * piece / a->pieces; r < all * (piece + 1) / a->pieces; r++) {
        long p = r % out, from = r / out * some, to = from + some < a->channels ? from + some : a->channels;
        list(a, p, terms);
        for (long c = from; c < to; c++)
            write_row(a, terms, down->first[p + 1] - down->first[p], a->x + c * down->size * across->size * a->n,
                      a->y + (c * out + p) * across->out * a->n);
    }
    free(terms);
    return 0;
}

/* y (channels, ho, wo, n) of x (channels, h, w, n), by the tables of both axes. */
EXPORT long xpcnn_resize(const float *x, float *y, const long *row_first, const long *row_at,
                         const double *row_weight, const long *column_first, const long *column_at,
                         const double *column_weight, long channels, long h, long w, long ho, long wo,
                         long n, long pieces, long threads)
{
    Arguments a = {x, y, n, channels, pieces, {h, ho, row_first, row_at, row_weight},
                   {w, wo, column_first, column_at, column_weight}};
    return run_pieces(rows, &a, pieces, threads);
}
