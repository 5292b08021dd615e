/* Batch normalisation, alone or with what follows it: a ReLU, before which an array may be added, or a
   ReLU and max pooling whose windows lie side by side. A channel (h, w, n) at a time, which stays in a
   core's cache for all of its passes: one pass over memory forward, one backward. What lies between is
   computed again in the backward pass, from x, which is in the cache by then; where something was
   added, the output tells which numbers were above 0.

   Sums are of a few thousand numbers in float32, and of those sums in double. */

#include "export.h"
#include "pool_row.h"
#include "threads.h"

#include <math.h>

enum { SOME = 2048, SUMS = 4 }; /* numbers that are added up in so many vectors */

struct Arguments {
    const float *x, *gamma, *beta, *added, *dy, *kept;
    float *y, *mean, *var; /* y: or dx */
    uint8_t *winner;
    float *dz, *sum_dz, *sum_dz_xhat;
    _Alignas(8) float eps, cap;
    long channels, h, w, n, ph, pw, is_given, threads;
};

/* A channel, and the line of its forward pass: z = (x - mean) * slope + shift, of which a ReLU is up to
   `cap`. Where something was added before the ReLU, its output y is kept, and dz, the gradient of the sum,
   is wanted. */
typedef struct { const float *x, *dy, *y; float *dz, *dx; float mean, slope, shift, cap; } Channel;

/* What follows the normalisation: nothing; a ReLU; something is added, and then a ReLU. */
enum { NOTHING, RELU, ADD_RELU };

static Channel channel_of(const Arguments *p, long c)
{
    float slope = (p->gamma ? p->gamma[c] : 1) / sqrtf(p->var[c] + p->eps);
    return (Channel){.x = p->x + c * p->h * p->w * p->n, .mean = p->mean[c], .slope = slope,
                     .shift = p->beta ? p->beta[c] : 0, .cap = p->cap};
}

/* Before ReLU: forward and backward alike, so that both see the same sign. */
INLINE Lanes normalised(const Channel *c, Lanes x) { return (x - c->mean) * c->slope + c->shift; }

/* The numbers of a part of a channel, normalised as above, and what follows. */
INLINE void write_line(const Channel c, const float *added, float *y, long m)
{
    for (long i = 0; i < m; i += LANES) {
        Lanes z = normalised(&c, some_of(c.x + i, m - i));
        if (added)
            z += some_of(added + i, m - i);
        write_some(y + i, m - i, rectified(z, c.cap));
    }
}

static long write_pooled(const Arguments *p, Channel c, long number)
{
    long across = p->w * p->n, size = p->ph * across, rows = p->h / p->ph, columns = p->w / p->pw;
    long at = number * rows * columns * p->n, bytes = size * (long)sizeof(float);
    float *strip = malloc(bytes);
    if (!strip)
        return bytes;
    c.cap = 0; /* the ReLU follows the pooling */
    for (long r = 0; r < rows; r++, c.x += size, at += columns * p->n) {
        write_line(c, 0, strip, size);
        pool_row(strip, across, p->n, p->ph, p->pw, columns, p->y + at, p->winner ? p->winner + at : 0);
    }
    free(strip);
    return 0;
}

static long forward(const Arguments *p, long number)
{
    long m = p->h * p->w * p->n;
    const float *x = p->x + number * m;
    if (!p->is_given) {
        p->mean[number] = (float)(sum_of_row(x, m) / m);
        p->var[number] = (float)(sum_of(1, x, m, p->mean[number]) / m);
    }
    Channel c = channel_of(p, number);
    if (p->ph * p->pw > 1)
        return write_pooled(p, c, number);
    write_line(c, p->added ? p->added + number * m : 0, p->y + number * m, m);
    return 0;
}

/* y = gamma * (x - mean) / sqrt(var + eps) + beta, mean and var (channels,) of x (channels, h, w, n), or
   those that are given; gamma, beta may be null. Then `added`, in the shape of x, unless it is null,
   and a ReLU up to `cap`. With windows larger than 1 x 1, y and winner are (channels, h / ph, w / pw, n):
   max pooling of the ReLU, and which element of a window it is, unless winner is null. */
EXPORT long xpcnn_batch_norm(const Arguments *a) { return run_pieces(forward, a, a->channels, a->threads); }

/* `count` numbers of the gradient before the ReLU, from number j on: dy where the output was above 0,
   or NaN. */
INLINE Lanes before_relu(const int after, const Channel *c, Lanes x, long j, long count)
{
    Lanes dy = some_of(c->dy + j, count), z = normalised(c, x);
    if (after == ADD_RELU)
        return chosen(some_of(c->y + j, count) != 0, dy, broadcast(0));
    return after == RELU ? chosen((z <= 0) | (z >= c->cap), broadcast(0), dy) : dy;
}

/* The sums of dz, the gradient before what followed, and of dz * xhat; and, unless dx is null,
   dx = gamma / sqrt(var + eps) * (dz - mean(dz) - xhat * mean(dz * xhat)), which may take the place of
   dy. Two passes; scale is 1 / sqrt(var + eps). */
INLINE void gradient(const int after, Channel c, long m, float scale, float *sum_dz, float *sum_dz_xhat)
{
    double all = 0, all_x = 0;
    for (long j = 0; j < m;) {
        Lanes sum[SUMS] = {{0}}, sum_x[SUMS] = {{0}};
        for (long end = least(m, j + SOME); j < end; j += SUMS * LANES)
            UNROLL for (long v = 0; v < SUMS; v++) {
                long i = j + v * LANES, count = m - i;
                if (count <= 0)
                    continue;
                Lanes x = some_of(c.x + i, count), dz = before_relu(after, &c, x, i, count);
                if (after == ADD_RELU)
                    write_some(c.dz + i, count, dz);
                sum[v] += dz;
                sum_x[v] += dz * (x - c.mean);
            }
        for (long v = 0; v < SUMS; v++) {
            all += total(sum[v]);
            all_x += total(sum_x[v]);
        }
    }
    *sum_dz = (float)all;
    *sum_dz_xhat = (float)all_x * scale;
    const float shift = *sum_dz / m, tilt = scale * *sum_dz_xhat / m;
    for (long j = 0; c.dx && j < m; j += LANES) {
        Lanes x = some_of(c.x + j, m - j);
        Lanes dz = after == ADD_RELU ? some_of(c.dz + j, m - j) : before_relu(after, &c, x, j, m - j);
        write_some(c.dx + j, m - j, c.slope * (dz - shift - (x - c.mean) * tilt));
    }
}

static long backward(const Arguments *p, long i)
{
    long rows = p->h / p->ph, out = p->w / p->pw * p->n, m = p->h * p->w * p->n;
    float scale = 1 / sqrtf(p->var[i] + p->eps);
    Channel c = channel_of(p, i);
    c.dx = p->y ? p->y + i * m : 0;
    c.dy = p->winner ? c.dx : p->dy + i * m;
    if (p->winner) {
        if (rows * p->ph < p->h || out * p->pw < p->w * p->n)
            memset(c.dx, 0, m * sizeof *c.dx);
        for (long r = i * rows; r < (i + 1) * rows; r++)
            unpool_row(p->dy + r * out, p->winner + r * out, c.dx + (r - i * rows) * p->ph * p->w * p->n, p->w,
                       p->n, p->ph, p->pw);
    }
    if (p->dz) {
        c.y = p->kept + i * m;
        c.dz = p->dz + i * m;
        gradient(ADD_RELU, c, m, scale, p->sum_dz + i, p->sum_dz_xhat + i);
    } else if (p->winner || p->cap == 0)
        gradient(NOTHING, c, m, scale, p->sum_dz + i, p->sum_dz_xhat + i);
    else
        gradient(RELU, c, m, scale, p->sum_dz + i, p->sum_dz_xhat + i);
    return 0;
}

/* dx (channels, h, w, n), null if it is not wanted and there is no pooling, and the sums (channels,) of
   the gradient dz before ReLU and pooling, and of dz * xhat. winner: what the forward pass wrote, null
   for windows of 1 x 1; dz, the gradient of what was added: null without; kept: the output where something
   was added. */
EXPORT long xpcnn_batch_norm_gradient(const Arguments *a)
{
    return run_pieces(backward, a, a->channels, a->threads);
}
