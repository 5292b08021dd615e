/* Steps of SGD and Adam: all parameters in one call, each in one pass over its memory. */

#include "export.h"
#include "threads.h"

#include <math.h>

/* A parameter; g, m and v are its gradient and its memories, `new` what becomes of them. */
typedef struct {
    const float *p, *g, *m, *v;
    float *new_p, *new_m, *new_v;
    long size;
    double l2, decay; /* g + l2 * p is the gradient, (1 - lr * decay) * p what is stepped from */
} Tensor;

typedef struct {
    const float *lr, *step; /* step: from 1 on */
    _Alignas(8) float momentum, share;
    long nesterov, count, pieces, threads;
    Tensor tensors[];
} Sgd;

typedef struct {
    const float *lr, *step;
    double beta1, beta2;
    _Alignas(8) float eps;
    long count, pieces, threads;
    Tensor tensors[];
} Adam;

#define EACH(t, a, piece)                                                                          \
    for (long i = t->size * piece / a->pieces, end = t->size * (piece + 1) / a->pieces; i < end; i++)

static long sgd_piece(const void *arguments, long piece)
{
    const Sgd *a = arguments;
    const float lr = *a->lr, momentum = a->momentum, share = *a->step > 1 ? a->share : 1;
    for (const Tensor *t = a->tensors; t < a->tensors + a->count; t++) {
        const float *p = t->p, *g = t->g, *m = t->m, l2 = (float)t->l2;
        float *restrict new_p = t->new_p, *restrict new_m = t->new_m;
        const float keep = (float)(1 - lr * t->decay);
        const int is_nesterov = m && a->nesterov;
        EACH(t, a, piece) {
            float slope = g[i] + l2 * p[i], v = slope;
            if (m)
                new_m[i] = v = momentum * m[i] + share * slope;
            new_p[i] = keep * p[i] - lr * (is_nesterov ? slope + momentum * v : v);
        }
    }
    return 0;
}

/* v = momentum * v + share * g, where share is 1 in the first step; p -= lr * v, with Nesterov
   lr * (g + momentum * v), and without v lr * g. */
EXPORT long xpcnn_sgd(const Sgd *a)
{
    return *a->step >= 1 ? run_pieces(sgd_piece, a, a->pieces, a->threads) : NOT_SERVED;
}

/* 1 - beta^step */
static double correction(double beta, double step)
{
    return beta > 0 ? -expm1(step * log(beta)) : 1;
}

static long adam_piece(const void *arguments, long piece)
{
    const Adam *a = arguments;
    const float beta1 = (float)a->beta1, new1 = (float)(1 - a->beta1), eps = a->eps;
    const float beta2 = (float)a->beta2, new2 = (float)(1 - a->beta2);
    const float rate = (float)(*a->lr / correction(a->beta1, *a->step));
    const float root = (float)sqrt(correction(a->beta2, *a->step));
    for (const Tensor *t = a->tensors; t < a->tensors + a->count; t++) {
        const float *p = t->p, *g = t->g, *m = t->m, *v = t->v, l2 = (float)t->l2;
        const float keep = (float)(1 - *a->lr * t->decay);
        float *restrict new_p = t->new_p, *restrict new_m = t->new_m, *restrict new_v = t->new_v;
        EACH(t, a, piece) {
            float slope = g[i] + l2 * p[i];
            new_m[i] = beta1 * m[i] + new1 * slope;
            new_v[i] = beta2 * v[i] + new2 * (slope * slope);
            new_p[i] = keep * p[i] - rate * new_m[i] / (sqrtf(new_v[i]) / root + eps);
        }
    }
    return 0;
}

/* m = beta1 * m + (1 - beta1) * g; v = beta2 * v + (1 - beta2) * g^2; p -= rate * m / (sqrt(v) / root
   + eps), where rate = lr / (1 - beta1^step) and root = sqrt(1 - beta2^step). */
EXPORT long xpcnn_adam(const Adam *a)
{
    return *a->step >= 1 ? run_pieces(adam_piece, a, a->pieces, a->threads) : NOT_SERVED;
}
