/* Products of matrices: y (m, l) = a (m, k) @ b (k, l) + bias, a of any strides, b and y by rows. */

#include "export.h"
#include "product.h"
#include "threads.h"

#include <stdlib.h>

typedef struct {
    const float *a, *b, *bias;
    float *y;
    long am, ak, m, k, l, pieces;
} Arguments;

static long rows(void *arguments, long piece)
{
    const Arguments *p = arguments;
    long from = p->m * piece / p->pieces, to = p->m * (piece + 1) / p->pieces;
    long bytes = 2 * p->k * (long)sizeof(long), *tap = malloc(bytes), *at = tap + p->k;
    if (!tap)
        return bytes;
    for (long k = 0; k < p->k; k++) {
        tap[k] = k * p->ak;
        at[k] = k * p->l;
    }
    product(p->a + from * p->am, p->am, to - from, tap, p->b, at, p->k, p->y + from * p->l, p->l,
            p->l, p->bias ? p->bias + from : 0);
    free(tap);
    return 0;
}

/* bias: one for each row of y, or null. am, ak: numbers from one row and column of a to the next. */
EXPORT long xpcnn_matrix_product(const float *a, const float *b, const float *bias, float *y,
                                 long am, long ak, long m, long k, long l, long pieces, long threads)
{
    Arguments p = {a, b, bias, y, am, ak, m, k, l, pieces};
    return run_pieces(rows, &p, pieces, threads);
}
