/* Depthwise convolution, each channel of images x (c, h, w, n) with its own filter of 3 or 5 rows, and its
   gradients.

   Rows of the output that follow one another see mostly the same rows of x. So some are computed at once,
   and each vector of x is read once for all of them: reading takes as long as multiplying, and twice as long
   where a vector lies in two cache lines, as in most of NumPy's arrays. Rows of padding are read as zeros;
   columns of padding are skipped. */

#include "export.h"
#include "lanes.h"
#include "threads.h"

/* Rows of the output at once; at most: rows of x that they see, rows of a filter. */
enum { AT_ONCE = 4, SEEN = 11, TALL = 5 };

/* What is computed. For DX, x is dy and y is dx; for DW, y is dw and then db, from dy (c, rows, columns, n). */
enum { Y, DX, DW };

struct Arguments {
    const float *x, *weights, *bias, *dy;
    float *y;
    long of, c, h, w, n, rows, columns, kh, kw, sh, sw, top, left;
    _Alignas(8) float cap;
    long pieces, threads;
};

/* Rows p to p + AT_ONCE of channel c of the output, and the rows of x that they see. */
typedef struct {
    const float *x[SEEN];
    Lanes *sums; /* of each tap */
    long c, p;
} Rows;

/* Numbers l to l + left of pixel q of each row. Row m sees row r through row i of the filter. */
INLINE void pixel(const int of, const int kh, const int sh, const Arguments *a, const Rows *o, long q, long l,
                  const long left)
{
    const long row = a->columns * a->n, at = (o->c * a->rows + o->p) * row + q * a->n + l;
    const long step = of == DX ? a->sw : 1, move = of == DX ? -1 : 1;
    const long place = of == DX ? q + a->left : q * a->sw - a->left;
    const int seen = of == DX ? (AT_ONCE + kh - 1) / sh : (AT_ONCE - 1) * sh + kh;
    Lanes sum[AT_ONCE], tap[TALL];
    UNROLL for (long m = 0; m < AT_ONCE; m++)
        sum[m] = of == DW && o->p + m < a->rows ? read_for(kh, a->dy + at + m * row, left)
                                                : broadcast(a->bias ? a->bias[o->c] : 0);
    for (long j = of == DX ? place % step : 0, column = place / step; j < a->kw; j += step, column += move) {
        if (column < 0 || column >= a->w)
            continue;
        UNROLL for (long i = 0; i < kh; i++)
            tap[i] = of == DW ? o->sums[i * a->kw + j] : broadcast(a->weights[(o->c * kh + i) * a->kw + j]);
        UNROLL_LANES for (int r = 0; r < seen; r++) {
            Lanes in = read_for(kh, o->x[r] + column * a->n + l, left);
            UNROLL for (int m = 0; m < AT_ONCE; m++) {
                int i = of == DX ? m + kh - 1 - r * sh : r - m * sh;
                if (i >= 0 && i < kh && of == DW)
                    tap[i] += sum[m] * in;
                else if (i >= 0 && i < kh)
                    sum[m] += tap[i] * in;
            }
        }
        if (of == DW)
            UNROLL for (long i = 0; i < kh; i++) o->sums[i * a->kw + j] = tap[i];
    }
    UNROLL for (long m = 0; m < AT_ONCE; m++)
        if (of != DW && o->p + m >= 0 && o->p + m < a->rows)
            write_some(a->y + at + m * row, left, rectified(sum[m], a->cap));
}

INLINE void rows(const int of, const int kh, const int sh, const Arguments *a, Rows o, const float *zeros)
{
    long row = of == DX ? (o.p + a->top - kh + 1) / sh : o.p * sh - a->top, l;
    for (long r = 0; r < SEEN; r++, row++)
        o.x[r] = row >= 0 && row < a->h ? a->x + (o.c * a->h + row) * a->w * a->n : zeros;
    for (long q = 0; q < a->columns; q++) {
        for (l = 0; l + LANES <= a->n; l += LANES)
            pixel(of, kh, sh, a, &o, q, l, LANES);
        if (l < a->n)
            pixel(of, kh, sh, a, &o, q, l, a->n - l);
    }
}

static void rows_of_channel(const Arguments *a, Rows o, const float *zeros)
{
#define CASE(what, tall, stride)                                                                   \
    if (a->of == what && a->kh == tall && a->sh == stride)                                         \
        rows(what, tall, stride, a, o, zeros);
#define CASES(what) CASE(what, 3, 1) CASE(what, 3, 2) CASE(what, 5, 1) CASE(what, 5, 2)
    CASES(Y) CASES(DX) CASES(DW)
}

static long channels(const Arguments *a, long piece)
{
    long taps = a->kh * a->kw, row = a->columns * a->n, from, to;
    long bytes = taps * (long)sizeof(Lanes) + a->w * a->n * (long)sizeof(float);
    Lanes *sums = allocate(bytes);
    if (!sums)
        return bytes;
    float *zeros = (float *)((Lanes *)memset(sums, 0, bytes) + taps);
    range(a->c, piece, a->pieces, 1, &from, &to);
    for (long c = from; c < to; c++) {
        for (long p = a->of == DX ? -(a->top % a->sh) : 0; p < a->rows; p += AT_ONCE) {
            rows_of_channel(a, (Rows){.sums = sums, .c = c, .p = p}, zeros);
            for (long i = 0; a->of == DW && i < taps; i++) {
                a->y[c * taps + i] = total(sums[i]) + (p ? a->y[c * taps + i] : 0);
                sums[i] = broadcast(0);
            }
        }
        if (a->of == DW)
            a->y[a->c * taps + c] = (float)sum_of_row(a->dy + c * a->rows * row, a->rows * row);
    }
    free(sums);
    return 0;
}

/* y (c, rows, columns, n) = conv(x, weights) + bias, then ReLU up to `cap`; or its gradients, see `of`. */
EXPORT long xpcnn_depthwise(const Arguments *a) { return run_pieces(channels, a, a->pieces, a->threads); }
