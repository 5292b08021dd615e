/* Layer and group normalisation of x (groups, m, n): each column of a group by itself, over its m rows.

       xhat = (x - mean) scale, scale = 1 / sqrt(var + eps)      y = gamma xhat + beta
       dx = scale (g - mean(g) - xhat mean(g xhat)), g = gamma dy

   In batch-last memory a column is a sample, or a pixel of one. Row r of all rows has the weights gamma
   and beta number r / each % weights. Columns are read twice, forward as backward, a strip of rows at a
   time: once for statistics, then for the result from the last row to the first, as the last ones are
   still in a cache. Where there are few tiles of columns, threads share the rows of each. Rows of a part
   of a vector are taken as one that fills it, and the statistics of its columns merged.

   The mean mean' and the sum of squares M' of a strip of k rows are taken of x - s, where s is the mean of
   the t rows before, or of the first strip itself, and merged with those of the rows before (Chan, Golub,
   LeVeque 1979):

       mean' = s + sum(x - s) / k    M' = sum((x - s)^2) - sum(x - s)^2 / k
       mean += d k / (t + k)         M += M' + d^2 t k / (t + k),  d = mean' - mean */

#include "export.h"
#include "lanes.h"
#include "threads.h"

#include <math.h>

enum {
    TILE = 256,   /* columns that are read together, at most */
    STRIP = 4096, /* numbers of a strip, whose sums are added up in double */
    SUMS = 4      /* vectors of columns side by side */
};

/* Of a column: the mean and M of some rows, or the sums of g and of g xhat. */
typedef struct { double one, other; } Sum;

struct Arguments {
    const float *x, *dy, *gamma, *beta;
    float *y, *mean, *scale, *parts;
    Sum *sums;
    _Alignas(8) float eps;
    long groups, m, n, each, weights, shares, pieces, threads;
};

/* Taken as one are `rows`, to be as wide as SUMS vectors where that can be. Such a row has so many
   `weights`: one for a few vectors, or `own` ones in each, so that it has `sums` vectors of their sums. */
typedef struct { long rows, weights, sums, own; } Fold;

/* Of each column: mean and scale, and, for dx, the mean of g and scale mean(g xhat). */
typedef struct { float mean[TILE], scale[TILE], shift[TILE], tilt[TILE]; } Columns;

/* Rows `from` to `to` of some columns, `first` being the number of row 0 among those with weights; x, dy,
   y: of the first column. */
typedef struct {
    const float *x, *dy;
    float *y, *dgamma, *dbeta;
    long first, columns, from, to;
    Sum *sums;
    Columns *of;
    Fold fold;
} Tile;

/* Rows `from` to `to` of a tile, and `count` columns from column `at` on, at most SUMS vectors of them. */
typedef struct { long from, to, at, count; } Part;

/* Vector v of a row, which begins at x. */
INLINE Lanes lanes_of(const float *x, long v, Part p)
{
    return v * LANES < p.count ? some_of(x + p.at + v * LANES, p.count - v * LANES) : broadcast(0);
}

/* Merge the mean and M of k rows more with those of t rows. */
INLINE void merge(Sum *sum, double mean, double squares, long t, long k)
{
    double d = mean - sum->one, share = (double)k / (double)(t + k);
    sum->one += d * share;
    sum->other += squares + d * d * share * (double)t;
}

INLINE void merge_moments(const Arguments *a, const Tile *t, Part p)
{
    const long before = p.from - t->from, rows = p.to - p.from;
    Lanes mean[SUMS] = {{0}}, sum[SUMS] = {{0}}, square[SUMS] = {{0}};
    for (long r = p.from; before == 0 && r < p.to; r++)
        UNROLL for (long v = 0; v < SUMS; v++) mean[v] += lanes_of(t->x + r * a->n, v, p);
    for (long v = 0; v < SUMS; v++)
        mean[v] = before ? lanes_of(t->of->mean, v, p) : (Lanes)(mean[v] / (float)rows);
    for (long r = p.from; r < p.to; r++)
        UNROLL for (long v = 0; v < SUMS; v++) {
            Lanes d = lanes_of(t->x + r * a->n, v, p) - mean[v];
            sum[v] += d;
            square[v] += d * d;
        }
    for (long l = 0; l < p.count; l++) {
        double d = ((float *)sum)[l], more = d / (double)rows, squares = ((float *)square)[l] - d * more;
        squares = squares < 0 ? 0 : squares; /* by rounding, of equal numbers */
        Sum all = t->sums[p.at + l]; /* a copy: Clang 14 would read one before it is merged */
        merge(&all, ((float *)mean)[l] + more, squares, before, rows);
        t->sums[p.at + l] = all;
        t->of->mean[p.at + l] = (float)all.one;
    }
}

/* Vector v of the weights of a row, which begin at number k. */
INLINE Lanes weights_of(const Tile *t, const float *weights, long k, long v, float without)
{
    return weights ? repeated(weights + k + v * t->fold.weights / SUMS, t->fold.own) : broadcast(without);
}

/* Sums of g and of g xhat of each column; of dy xhat and dy of each weight, added to dgamma and dbeta. */
INLINE void add_gradients(const Arguments *a, const Tile *t, Part p)
{
    Lanes mean[SUMS], scale[SUMS], sum[SUMS] = {{0}}, sum_xhat[SUMS] = {{0}};
    Lanes all[LANES] = {{0}}, all_xhat[LANES] = {{0}};
    for (long v = 0; v < SUMS; v++)
        mean[v] = lanes_of(t->of->mean, v, p), scale[v] = lanes_of(t->of->scale, v, p);
    long row = t->first + p.from, k = row / a->each * t->fold.weights, some = 0;
    for (long r = p.from, end = r - row % a->each; r < p.to;) {
        Lanes dy[SUMS] = {{0}}, dy_xhat[SUMS] = {{0}};
        for (end = least(p.to, end + a->each); r < end; r++)
            UNROLL for (long v = 0; v < SUMS; v++) {
                Lanes d = lanes_of(t->dy + r * a->n, v, p);
                dy[v] += d;
                dy_xhat[v] += d * (lanes_of(t->x + r * a->n, v, p) - mean[v]);
            }
        UNROLL for (long v = 0; v < SUMS; v++) {
            Lanes gamma = weights_of(t, a->gamma, k + some * t->fold.own, v, 1);
            dy_xhat[v] *= scale[v];
            long i = some + v * t->fold.sums / SUMS;
            if (v * t->fold.sums % SUMS == 0)
                all[i] = all_xhat[i] = broadcast(0);
            all[i] += dy[v];
            all_xhat[i] += dy_xhat[v];
            sum[v] += gamma * dy[v];
            sum_xhat[v] += gamma * dy_xhat[v];
        }
        some += t->fold.sums;
        if (some + t->fold.sums <= LANES && r < p.to)
            continue;
        long count = some * t->fold.own;
        add_sums(all, t->fold.own, t->dbeta + k, count);
        add_sums(all_xhat, t->fold.own, t->dgamma + k, count);
        k += count;
        some = 0;
    }
    for (long l = 0; l < p.count; l++)
        t->sums[p.at + l].one += ((float *)sum)[l], t->sums[p.at + l].other += ((float *)sum_xhat)[l];
}

INLINE void write_result(const Arguments *a, const Tile *t, Part p)
{
    Lanes mean[SUMS], scale[SUMS], shift[SUMS], tilt[SUMS];
    for (long v = 0; v < SUMS; v++) {
        mean[v] = lanes_of(t->of->mean, v, p), scale[v] = lanes_of(t->of->scale, v, p);
        shift[v] = lanes_of(t->of->shift, v, p), tilt[v] = lanes_of(t->of->tilt, v, p);
    }
    long row = t->first + p.from, k = row / a->each * t->fold.weights;
    for (long r = p.from, end = r - row % a->each; r < p.to; k += t->fold.weights) {
        Lanes gamma[SUMS], beta[SUMS];
        UNROLL for (long v = 0; v < SUMS; v++)
            gamma[v] = weights_of(t, a->gamma, k, v, 1), beta[v] = weights_of(t, a->beta, k, v, 0);
        for (end = least(p.to, end + a->each); r < end; r++)
            UNROLL for (long v = 0; v < SUMS; v++) {
                Lanes d = lanes_of(t->x + r * a->n, v, p) - mean[v];
                d = t->dy ? scale[v] * (gamma[v] * lanes_of(t->dy + r * a->n, v, p) - shift[v] - d * tilt[v])
                          : d * scale[v] * gamma[v] + beta[v];
                if (v * LANES < p.count)
                    write_some(t->y + r * a->n + p.at + v * LANES, p.count - v * LANES, d);
            }
    }
}

/* Both are copies, which no vector that is written can overlap: so the compiler keeps them in registers. */
INLINE void by_strips(const Arguments a, const Tile t, long height, long backwards,
                      void (*step)(const Arguments *, const Tile *, Part))
{
    for (long i = 0, strips = (t.to - t.from + height - 1) / height; i < strips; i++) {
        long r = t.from + (backwards ? strips - 1 - i : i) * height, to = least(r + height, t.to), at = 0;
        for (; at + SUMS * LANES <= t.columns; at += SUMS * LANES)
            step(&a, &t, (Part){r, to, at, SUMS * LANES});
        if (at < t.columns)
            step(&a, &t, (Part){r, to, at, t.columns - at});
    }
}

/* GCC makes two loops of it: one for rows with a weight each, whose weights stay in registers. */
INLINE void in_strips(Arguments a, Tile t, long height, long backwards,
                      void (*step)(const Arguments *, const Tile *, Part))
{
    if (a.each == 1 && t.fold.weights == 1)
        a.each = 1, t.fold = (Fold){1, 1, 1, 1}, by_strips(a, t, height, backwards, step);
    else
        by_strips(a, t, height, backwards, step);
}

/* y or dx, from the statistics of all shares, the first of which are `sums`. Row by row, unless a row is
   one part. */
static void result(const Arguments *a, Tile *t, const Sum *sums)
{
    Columns *of = t->of;
    Sum all[TILE];
    const double rows = (double)(a->m * t->fold.rows);
    long n = t->columns / t->fold.rows;
    memcpy(all, sums, n * sizeof *all);
    for (long i = 1; i < a->shares * t->fold.rows; i++) {
        long share = i / t->fold.rows, part = i % t->fold.rows, from, to;
        range(a->m, share, a->shares, 1, &from, &to);
        long some = to - from;
        const Sum *more = sums + share * TILE + part * n;
        for (long l = 0; l < n; l++)
            if (a->dy)
                all[l].one += more[l].one, all[l].other += more[l].other;
            else
                merge(all + l, more[l].one, more[l].other, from * t->fold.rows + part * some, some);
    }
    for (long l = n; l < t->columns; l++)
        all[l] = all[l - n];
    for (long l = 0; l < t->columns; l++) {
        float other = (float)(all[l].other / rows);
        of->mean[l] = a->dy ? of->mean[l] : (float)all[l].one;
        of->scale[l] = a->dy ? of->scale[l] : 1 / sqrtf(other + a->eps);
        of->shift[l] = (float)(all[l].one / rows); /* of dx alone, as tilt */
        of->tilt[l] = other * of->scale[l];
    }
    in_strips(*a, *t, a->n <= SUMS * LANES ? STRIP / up(a->n, LANES) : 1, 1, write_result);
}

enum { STATISTICS = 1, RESULT = 2 };

static Fold fold_of(const Arguments *a)
{
    long rows = 1, all = a->each == 1 ? a->m : a->each;
    while (2 * rows * a->n <= SUMS * LANES && all % (2 * rows) == 0)
        rows *= 2;
    if (a->each == 1 && rows * a->n < SUMS * LANES) /* not each weight would have lanes of its own */
        rows = 1;
    long weights = a->each == 1 ? rows : 1, sums = least(weights, SUMS);
    return (Fold){rows, weights, sums, weights / sums};
}

static long shares_of(const Arguments *given, long piece, const long steps)
{
    const Fold fold = fold_of(given);
    Arguments a = *given;
    a.m /= fold.rows;
    a.n *= fold.rows;
    a.each = a.each * fold.weights / fold.rows;
    long across = (a.n + TILE - 1) / TILE, all = a.groups * across * a.shares;
    float *dgamma = a.dy ? a.parts + piece * 2 * a.weights : 0, *dbeta = a.dy ? dgamma + a.weights : 0;
    if (a.dy && steps & STATISTICS)
        memset(dgamma, 0, 2 * a.weights * sizeof *dgamma);
    long begin = all * piece / a.pieces, end = all * (piece + 1) / a.pieces;
    for (long k = begin; k < end; k++) {
        long i = steps == RESULT ? begin + end - 1 - k : k, share = i % a.shares;
        long g = i / a.shares / across, first = i / a.shares % across * TILE;
        long at = g * a.m * a.n + first, columns = least(TILE, a.n - first);
        float *mean = a.mean + g * given->n + first, *scale = a.scale + g * given->n + first;
        Columns of;
        Tile t = {.x = a.x + at, .dy = a.dy ? a.dy + at : 0, .y = a.y + at, .dgamma = dgamma, .dbeta = dbeta,
                  .first = g * a.m % (a.weights / fold.weights * a.each), .columns = columns,
                  .sums = a.sums + i * TILE, .of = &of, .fold = fold};
        range(a.m, share, a.shares, 1, &t.from, &t.to);
        for (long l = 0; a.dy && l < columns; l++)
            of.mean[l] = mean[l % given->n], of.scale[l] = scale[l % given->n];
        if (steps & STATISTICS) {
            memset(t.sums, 0, columns * sizeof *t.sums);
            if (a.dy)
                in_strips(a, t, STRIP / up(least(a.n, TILE), LANES), 0, add_gradients);
            else
                in_strips(a, t, STRIP / up(least(a.n, TILE), LANES), 0, merge_moments);
        }
        if (steps & RESULT)
            result(&a, &t, t.sums - share * TILE);
        for (long l = 0; !a.dy && steps & RESULT && share == 0 && l < columns / fold.rows; l++)
            mean[l] = of.mean[l], scale[l] = of.scale[l];
    }
    return 0;
}

static long statistics(const Arguments *a, long piece) { return shares_of(a, piece, STATISTICS); }
static long results(const Arguments *a, long piece) { return shares_of(a, piece, RESULT); }
static long both(const Arguments *a, long piece) { return shares_of(a, piece, STATISTICS | RESULT); }

/* y like x; mean, scale (groups, n). gamma, beta may be null. sums: 2 * TILE numbers for each of the
   `shares` of the rows of each tile. Or, with a dy, y is dx, and parts (pieces, 2, weights) are dgamma
   and dbeta of each piece. Where a tile has several shares, the result of one needs the statistics of
   all. */
EXPORT long xpcnn_sample_norm(const Arguments *a)
{
    long missing = run_pieces(a->shares > 1 ? statistics : both, a, a->pieces, a->threads);
    return a->shares > 1 && !missing ? run_pieces(results, a, a->pieces, a->threads) : missing;
}
