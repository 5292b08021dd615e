/* Steps of SGD and Adam: all parameters in one call, each in one pass over its memory. */

#include "export.h"
#include "threads.h"

#include <math.h>

/* A parameter; g, m and v are its gradient and its memories, `new` what becomes of them. */
typedef struct {
    const float *p, *g, *m, *v;
    float *new_p, *new_m, *new_v;
    long size;
    double l2, keep; /* g + l2 * p is the gradient, keep * p what is stepped from */
} Tensor;

typedef struct {
    const Tensor *tensors;
    long count;
    _Alignas(8) float lr, momentum, share;
    long nesterov, pieces, threads;
} Sgd;

typedef struct {
    const Tensor *tensors;
    long count;
    _Alignas(8) float rate, root, beta1, new1, beta2, new2, eps;
    long pieces, threads;
} Adam;

#define EACH(t, a, piece)                                                                          \
    for (long i = t->size * piece / a->pieces, end = t->size * (piece + 1) / a->pieces; i < end; i++)

static long sgd_piece(const void *arguments, long piece)
{
    const Sgd *a = arguments;
    const float lr = a->lr, momentum = a->momentum, share = a->share;
    for (const Tensor *t = a->tensors; t < a->tensors + a->count; t++) {
        const float *p = t->p, *g = t->g, *m = t->m, l2 = (float)t->l2, keep = (float)t->keep;
        float *restrict new_p = t->new_p, *restrict new_m = t->new_m;
        if (!m)
            EACH(t, a, piece)
                new_p[i] = keep * p[i] - lr * (g[i] + l2 * p[i]);
        else if (a->nesterov)
            EACH(t, a, piece) {
                float slope = g[i] + l2 * p[i];
                new_m[i] = momentum * m[i] + slope;
                new_p[i] = keep * p[i] - lr * (slope + momentum * new_m[i]);
            }
        else
            EACH(t, a, piece) {
                new_m[i] = momentum * m[i] + share * (g[i] + l2 * p[i]);
                new_p[i] = keep * p[i] - lr * new_m[i];
            }
    }
    return 0;
}

/* v = momentum * v + share * g; p -= lr * v, with Nesterov lr * (g + momentum * v), and without v
   lr * g. */
EXPORT long xpcnn_sgd(const Sgd *a) { return run_pieces(sgd_piece, a, a->pieces, a->threads); }

static long adam_piece(const void *arguments, long piece)
{
    const Adam *a = arguments;
    const float beta1 = a->beta1, beta2 = a->beta2, new1 = a->new1, new2 = a->new2;
    const float rate = a->rate, root = a->root, eps = a->eps;
    for (const Tensor *t = a->tensors; t < a->tensors + a->count; t++) {
        const float *p = t->p, *g = t->g, *m = t->m, *v = t->v;
        const float l2 = (float)t->l2, keep = (float)t->keep;
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

/* m = beta1 * m + new1 * g; v = beta2 * v + new2 * g^2; p -= rate * m / (sqrt(v) / root + eps), where
   new1 = 1 - beta1, new2 = 1 - beta2, rate = lr / (1 - beta1^t) and root = sqrt(1 - beta2^t). */
EXPORT long xpcnn_adam(const Adam *a) { return run_pieces(adam_piece, a, a->pieces, a->threads); }
