/* Images whose pixels are weighted sums of a few rows and columns of other images: upsampling, means of
   adaptive windows, and their gradients.

   y[p][q] = sum over rows r of p, weight u, and over columns s of q, weight v, of (u v) x[r][s] */

#include "export.h"
#include "lanes.h"
#include "threads.h"

enum { TERMS = 64 }; /* of a sum in registers; more are added to y */

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
    const float *x[TERMS];
    float weight[TERMS];
    long count, added; /* whether to add to y */
} Sum;

INLINE void write_vectors(const Sum *s, float *y, long l, const long vectors)
{
    Lanes sum[4];
    UNROLL for (long v = 0; v < vectors; v++)
        sum[v] = s->added ? *(const Lanes *)(y + l + v * LANES) : broadcast(0);
    for (long i = 0; i < s->count; i++)
        UNROLL for (long v = 0; v < vectors; v++)
            sum[v] += s->weight[i] * *(const Lanes *)(s->x[i] + l + v * LANES);
    UNROLL for (long v = 0; v < vectors; v++) *(Lanes *)(y + l + v * LANES) = sum[v];
}

static void write_sum(const Sum *s, float *y, long n)
{
    long l = 0;
    for (; l + 4 * LANES <= n; l += 4 * LANES)
        write_vectors(s, y, l, 4);
    for (; l + LANES <= n; l += LANES)
        write_vectors(s, y, l, 1);
    for (; l < n; l++) {
        float sum = s->added ? y[l] : 0;
        for (long i = 0; i < s->count; i++)
            sum += s->weight[i] * s->x[i][l];
        y[l] = sum;
    }
}

/* Pixel (p, q) of channel x */
static void pixel(const Arguments *a, const float *x, long p, long q, float *y)
{
    const Axis *down = &a->down, *across = &a->across;
    Sum s;
    s.count = s.added = 0;
    for (long i = down->first[p]; i < down->first[p + 1]; i++)
        for (long j = across->first[q]; j < across->first[q + 1]; j++) {
            if (s.count == TERMS) {
                write_sum(&s, y, a->n);
                s.count = 0, s.added = 1;
            }
            s.x[s.count] = x + (down->at[i] * across->size + across->at[j]) * a->n;
            s.weight[s.count++] = (float)(down->weight[i] * across->weight[j]);
        }
    write_sum(&s, y, a->n);
}

static long rows(void *arguments, long piece)
{
    const Arguments *a = arguments;
    long out = a->down.out, all = a->channels * out;
    for (long r = all * piece / a->pieces; r < all * (piece + 1) / a->pieces; r++)
        for (long q = 0; q < a->across.out; q++)
            pixel(a, a->x + r / out * a->down.size * a->across.size * a->n, r % out, q,
                  a->y + (r * a->across.out + q) * a->n);
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
