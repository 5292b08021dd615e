/* Products of matrices: y (m, l) = a (m, k) @ b (k, l) + bias, a of any strides, b and y by rows. */

#include "export.h"
#include "product.h"
#include "threads.h"

/* Two threads that share the columns take 0.66 to 0.95 of the time of two that share the rows, where
   there are 16,384 or more, but 1.05 to 1.25 where there are 1,568 to 4,096. */
enum {
    STRIP = 4 * COLUMNS, /* columns that are finished while they are in a cache; from as many on, rows lie
                            far apart: copied, they take 0.75 to 0.95 of the time */
    LONG = 8 * STRIP     /* columns from which threads share them */
};

enum { BY_COLUMN = 1, BY_TERM }; /* what threads share, else the rows of y; BY_TERM: the terms of each sum */

struct Arguments {
    const float *a, *b, *bias;
    float *y;
    long am, ak, m, k, l, share;
    _Alignas(8) float cap;
    long pieces, threads;
};

static long part_of(const Arguments *p, long piece)
{
    long by_term = p->share == BY_TERM, by_column = p->share == BY_COLUMN, from, to, first, last;
    long is_cut = by_column || (p->l >= LONG && !by_term), all = is_cut ? (p->l + LANES - 1) / LANES : p->m;
    range(all, piece, p->pieces, !by_term, &from, &to);
    range(p->k, piece, p->pieces, by_term, &first, &last);
    long rows = is_cut ? p->m : to - from, row = is_cut ? 0 : from;
    long end = is_cut && to * LANES < p->l ? to * LANES : p->l;
    const float *of_rows = p->bias && !by_column && !(by_term && piece) ? p->bias + row : 0;
    long bytes = 2 * p->k * (long)sizeof(long), *tap = malloc(bytes), *at = tap + p->k;
    if (!tap)
        return bytes;
    for (long k = 0; k < p->k; k++)
        tap[k] = k * p->ak, at[k] = k * p->l;
    for (long l = is_cut ? from * LANES : 0, some; l < end; l += some) {
        float *y = p->y + (by_term * piece * p->m + row) * p->l + l;
        some = end - l < STRIP ? end - l : STRIP;
        product((Block){p->a + row * p->am, p->b + l, of_rows, y, tap + first, at + first, p->am, p->l,
                        last - first, some, 1}, rows, p->l >= STRIP);
        for (long m = 0; m < rows; m++, y += p->l) {
            for (long i = 0; by_column && p->bias && i < some; i++)
                y[i] += p->bias[l + i];
            rectify(y, some, p->cap);
        }
    }
    free(tap);
    return 0;
}

/* bias: one number for each row of y or, BY_COLUMN, each column; or null. Where a row is long, threads share
   the columns for BY_ROW too. ReLU up to `cap`. am, ak: numbers from one row and column of a to the next.
   BY_TERM, each piece writes a y of its own, the sums over its rows of b; the bias is in the first. */
EXPORT long xpcnn_matrix_product(const Arguments *a) { return run_pieces(part_of, a, a->pieces, a->threads); }
