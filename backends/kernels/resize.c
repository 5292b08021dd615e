/* Images whose pixels are weighted sums of a few rows and columns of other images: upsampling, means of
   adaptive windows, and their gradients.

   y[p][q] = sum over rows r of p and columns s of q, weights u and v, of u v x[r][s], that over rows or over
   columns first: a sum rounds the less the shorter it is */

#include "export.h"
#include "lanes.h"
#include "threads.h"

#include <stdlib.h>

typedef struct {
    long size, out;
    const long *first, *at; /* of output p: entries first[p] to first[p + 1], on input at[i] */
    const double *weight;
} Axis;

struct Arguments {
    const float *x;
    float *y;
    Axis down, across;
    long n, channels, pieces, threads;
};

typedef struct {
    long at; /* the first of its numbers */
    float weight;
} Term;

static void list(const Axis *a, long n, double factor, Term *terms)
{
    for (long i = 0; i < a->first[a->out]; i++)
        terms[i] = (Term){a->at[i] * n, (float)(factor * a->weight[i])};
}

/* Write some vectors of a sum, or add it to what is there: `left` numbers, or fewer vectors than are left. */
INLINE void write_sum(const Term *terms, const Term *end, const float *x, float *y, int adds, long left,
                      const long vectors)
{
    Lanes sum[4] = {{0}};
    for (; terms < end; terms++)
        UNROLL for (long v = 0; v < vectors; v++)
            sum[v] += terms->weight * some_of(x + terms->at + v * LANES, left - v * LANES);
    UNROLL for (long v = 0; v < vectors; v++) {
        Lanes before = adds ? some_of(y + v * LANES, left - v * LANES) : broadcast(0);
        write_some(y + v * LANES, left - v * LANES, before + sum[v]);
    }
}

static void write_sums(const Term *terms, const Term *end, const float *x, float *y, int adds, long length)
{
    long l = 0;
    for (; l + 4 * LANES <= length; l += 4 * LANES)
        write_sum(terms, end, x + l, y + l, adds, 4 * LANES, 4);
    for (; l < length; l += LANES)
        write_sum(terms, end, x + l, y + l, adds, length - l, 1);
}

/* A row of pixels; or add it to what is there, if these have more than half a vector. */
static void write_row(const Axis *a, const Term *columns, const float *x, float *y, int adds, long n)
{
    for (const long *first = a->first, *last = first + a->out; first < last; first++, y += n) {
        const Term *t = columns + first[0], *end = columns + first[1];
        if (n == HALF) {
            Half sum = {0};
            for (; t < end; t++)
                sum += t->weight * *(const Half *)(x + t->at);
            *(Half *)y = sum;
        } else if (n == 1) {
            *y = 0;
            for (; t < end; t++)
                *y += t->weight * x[t->at];
        } else
            write_sums(t, end, x, y, adds, n);
    }
}

static long rows(const Arguments *a, long piece)
{
    const Axis *down = &a->down, *across = &a->across;
    long row = across->size * a->n, out = across->out * a->n, all = a->channels * down->out, from, to;
    long entries = down->first[down->out] + across->first[across->out];
    long bytes = entries * (long)sizeof(Term) + row * (long)sizeof(float);
    Term *of_rows = malloc(bytes), *of_columns = of_rows + down->first[down->out];
    float *sum = (float *)(of_rows + entries);
    if (!of_rows)
        return bytes;
    list(down, row, 1, of_rows);
    /* Row by row where no column is in two sums: memory is read in order, in 0.7 of the time. */
    long apart = a->n > HALF && across->first[across->out] <= across->size;
    double factor = 0; /* of the weights of columns: that of a single row, to round both as one */
    const float *before = 0;
    range(all, piece, a->pieces, 1, &from, &to);
    for (long r = from; r < to; r++) {
        const float *image = a->x + r / down->out * down->size * row;
        float *y = a->y + r * out;
        long first = down->first[r % down->out], count = down->first[r % down->out + 1] - first;
        long is_sum = count > 1 && !apart, turns = is_sum ? 1 : count;
        if (count == 0)
            memset(y, 0, out * (long)sizeof(float));
        if (is_sum)
            write_sums(of_rows + first, of_rows + first + count, image, sum, 0, row);
        for (long i = 0; i < turns; i++) {
            const float *x = is_sum ? sum : image + of_rows[first + i].at;
            double single = is_sum ? 1 : down->weight[first + i];
            if (single != factor) {
                list(across, a->n, factor = single, of_columns);
                before = 0;
            }
            if (count == 1 && x == before)
                memcpy(y, y - out, out * (long)sizeof(float));
            else
                write_row(across, of_columns, x, y, i > 0, a->n);
        }
        before = count == 1 ? image + of_rows[first].at : 0;
    }
    free(of_rows);
    return 0;
}

/* y (channels, ho, wo, n) of x (channels, h, w, n), by the tables of both axes. */
EXPORT long xpcnn_resize(const Arguments *a) { return run_pieces(rows, a, a->pieces, a->threads); }
