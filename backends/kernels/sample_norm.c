/* Layer and group normalisation of x (groups, m, n): each column of a group by itself, over its m rows.

       xhat = (x - mean) scale, scale = 1 / sqrt(var + eps)      y = gamma xhat + beta
       dx = scale (g - mean(g) - xhat mean(g xhat)), g = gamma dy

   In batch-last memory a column is a sample, or a pixel of one. Row r of all rows has the weights gamma
   and beta number r / each % weights. Columns are read twice, in each direction: once for statistics,
   once for the result; and a strip of rows at a time, which stays in the nearest cache. Where there are
   few tiles of columns, threads share the rows of each. The mean and the sum of squares M of a strip,
   in two passes, are merged with those of the rows before (Chan, Golub, LeVeque 1979):

       mean += d k / (t + k)     M += M' + d^2 t k / (t + k),  d = mean' - mean, after t rows k more */

#include "export.h"
#include "lanes.h"
#include "threads.h"

#include <math.h>

enum {
    TILE = 256,   /* columns that are read together, at most */
    SOME = 64,    /* rows of a strip, at most: sums of strips are added up in double */
    SUMS = 4      /* vectors of a sum: of columns side by side, or of a few rows */
};

/* Of each column of a tile: the mean and M of some rows, or the sums of g and of g xhat. */
typedef struct {
    double one[TILE], other[TILE];
} Sums;

typedef struct {
    const float *x, *dy, *gamma, *beta;
    float *y, *mean, *scale, *parts;
    Sums *sums;
    _Alignas(8) float eps;
    long groups, m, n, each, weights, shares, strip, pieces, threads; /* strip: rows of one */
} Arguments;

/* Rows `from` to `to` of some columns, `first` being the number of row 0 of their group; x, dy, y: of
   the first column. Of each column: mean and scale, and, for dx, the mean of g and scale mean(g xhat). */
typedef struct {
    const float *x, *dy;
    float *y, *dgamma, *dbeta;
    long first, columns, from, to;
    Sums *sums;
    float mean[TILE], scale[TILE], shift[TILE], tilt[TILE];
} Tile;

/* Rows `from` to `to` of a tile, and `count` columns from column `at` on. Row `from` has the weights
   number k, as have `left` rows. */
typedef struct {
    long from, to, k, left, at, count;
} Part;

INLINE Lanes lanes_of(const float *x, long v, Part p)
{
    return some_of(x + p.at + v * LANES, p.count - v * LANES);
}

/* Vector s of a few rows from r on, of so many vectors each. */
INLINE Lanes from_rows(const Arguments *a, const float *x, long r, long s, const long vectors, Part p)
{
    return lanes_of(x + (r + s / vectors) * a->n, s % vectors, p);
}

/* The same, when the strip is new: the next strip is fetched meanwhile. */
INLINE Lanes new_rows(const Arguments *a, const float *x, long r, long s, const long vectors, Part p)
{
    __builtin_prefetch(x + (r + s / vectors + a->strip) * a->n + p.at + s % vectors * LANES, 0, 2);
    return from_rows(a, x, r, s, vectors, p);
}

/* Do it for each vector s of all rows from `begin` to `end`: of SUMS vectors, while there are as many. */
#define DOWN(begin, end, DO)                                                                       \
    do {                                                                                           \
        long r = begin;                                                                            \
        for (; r + SUMS / vectors <= end; r += SUMS / vectors)                                     \
            UNROLL for (long s = 0; s < SUMS; s++) DO;                                             \
        for (; r < end; r++)                                                                       \
            UNROLL for (long s = 0; s < vectors; s++) DO;                                          \
    } while (0)

/* Sums of the same columns are added up, in the first of them. */
INLINE void gather(Lanes *sum, const long vectors)
{
    for (long s = vectors; s < SUMS; s++)
        sum[s % vectors] += sum[s];
}

/* Merge the mean and M of k rows more with those of t rows. */
INLINE void merge(Sums *sums, long l, double mean, double squares, long t, long k)
{
    double d = mean - sums->one[l], share = (double)k / (double)(t + k);
    sums->one[l] += d * share;
    sums->other[l] += squares + d * d * share * (double)t;
}

INLINE long row_of_share(const Arguments *a, long share)
{
    return a->m * share / a->shares;
}

INLINE void merge_moments(const Arguments *a, Tile *t, Part p, const long vectors)
{
    Lanes mean[SUMS] = {{0}}, square[SUMS] = {{0}};
    DOWN(p.from, p.to, mean[s] += new_rows(a, t->x, r, s, vectors, p));
    gather(mean, vectors);
    for (long s = SUMS - 1; s >= 0; s--)
        mean[s] = mean[s % vectors] / (float)(p.to - p.from);
    DOWN(p.from, p.to, {
        Lanes d = from_rows(a, t->x, r, s, vectors, p) - mean[s];
        square[s] += d * d;
    });
    gather(square, vectors);
    for (long l = 0; l < p.count; l++)
        merge(t->sums, p.at + l, ((float *)mean)[l], ((float *)square)[l], p.from - t->from, p.to - p.from);
}

/* Rows from p->from on that have the same weights; p begins with the next ones. */
INLINE Part same_weights(const Arguments *a, Part *p)
{
    Part same = *p;
    same.to = least(p->to, p->from + p->left);
    *p = (Part){same.to, p->to, p->k + 1 < a->weights ? p->k + 1 : 0, a->each, p->at, p->count};
    return same;
}

/* Sums of g and of g xhat of each column; of dy xhat and dy of each weight, added to dgamma and dbeta. */
INLINE void add_gradients(const Arguments *a, Tile *t, Part p, const long vectors)
{
    Lanes mean[SUMS], scale[SUMS], sum[SUMS] = {{0}}, sum_xhat[SUMS] = {{0}};
    for (long s = 0; s < SUMS; s++) {
        mean[s] = lanes_of(t->mean, s % vectors, p);
        scale[s] = lanes_of(t->scale, s % vectors, p);
    }
    while (p.from < p.to) {
        Part q = same_weights(a, &p);
        Lanes dy[SUMS] = {{0}}, dy_xhat[SUMS] = {{0}}, all = {0}, all_xhat = {0};
        DOWN(q.from, q.to, {
            Lanes d = new_rows(a, t->dy, r, s, vectors, p);
            dy[s] += d;
            dy_xhat[s] += d * (new_rows(a, t->x, r, s, vectors, p) - mean[s]);
        });
        float gamma = a->gamma ? a->gamma[q.k] : 1;
        UNROLL for (long s = 0; s < SUMS; s++) {
            dy_xhat[s] *= scale[s];
            all += dy[s];
            all_xhat += dy_xhat[s];
            sum[s] += gamma * dy[s];
            sum_xhat[s] += gamma * dy_xhat[s];
        }
        t->dbeta[q.k] += total(all);
        t->dgamma[q.k] += total(all_xhat);
    }
    gather(sum, vectors);
    gather(sum_xhat, vectors);
    for (long l = 0; l < p.count; l++) {
        t->sums->one[p.at + l] += ((float *)sum)[l];
        t->sums->other[p.at + l] += ((float *)sum_xhat)[l];
    }
}

INLINE void write_result(const Arguments *a, Tile *t, Part p, const long vectors)
{
    const float *dy = t->dy;
    Lanes mean[SUMS], scale[SUMS], shift[SUMS], tilt[SUMS];
    for (long v = 0; v < vectors; v++) {
        mean[v] = lanes_of(t->mean, v, p);
        scale[v] = lanes_of(t->scale, v, p);
        shift[v] = lanes_of(t->shift, v, p);
        tilt[v] = lanes_of(t->tilt, v, p);
    }
    while (p.from < p.to) {
        Part q = same_weights(a, &p);
        float gamma = a->gamma ? a->gamma[q.k] : 1, beta = a->beta ? a->beta[q.k] : 0;
        for (long r = q.from; r < q.to; r++)
            UNROLL for (long v = 0; v < vectors; v++) {
                Lanes d = from_rows(a, t->x, r, v, vectors, p) - mean[v];
                if (dy)
                    d = scale[v] * (gamma * from_rows(a, dy, r, v, vectors, p) - shift[v] - d * tilt[v]);
                else
                    d = d * scale[v] * gamma + beta;
                write_some(t->y + r * a->n + p.at + v * LANES, p.count - v * LANES, d);
            }
    }
}

INLINE void in_strips(const Arguments *a, Tile *t, long height,
                      void (*step)(const Arguments *, Tile *, Part, const long vectors))
{
    for (long r = t->from; r < t->to; r += height) {
        long row = t->first + r, to = least(r + height, t->to), at = 0;
        long k = row / a->each % a->weights, left = a->each - row % a->each;
        for (; at + SUMS * LANES <= t->columns; at += SUMS * LANES)
            step(a, t, (Part){r, to, k, left, at, SUMS * LANES}, SUMS);
        for (; at < t->columns; at += LANES)
            step(a, t, (Part){r, to, k, left, at, least(LANES, t->columns - at)}, 1);
    }
}

/* y or dx, from the statistics of all shares, the first of which are `sums`. Row by row, in the order of
   memory, unless a row is one part. */
static void result(const Arguments *a, Tile *t, const Sums *sums)
{
    Sums all = *sums;
    for (long i = 1; i < a->shares; i++)
        for (long l = 0, from = row_of_share(a, i), to = row_of_share(a, i + 1); l < t->columns; l++)
            if (a->dy) {
                all.one[l] += sums[i].one[l];
                all.other[l] += sums[i].other[l];
            } else
                merge(&all, l, sums[i].one[l], sums[i].other[l], from, to - from);
    for (long l = 0; l < t->columns; l++) {
        float other = (float)(all.other[l] / (double)a->m);
        t->mean[l] = a->dy ? t->mean[l] : (float)all.one[l];
        t->scale[l] = a->dy ? t->scale[l] : 1 / sqrtf(other + a->eps);
        t->shift[l] = (float)(all.one[l] / (double)a->m); /* of dx alone, as tilt */
        t->tilt[l] = other * t->scale[l];
    }
    in_strips(a, t, a->n <= SUMS * LANES ? SOME : 1, write_result);
}

enum { STATISTICS = 1, RESULT = 2 };

static long shares_of(const Arguments *a, long piece, const long steps)
{
    long across = (a->n + TILE - 1) / TILE, all = a->groups * across * a->shares;
    float *dgamma = a->dy ? a->parts + piece * 2 * a->weights : 0, *dbeta = a->dy ? dgamma + a->weights : 0;
    if (a->dy && steps & STATISTICS)
        memset(dgamma, 0, 2 * a->weights * sizeof *dgamma);
    for (long i = all * piece / a->pieces; i < all * (piece + 1) / a->pieces; i++) {
        long share = i % a->shares, g = i / a->shares / across, first = i / a->shares % across * TILE;
        long at = g * a->m * a->n + first, columns = least(TILE, a->n - first), bytes = columns * sizeof(float);
        float *mean = a->mean + g * a->n + first, *scale = a->scale + g * a->n + first;
        Tile t = {.x = a->x + at, .dy = a->dy ? a->dy + at : 0, .y = a->y + at, .dgamma = dgamma,
                  .dbeta = dbeta, .first = g * a->m, .columns = columns, .sums = a->sums + i,
                  .from = row_of_share(a, share), .to = row_of_share(a, share + 1)};
        if (a->dy) {
            memcpy(t.mean, mean, bytes);
            memcpy(t.scale, scale, bytes);
        }
        if (steps & STATISTICS) {
            memset(t.sums, 0, sizeof *t.sums);
            if (a->dy)
                in_strips(a, &t, a->strip, add_gradients);
            else
                in_strips(a, &t, a->strip, merge_moments);
        }
        if (steps & RESULT)
            result(a, &t, t.sums - share);
        if (!a->dy && steps & RESULT && share == 0) {
            memcpy(mean, t.mean, bytes);
            memcpy(scale, t.scale, bytes);
        }
    }
    return 0;
}

static long statistics(const void *a, long piece) { return shares_of(a, piece, STATISTICS); }
static long results(const void *a, long piece) { return shares_of(a, piece, RESULT); }
static long both(const void *a, long piece) { return shares_of(a, piece, STATISTICS | RESULT); }

/* y like x; mean, scale (groups, n). gamma, beta may be null. sums: 2 * TILE numbers for each of the
   `shares` of the rows of each tile. Or, with a dy, y is dx, and parts (pieces, 2, weights) are dgamma
   and dbeta of each piece. Where a tile has several shares, the result of one needs the statistics of
   all. */
EXPORT long xpcnn_sample_norm(const Arguments *a)
{
    long missing = run_pieces(a->shares > 1 ? statistics : both, a, a->pieces, a->threads);
    return a->shares > 1 && !missing ? run_pieces(results, a, a->pieces, a->threads) : missing;
}
