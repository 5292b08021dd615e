/* Batch normalisation of channels, each m numbers in a row; see norm.h. */

#include "export.h"
#include "norm.h"
#include "threads.h"

typedef struct {
    const float *x, *dy, *gamma, *beta;
    float *mean, *var, *y, *sum_dy, *sum_dy_xhat;
    long m;
    float eps;
} Arguments;

static long forward(void *arguments, long c)
{
    const Arguments *p = arguments;
    long m = p->m;
    const float *x = p->x + c * m;
    float *restrict y = p->y + c * m;
    float mean, var;
    moments(x, m, &mean, &var);
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

static long backward(void *arguments, long i)
{
    const Arguments *p = arguments;
    float root = sqrtf(p->var[i] + p->eps);
    Channel c = {.x = p->x + i * p->m, .dy = p->dy + i * p->m, .dx = p->y ? p->y + i * p->m : 0,
                 .mean = p->mean[i], .slope = (p->gamma ? p->gamma[i] : 1) / root};
    norm_gradient(NOTHING, &c, p->m, 1 / root, p->sum_dy + i, p->sum_dy_xhat + i);
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
