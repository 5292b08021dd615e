/* Batch normalisation of one channel, m numbers in a row, which stays in a core's cache for all of its
   passes. Sums are of a few thousand numbers in float32, and of those sums in double. */

#ifndef XPCNN_NORM_H
#define XPCNN_NORM_H

#include "lanes.h"

#include <math.h>

enum { SOME = 2048, SUMS = 32 };

/* Return the sum, by `kind`: 0 of a - shift, 1 of (a - shift)^2, 2 of b * (a - shift). */
static inline __attribute__((always_inline)) double channel_sum(
    const int kind, const float *a, const float *b, float shift, long m)
{
    double all = 0;
    for (long i = 0; i < m; i += SOME) {
        long end = m - i < SOME ? m : i + SOME, j = i;
        float sum[SUMS] = {0};
        for (; j + SUMS <= end; j += SUMS)
            for (int s = 0; s < SUMS; s++) {
                float x = a[j + s] - shift;
                sum[s] += kind == 0 ? x : kind == 1 ? x * x : b[j + s] * x;
            }
        for (; j < end; j++) {
            float x = a[j] - shift;
            sum[0] += kind == 0 ? x : kind == 1 ? x * x : b[j] * x;
        }
        for (int s = 0; s < SUMS; s++)
            all += sum[s];
    }
    return all;
}

/* The mean and the biased variance of x. */
static inline void moments(const float *x, long m, float *mean, float *var)
{
    *mean = (float)(channel_sum(0, x, x, 0, m) / m);
    *var = (float)(channel_sum(1, x, x, *mean, m) / m);
}

/* A channel of a backward pass, and the line of its forward pass: z = (x - mean) * slope + shift, of
   which a ReLU is up to `cap`. */
typedef struct {
    const float *x, *dy, *y;
    float *dz, *dx;
    float mean, slope, shift, cap;
} Channel;

/* What followed the normalisation: nothing; a ReLU; something was added, and then a ReLU, whose
   output y is kept. */
enum { NOTHING, RELU, ADD_RELU };

/* `count` numbers of the gradient before the ReLU, from number j on: dy where the output was above 0,
   or NaN. */
INLINE Lanes before_relu(const int after, const Channel *c, Lanes x, long j, long count)
{
    Lanes dy = some_of(c->dy + j, count);
    if (after == RELU) {
        Lanes z = (x - c->mean) * c->slope + c->shift;
        return chosen((z <= 0) | (z >= c->cap), broadcast(0), dy);
    }
    return after == ADD_RELU ? chosen(some_of(c->y + j, count) != 0, dy, broadcast(0)) : dy;
}

INLINE void add_up(const int after, const Channel *c, long j, long count, Lanes *sum, Lanes *sum_x)
{
    Lanes x = some_of(c->x + j, count), dz = before_relu(after, c, x, j, count);
    if (after == ADD_RELU)
        write_some(c->dz + j, count, dz);
    *sum += dz;
    *sum_x += dz * (x - c->mean);
}

INLINE void write_dx(const int after, const Channel *c, long j, long count, float shift, float tilt)
{
    Lanes x = some_of(c->x + j, count), dz = before_relu(after, c, x, j, count);
    write_some(c->dx + j, count, c->slope * (dz - shift - (x - c->mean) * tilt));
}

/* The sums of dz, the gradient before what followed, and of dz * xhat; and, unless dx is null,
   dx = gamma / sqrt(var + eps) * (dz - mean(dz) - xhat * mean(dz * xhat)), which may take the place of
   dy. Two passes; scale is 1 / sqrt(var + eps). */
INLINE void norm_gradient(const int after, const Channel *c, long m, float scale, float *sum_dz,
                          float *sum_dz_xhat)
{
    double all = 0, all_x = 0;
    for (long i = 0; i < m; i += SOME) {
        long end = m - i < SOME ? m : i + SOME, j = i;
        Lanes sum[SUMS / LANES] = {{0}}, sum_x[SUMS / LANES] = {{0}};
        for (; j + SUMS <= end; j += SUMS)
            UNROLL for (long v = 0; v < SUMS / LANES; v++)
                add_up(after, c, j + v * LANES, LANES, sum + v, sum_x + v);
        for (; j < end; j += LANES)
            add_up(after, c, j, end - j, sum, sum_x);
        for (long v = 0; v < SUMS / LANES; v++) {
            all += total(sum[v]);
            all_x += total(sum_x[v]);
        }
    }
    *sum_dz = (float)all;
    *sum_dz_xhat = (float)all_x * scale;
    if (!c->dx)
        return;
    Channel rest = *c;
    if (after == ADD_RELU)
        rest.dy = c->dz;
    const int still = after == RELU ? RELU : NOTHING;
    float shift = *sum_dz / m, tilt = scale * *sum_dz_xhat / m;
    long j = 0;
    for (; j + LANES <= m; j += LANES)
        write_dx(still, &rest, j, LANES, shift, tilt);
    if (j < m)
        write_dx(still, &rest, j, m - j, shift, tilt);
}

#endif
