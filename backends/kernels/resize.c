/* Images whose pixels are weighted sums of a few rows and columns of other images: upsampling, means of
   adaptive windows, and their gradients.

   y[p][q] = sum over rows r of p and columns s of q, weights u and v, of u v x[r][s], that over rows first:
   a sum rounds the less the shorter it is */

#include "export.h"
#include "lanes.h"
#include "threads.h"

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

/* Some outputs side by side: sums of rows of n numbers, with weights times a factor. */
static void write_sums(const Axis *a, long p, long end, double factor, const float *x, long n, float *y)
{
    for (; p < end; p++, y += n)
        for (long l = 0; l < n; l += LANES) {
            Lanes sum = {0};
            for (long i = a->first[p]; i < a->first[p + 1]; i++)
                sum += (float)(factor * a->weight[i]) * some_of(x + a->at[i] * n + l, n - l);
            write_some(y + l, n - l, sum);
        }
}

static long rows(const Arguments *a, long piece)
{
    const Axis *down = &a->down, *across = &a->across;
    long row = across->size * a->n, out = across->out * a->n, from, to, bytes = row * (long)sizeof(float);
    float *sum = allocate(bytes);
    if (!sum)
        return bytes;
    range(a->channels * down->out, piece, a->pieces, 1, &from, &to);
    for (long r = from; r < to; r++) {
        long p = r % down->out, first = down->first[p];
        const float *x = a->x + r / down->out * down->size * row;
        float *y = a->y + r * out;
        if (down->first[p + 1] == first + 1) /* both weights are rounded as one */
            write_sums(across, 0, across->out, down->weight[first], x + down->at[first] * row, a->n, y);
        else {
            write_sums(down, p, p + 1, 1, x, row, sum);
            write_sums(across, 0, across->out, 1, sum, a->n, y);
        }
    }
    free(sum);
    return 0;
}

/* y (channels, ho, wo, n) of x (channels, h, w, n), by the tables of both axes. */
EXPORT long xpcnn_resize(const Arguments *a) { return run_pieces(rows, a, a->pieces, a->threads); }
