/* Dropout: y = x / (1 - rate) where a uniform random number reaches the rate, else 0 x. */

#include "export.h"
#include "lanes.h"
#include "threads.h"

struct Arguments {
    const float *x, *uniform;
    float *y;
    _Alignas(8) float rate, scale;
    long rows, columns, pieces, threads;
};

static long drop_rows(const Arguments *a, long piece)
{
    long to = a->rows * (piece + 1) / a->pieces, n = a->columns;
    for (long r = a->rows * piece / a->pieces; r < to; r += LANES)
        for (long l = 0; l < n; l += LANES) {
            Lanes mask[LANES];
            UNROLL_LANES for (long k = 0; k < LANES; k++)
                mask[k] = l + k < n ? some_of(a->uniform + (l + k) * a->rows + r, to - r) : broadcast(0);
            transpose(mask);
            for (long k = 0; k < LANES && r + k < to; k++) {
                long at = (r + k) * n + l;
                Lanes kept = chosen(mask[k] >= a->rate, broadcast(a->scale), broadcast(0));
                write_some(a->y + at, n - l, some_of(a->x + at, n - l) * kept);
            }
        }
    return 0;
}

/* y, x (rows, columns), uniform (columns, rows); or dx of dy. */
EXPORT long xpcnn_dropout(const Arguments *a) { return run_pieces(drop_rows, a, a->pieces, a->threads); }
