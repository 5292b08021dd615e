/* Batch normalisation of one channel, m numbers in a row, which stays in a core's cache for all of its
   passes. Sums are of a few thousand numbers in float32, and of those sums in double. */

#ifndef XPCNN_NORM_H
#define XPCNN_NORM_H

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

/* The sums of dy and of dy * xhat; and, unless dx is null,
   dx = gamma / sqrt(var + eps) * (dy - mean(dy) - xhat * mean(dy * xhat)), which may take the place of
   dy. */
static inline void norm_gradient(const float *x, const float *dy, long m, float gamma, float mean,
                                 float var, float eps, float *dx, float *sum_dy, float *sum_dy_xhat)
{
    float scale = 1 / sqrtf(var + eps), slope = scale * gamma;
    *sum_dy = (float)channel_sum(0, dy, dy, 0, m);
    *sum_dy_xhat = (float)channel_sum(2, x, dy, mean, m) * scale;
    float shift = *sum_dy / m, tilt = scale * *sum_dy_xhat / m;
    if (dx)
#pragma GCC ivdep
        for (long i = 0; i < m; i++)
            dx[i] = slope * (dy[i] - shift - (x[i] - mean) * tilt);
}

#endif
