/* Layer and group normalisation of x (groups, m, n): each column of a group by itself, over its m rows.

       xhat = (x - mean) scale, scale = 1 / sqrt(var + eps)      y = gamma xhat + beta
       dx = scale (g - mean(g) - xhat mean(g xhat)), g = gamma dy

   In batch-last memory a column is a sample, or a pixel of one. Row r of all rows has the weights gamma
   and beta number r / each % weights. A block of columns is read twice, in each direction: once for its
   statistics, once for the result. The mean and the sum of squares M of a few rows, in two passes in
   the nearest cache, are merged with those of the rows before (Chan, Golub, LeVeque 1979):

       mean += d k / (t + k)     M += M' + d^2 t k / (t + k),  d = mean' - mean, after t rows k more */

#include "export.h"
#include "lanes.h"
#include "threads.h"

#include <math.h>

enum {
    COLUMNS = 64,              /* of a block: with half as many it takes 1.3 to 2 times as long */
    VECTORS = COLUMNS / LANES, /* of a row of a block */
    SOME = 64                  /* rows of a sum in float32; those sums are added up in double */
};

#define EACH UNROLL for (long v = 0; v < VECTORS; v++)

typedef struct {
    const float *x, *dy, *gamma, *beta;
    float *y, *mean, *scale, *parts;
    long groups, m, n, each, weights, pieces;
    float eps;
} Arguments;

/* A block: rows lie n numbers apart; `first` is the number of the first one. */
typedef struct {
    const float *x, *dy;
    float *y, *mean, *scale;
    long first;
} Block;

/* Rows with the same weights: number k, of which so many are left. */
typedef struct {
    long k, left;
} Weight;

INLINE long least(long a, long b)
{
    return a < b ? a : b;
}

INLINE Weight weight_of(const Arguments *a, long row)
{
    return (Weight){row / a->each % a->weights, a->each - row % a->each};
}

INLINE Weight after(const Arguments *a, Weight w, long rows)
{
    if (w.left > rows)
        return (Weight){w.k, w.left - rows};
    return (Weight){w.k + 1 < a->weights ? w.k + 1 : 0, a->each};
}

INLINE void read_row(const float *x, long count, Lanes *row)
{
    EACH row[v] = some_of(x + v * LANES, count - v * LANES);
}

INLINE void write_row(float *x, long count, const Lanes *row)
{
    EACH write_some(x + v * LANES, count - v * LANES, row[v]);
}

/* Add sums of float32 to the double ones, and begin them anew. */
INLINE void move(Lanes *sum, double *all)
{
    for (long v = 0; v < VECTORS; v++) {
        for (long l = 0; l < LANES; l++)
            all[v * LANES + l] += sum[v][l];
        sum[v] = broadcast(0);
    }
}

INLINE void statistics(const Arguments *a, const Block *b, const long count, Lanes *mean, Lanes *scale)
{
    double means[COLUMNS] = {0}, squares[COLUMNS] = {0};
    for (long from = 0; from < a->m; from += SOME) {
        long rows = least(SOME, a->m - from);
        const float *x = b->x + from * a->n;
        Lanes row[VECTORS], sum[VECTORS], square[VECTORS];
        EACH sum[v] = square[v] = broadcast(0);
        for (long r = 0; r < rows; r++) {
            read_row(x + r * a->n, count, row);
            EACH sum[v] += row[v];
        }
        EACH sum[v] /= (float)rows;
        for (long r = 0; r < rows; r++) {
            read_row(x + r * a->n, count, row);
            EACH square[v] += (row[v] - sum[v]) * (row[v] - sum[v]);
        }
        double share = (double)rows / (double)(from + rows);
        for (long l = 0; l < COLUMNS; l++) {
            double d = sum[l / LANES][l % LANES] - means[l];
            means[l] += d * share;
            squares[l] += square[l / LANES][l % LANES] + d * d * share * (double)from;
        }
    }
    for (long l = 0; l < COLUMNS; l++) {
        mean[l / LANES][l % LANES] = (float)means[l];
        scale[l / LANES][l % LANES] = 1 / sqrtf((float)(squares[l] / (double)a->m) + a->eps);
    }
    write_row(b->mean, count, mean);
    write_row(b->scale, count, scale);
}

INLINE void forward(const Arguments *a, const Block *b, const long count)
{
    Lanes mean[VECTORS], scale[VECTORS], x[VECTORS];
    statistics(a, b, count, mean, scale);
    Weight w = weight_of(a, b->first);
    for (long r = 0; r < a->m; r++, w = after(a, w, 1)) {
        float gamma = a->gamma ? a->gamma[w.k] : 1, beta = a->beta ? a->beta[w.k] : 0;
        read_row(b->x + r * a->n, count, x);
        EACH x[v] = (x[v] - mean[v]) * scale[v] * gamma + beta;
        write_row(b->y + r * a->n, count, x);
    }
}

/* dgamma, dbeta: of this piece, to be added to */
INLINE void backward(const Arguments *a, const Block *b, float *dgamma, float *dbeta, const long count)
{
    double all[COLUMNS] = {0}, all_xhat[COLUMNS] = {0};
    Lanes mean[VECTORS], scale[VECTORS], sum[VECTORS], sum_xhat[VECTORS], x[VECTORS], dy[VECTORS];
    read_row(b->mean, count, mean);
    read_row(b->scale, count, scale);
    EACH sum[v] = sum_xhat[v] = broadcast(0);
    Weight w = weight_of(a, b->first);
    for (long r = 0, since = 0, rows; r < a->m; r += rows, w = after(a, w, rows)) {
        rows = least(least(w.left, SOME), a->m - r);
        float gamma = a->gamma ? a->gamma[w.k] : 1;
        Lanes of_beta = broadcast(0), of_gamma = broadcast(0);
        for (long i = r; i < r + rows; i++) {
            read_row(b->x + i * a->n, count, x);
            read_row(b->dy + i * a->n, count, dy);
            EACH {
                Lanes g = gamma * dy[v], xhat = (x[v] - mean[v]) * scale[v];
                sum[v] += g;
                sum_xhat[v] += g * xhat;
                of_beta += dy[v];
                of_gamma += dy[v] * xhat;
            }
        }
        dbeta[w.k] += total(of_beta);
        dgamma[w.k] += total(of_gamma);
        since += rows;
        if (since >= SOME || r + rows == a->m) {
            move(sum, all);
            move(sum_xhat, all_xhat);
            since = 0;
        }
    }
    for (long l = 0; l < COLUMNS; l++) {
        sum[l / LANES][l % LANES] = (float)(all[l] / (double)a->m);
        sum_xhat[l / LANES][l % LANES] = (float)(all_xhat[l] / (double)a->m);
    }
    w = weight_of(a, b->first);
    for (long r = 0; r < a->m; r++, w = after(a, w, 1)) {
        float gamma = a->gamma ? a->gamma[w.k] : 1;
        read_row(b->x + r * a->n, count, x);
        read_row(b->dy + r * a->n, count, dy);
        EACH x[v] = scale[v] * (gamma * dy[v] - sum[v] - (x[v] - mean[v]) * scale[v] * sum_xhat[v]);
        write_row(b->y + r * a->n, count, x);
    }
}

static long blocks(void *arguments, long piece)
{
    const Arguments *a = arguments;
    long across = (a->n + COLUMNS - 1) / COLUMNS, all = a->groups * across;
    float *dgamma = a->dy ? a->parts + piece * 2 * a->weights : 0, *dbeta = a->dy ? dgamma + a->weights : 0;
    if (a->dy)
        memset(dgamma, 0, 2 * a->weights * sizeof *dgamma);
    for (long i = all * piece / a->pieces; i < all * (piece + 1) / a->pieces; i++) {
        long g = i / across, first = i % across * COLUMNS, at = g * a->m * a->n + first;
        Block b = {a->x + at, a->dy ? a->dy + at : 0, a->y + at, a->mean + g * a->n + first,
                   a->scale + g * a->n + first, g * a->m};
        long count = least(COLUMNS, a->n - first);
        if (a->dy && count == COLUMNS)
            backward(a, &b, dgamma, dbeta, COLUMNS);
        else if (a->dy)
            backward(a, &b, dgamma, dbeta, count);
        else if (count == COLUMNS)
            forward(a, &b, COLUMNS);
        else
            forward(a, &b, count);
    }
    return 0;
}

/* y like x; mean, scale (groups, n). gamma, beta may be null. */
EXPORT long xpcnn_sample_norm(const float *x, const float *gamma, const float *beta, float *y,
                              float *mean, float *scale, float eps, long groups, long m, long n,
                              long each, long weights, long pieces, long threads)
{
    Arguments a = {.x = x, .gamma = gamma, .beta = beta, .y = y, .mean = mean, .scale = scale,
                   .groups = groups, .m = m, .n = n, .each = each, .weights = weights,
                   .pieces = pieces, .eps = eps};
    return run_pieces(blocks, &a, pieces, threads);
}

/* dx like x, and parts (pieces, 2, weights): dgamma and dbeta of each piece of the columns. */
EXPORT long xpcnn_sample_norm_gradient(const float *x, const float *dy, const float *gamma, float *mean,
                                       float *scale, float *dx, float *parts, long groups, long m,
                                       long n, long each, long weights, long pieces, long threads)
{
    Arguments a = {.x = x, .dy = dy, .gamma = gamma, .y = dx, .mean = mean, .scale = scale,
                   .parts = parts, .groups = groups, .m = m, .n = n, .each = each,
                   .weights = weights, .pieces = pieces};
    return run_pieces(blocks, &a, pieces, threads);
}
