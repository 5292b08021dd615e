/* Products of matrices: y (m, l) = a (m, k) @ b (k, l) + bias, a of any strides, b and y by rows; sums of
   rows. */

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

typedef struct {
    const float *a, *b, *bias;
    float *y;
    float cap;
    long am, ak, m, k, l, by_column, pieces;
} Arguments;

static long part_of(void *arguments, long piece)
{
    const Arguments *p = arguments;
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
EXPORT long xpcnn_matrix_product(const float *a, const float *b, const float *bias, float *y,
                                 long am, long ak, long m, long k, long l, long by_column, float cap,
                                 long pieces, long threads)
{
    Arguments p = {a, b, bias, y, cap, am, ak, m, k, l, by_column, pieces};
    return run_pieces(part_of, &p, pieces, threads);
}

/* sums (rows,) of the rows of x (rows, length) */
EXPORT long xpcnn_row_sums(const float *x, float *sums, long rows, long length)
{
    for (long m = 0; m < rows; m++)
        sums[m] = (float)sum_of_row(x + m * length, length);
    return 0;
}
