/* Batch normalisation of channels, each m numbers in a row. A channel stays in a core's cache for all
   of its passes. Sums are of a few thousand numbers in float32, and of those sums in double. */

#include "export.h"
#include "threads.h"

#include <math.h>

typedef struct {
    const float *x, *dy, *gamma, *beta;
    float *mean, *var, *y, *sum_dy, *sum_dy_xhat;
    long m;
    float eps;
} Arguments;

enum { SOME = 2048, SUMS = 32 };

/* Return the sum, by `kind`: 0 of a - shift, 1 of (a - shift)^2, 2 of b * (a - shift). */
static inline __attribute__((always_inline)) double total(const int kind, const float *a,
                                                          const float *b, float shift, long m)
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

static long forward(void *arguments, long c)
{
    const Arguments *p = arguments;
    long m = p->m;
    const float *x = p->x + c * m;
    float *restrict y = p->y + c * m;
    float mean = (float)(total(0, x, x, 0, m) / m), var = (float)(total(1, x, x, mean, m) / m);
    float slope = (p->gamma ? p->gamma[c] : 1) / sqrtf(var + p->eps), beta = p->beta ? p->beta[c] : 0;
    p->mean[c] = mean;
    p->var[c] = var;
    for (long i = 0; i < m; i++)
        y[i] = (x[i] - mean) * slope + beta;
    return 0;
}

/* y = gamma * (x - mean) / sqrt(var + eps) + beta, mean and var (c,) of x (c, m); gamma, beta may be
   null. */
EXPORT long xpcnn_batch_norm(const float *x, const float *gamma, const float *beta, float *y,
                             float *mean, float *var, float eps, long m, long channels, long threads)
{
    Arguments p = {.x = x, .gamma = gamma, .beta = beta, .y = y, .mean = mean, .var = var,
                   .eps = eps, .m = m};
    return run_pieces(forward, &p, channels, threads);
}

static long inference(void *arguments, long c)
{
    const Arguments *p = arguments;
    const float *x = p->x + c * p->m, mean = p->mean[c];
    const float slope = (p->gamma ? p->gamma[c] : 1) / sqrtf(p->var[c] + p->eps);
    const float beta = p->beta ? p->beta[c] : 0;
    float *restrict y = p->y + c * p->m;
    for (long i = 0; i < p->m; i++)
        y[i] = (x[i] - mean) * slope + beta;
    return 0;
}

/* The same with a mean and a var that are given. */
EXPORT long xpcnn_batch_norm_inference(const float *x, const float *gamma, const float *beta,
                                       float *mean, float *var, float *y, float eps, long m,
                                       long channels, long threads)
{
    Arguments p = {.x = x, .gamma = gamma, .beta = beta, .mean = mean, .var = var, .y = y,
                   .eps = eps, .m = m};
    return run_pieces(inference, &p, channels, threads);
}

static long backward(void *arguments, long c)
{
    const Arguments *p = arguments;
    long m = p->m;
    const float *x = p->x + c * m, *dy = p->dy + c * m, mean = p->mean[c];
    float scale = 1 / sqrtf(p->var[c] + p->eps), slope = scale * (p->gamma ? p->gamma[c] : 1);
    float sum_dy = (float)total(0, dy, dy, 0, m);
    float sum_dy_xhat = (float)total(2, x, dy, mean, m) * scale;
    float shift = sum_dy / m, tilt = scale * sum_dy_xhat / m;
    p->sum_dy[c] = sum_dy;
    p->sum_dy_xhat[c] = sum_dy_xhat;
    if (p->y) {
        float *restrict dx = p->y + c * m;
        for (long i = 0; i < m; i++)
            dx[i] = slope * (dy[i] - shift - (x[i] - mean) * tilt);
    }
    return 0;
}

/* dx = gamma / sqrt(var + eps) * (dy - mean(dy) - xhat * mean(dy * xhat)), unless null; the sums (c,)
   of dy and of dy * xhat. */
EXPORT long xpcnn_batch_norm_gradient(const float *x, const float *dy, const float *gamma,
                                      float *mean, float *var, float *dx, float *sum_dy,
                                      float *sum_dy_xhat, float eps, long m, long channels,
                                      long threads)
{
    Arguments p = {.x = x, .dy = dy, .gamma = gamma, .mean = mean, .var = var, .y = dx,
                   .sum_dy = sum_dy, .sum_dy_xhat = sum_dy_xhat, .eps = eps, .m = m};
    return run_pieces(backward, &p, channels, threads);
}
