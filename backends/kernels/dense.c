/* Products of matrices: y (m, l) = a (m, k) @ b (k, l) + bias, a of any strides, b and y by rows. */

#include "export.h"
#include "product.h"
#include "threads.h"

#include <stdlib.h>

typedef struct {
    const float *a, *b, *bias;
    float *y;
    long am, ak, m, k, l, by_column, pieces;
} Arguments;

static long part_of(void *arguments, long piece)
{
    const Arguments *p = arguments;
    long all = p->by_column ? p->l : p->m, from = all * piece / p->pieces;
    long some = all * (piece + 1) / p->pieces - from, bytes = 2 * p->k * (long)sizeof(long), *tap = malloc(bytes), *at = tap + p->k;
    if (!tap)
        return bytes;
    for (long k = 0; k < p->k; k++) {
        tap[k] = k * p->ak;
        at[k] = k * p->l;
    }
    if (p->by_column) {
        float *y = p->y + from;
        product(p->a, p->am, p->m, tap, p->b + from, at, p->k, y, p->l, some, 0);
        for (long m = 0; p->bias && m < p->m; m++, y += p->l)
            for (long l = 0; l < some; l++)
                y[l] += p->bias[from + l];
    } else
        product(p->a + from * p->am, p->am, some, tap, p->b, at, p->k, p->y + from * p->l, p->l, p->l,
                p->bias ? p->bias + from : 0);
    free(tap);
    return 0;
}

/* Threads share the rows of y or, by_column, its columns; bias: one for each of these, or null. am, ak:
   numbers from one row and column of a to the next. */
EXPORT long xpcnn_matrix_product(const float *a, const float *b, const float *bias, float *y,
                                 long am, long ak, long m, long k, long l, long by_column,
                                 long pieces, long threads)
{
    Arguments p = {a, b, bias, y, am, ak, m, k, l, by_column, pieces};
    return run_pieces(part_of, &p, pieces, threads);
}
