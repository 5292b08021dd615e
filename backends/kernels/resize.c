/* Images whose pixels are weighted sums of a few rows and columns of other images: upsampling, means of
   adaptive windows, and their gradients.

   y[p][q] = sum over columns s of q, weight v, of v t[s], t = sum over rows r of p, weight u, of u x[r] */

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

#define EACH UNROLL for (long v = 0; v < vectors; v++)

/* Write some vectors of a sum over columns of sums over rows, or of one row if there are none: `left` numbers,
   or fewer vectors than are left. */
INLINE void write_sum(const Term *rows, const Term *past, const Term *columns, const Term *end, const float *x,
                      float *y, long left, const long vectors)
{
    Lanes sum[4] = {{0}};
    for (; columns < end; columns++) {
        Lanes part[4] = {{0}};
        for (const Term *row = rows; row < past; row++)
            EACH part[v] += row->weight * some_of(x + row->at + columns->at + v * LANES, left - v * LANES);
        if (rows == past)
            EACH part[v] = some_of(x + columns->at + v * LANES, left - v * LANES);
        EACH sum[v] += columns->weight * part[v];
    }
    EACH write_some(y + v * LANES, left - v * LANES, sum[v]);
}

static void write_sums(const Term *rows, const Term *past, const Term *columns, const Term *end, const float *x,
                       float *y, long length)
{
    long l = 0;
    for (; l + 4 * LANES <= length; l += 4 * LANES)
        write_sum(rows, past, columns, end, x + l, y + l, 4 * LANES, 4);
    for (; l < length; l += LANES)
        write_sum(rows, past, columns, end, x + l, y + l, length - l, 1);
}

/* A row of pixels. */
static void write_row(const Axis *a, const Term *rows, const Term *past, const Term *columns, const float *x,
                      float *y, long n)
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
            write_sums(rows, past, t, end, x, y, n);
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
    /* At once where no column is in two sums: a row of sums on the way takes 1.2 times as long. */
    long at_once = a->n > HALF && across->first[across->out] <= across->size;
    double factor = 0; /* of the weights of columns: that of a single row, to round both as one */
    const float *before = 0;
    range(all, piece, a->pieces, 1, &from, &to);
    for (long r = from; r < to; r++) {
        const float *x = a->x + r / down->out * down->size * row;
        float *y = a->y + r * out;
        long p = r % down->out, count = down->first[p + 1] - down->first[p];
        const Term *terms = of_rows + down->first[p], *past = terms + count;
        double single = count == 1 ? down->weight[down->first[p]] : 1;
        if (single != factor) {
            list(across, a->n, factor = single, of_columns);
            before = 0;
        }
        if (count == 1)
            x += terms->at;
        else if (!at_once) {
            write_sums(0, 0, terms, past, x, sum, row);
            x = sum;
        }
        if (count == 0)
            memset(y, 0, out * (long)sizeof(float));
        else if (count == 1 && x == before)
            memcpy(y, y - out, out * (long)sizeof(float));
        else
            write_row(across, count > 1 && at_once ? terms : past, past, of_columns, x, y, a->n);
        before = count == 1 ? x : 0;
    }
    free(of_rows);
    return 0;
}

/* y (channels, ho, wo, n) of x (channels, h, w, n), by the tables of both axes. */
EXPORT long xpcnn_resize(const Arguments *a) { return run_pieces(rows, a, a->pieces, a->threads); }
