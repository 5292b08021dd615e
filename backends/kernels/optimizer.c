/* Steps of SGD and Adam: all parameters in one call, each in one pass over its memory. */

#include "export.h"
#include "lanes.h"
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

/* Numbers are taken as vectors, the last as a part of one: then which product and sum become one
   instruction does not depend on where an array begins, and processes that share an update get the same
   bits. */
static long sgd_piece(const void *arguments, long piece)
{
    const Sgd *a = arguments;
    const float lr = *a->lr, momentum = a->momentum, share = *a->step > 1 ? a->share : 1;
    for (const Tensor *t = a->tensors; t < a->tensors + a->count; t++) {
        const float l2 = (float)t->l2, keep = (float)(1 - lr * t->decay);
        long i = t->size * piece / a->pieces, end = t->size * (piece + 1) / a->pieces;
        for (; i < end; i += LANES) {
            Lanes p = some_of(t->p + i, end - i), slope = some_of(t->g + i, end - i) + l2 * p, v = slope;
            if (t->m) {
                v = momentum * some_of(t->m + i, end - i) + share * slope;
                write_some(t->new_m + i, end - i, v);
                if (a->nesterov)
                    v = slope + momentum * v;
            }
            write_some(t->new_p + i, end - i, keep * p - lr * v);
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

INLINE Lanes square_root(Lanes x)
{
    for (long l = 0; l < LANES; l++)
        x[l] = sqrtf(x[l]);
    return x;
}

static long adam_piece(const void *arguments, long piece)
{
    const Adam *a = arguments;
    const float beta1 = (float)a->beta1, new1 = (float)(1 - a->beta1), eps = a->eps;
    const float beta2 = (float)a->beta2, new2 = (float)(1 - a->beta2);
    const float rate = (float)(*a->lr / correction(a->beta1, *a->step));
    const float root = (float)sqrt(correction(a->beta2, *a->step));
    for (const Tensor *t = a->tensors; t < a->tensors + a->count; t++) {
        const float l2 = (float)t->l2, keep = (float)(1 - *a->lr * t->decay);
        long i = t->size * piece / a->pieces, end = t->size * (piece + 1) / a->pieces;
        for (; i < end; i += LANES) {
            Lanes p = some_of(t->p + i, end - i), slope = some_of(t->g + i, end - i) + l2 * p;
            Lanes m = beta1 * some_of(t->m + i, end - i) + new1 * slope;
            Lanes v = beta2 * some_of(t->v + i, end - i) + new2 * (slope * slope);
            write_some(t->new_m + i, end - i, m);
            write_some(t->new_v + i, end - i, v);
            write_some(t->new_p + i, end - i, keep * p - rate * m / (square_root(v) / root + eps));
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
