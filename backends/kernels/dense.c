/* Products of matrices: y (m, l) = a (m, k) @ b (k, l) + bias, a of any strides, b and y by rows. */

#include "export.h"
#include "product.h"
#include "threads.h"

#include <stdlib.h>

/* Two threads that share the columns take 0.66 to 0.95 of the time of two that share the rows, where
   there are 16,384 or more, but 1.05 to 1.25 where there are 1,568 to 4,096. */
enum {
    STRIP = 4 * COLUMNS, /* columns that are finished while they are in a cache */
    LONG = 8 * STRIP     /* columns from which threads share them */
};

struct Arguments {
    const float *a, *b, *bias;
    float *y;
    long am, ak, m, k, l, by_column;
    _Alignas(8) float cap;
    long pieces, threads;
};

static long part_of(const Arguments *p, long piece)
{
    long is_cut = p->by_column || p->l >= LONG, all = is_cut ? (p->l + LANES - 1) / LANES : p->m;
    long from = all * piece / p->pieces, to = all * (piece + 1) / p->pieces, row = is_cut ? 0 : from;
    long rows = is_cut ? p->m : to - from, end = is_cut && to * LANES < p->l ? to * LANES : p->l;
    const float *of_rows = p->bias && !p->by_column ? p->bias + row : 0;
    long bytes = 2 * p->k * (long)sizeof(long), *tap = malloc(bytes), *at = tap + p->k;
    if (!tap)
        return bytes;
    for (long k = 0; k < p->k; k++) {
        tap[k] = k * p->ak;
        at[k] = k * p->l;
    }
    for (long l = is_cut ? from * LANES : 0, some; l < end; l += some) {
        float *y = p->y + row * p->l + l;
        some = end - l < STRIP ? end - l : STRIP;
        product(p->a + row * p->am, p->am, rows, tap, p->b + l, at, p->k, y, p->l, some, of_rows);
        for (long m = 0; m < rows; m++, y += p->l) {
            for (long i = 0; p->by_column && p->bias && i < some; i++)
                y[i] += p->bias[l + i];
            rectify(y, some, p->cap);
        }
    }
    free(tap);
    return 0;
}

/* Threads share the rows of y or, by_column, its columns; bias: one for each of these, or null. Where a
   row is long, they share the columns in either case. ReLU up to `cap`. am, ak: numbers from one row and
   column of a to the next. */
EXPORT long xpcnn_matrix_product(const Arguments *a) { return run_pieces(part_of, a, a->pieces, a->threads); }
