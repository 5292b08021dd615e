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

struct Arguments {
    const float *lr, *step; /* step: from 1 on */
    double beta1, beta2;
    _Alignas(8) float first, share, eps; /* the share of g in m, in the first step and later */
    long nesterov, count, pieces, threads;
    Tensor tensors[];
};

/* 1 - beta^step */
static double correction(double beta, double step) { return beta > 0 ? -expm1(step * log(beta)) : 1; }

/* Numbers are taken as vectors, the last as a part of one: then which product and sum become one
   instruction does not depend on where an array begins, and processes that share an update get the same
   bits. */
static long piece_of(const Arguments *a, long piece)
{
    const float lr = *a->lr, share = *a->step > 1 ? a->share : a->first, eps = a->eps;
    const float beta1 = (float)a->beta1, beta2 = (float)a->beta2, new2 = (float)(1 - a->beta2);
    const float rate = (float)(lr / correction(a->beta1, *a->step));
    const float root = (float)sqrt(correction(a->beta2, *a->step));
    for (const Tensor *t = a->tensors; t < a->tensors + a->count; t++) {
        const float l2 = (float)t->l2, keep = (float)(1 - lr * t->decay);
        long i = t->size * piece / a->pieces, end = t->size * (piece + 1) / a->pieces;
        for (; i < end; i += LANES) {
            Lanes p = some_of(t->p + i, end - i), g = some_of(t->g + i, end - i) + l2 * p, m = g;
            if (t->m) {
                m = beta1 * some_of(t->m + i, end - i) + share * g;
                write_some(t->new_m + i, end - i, m);
                if (a->nesterov)
                    m = g + beta1 * m;
            }
            Lanes step = lr * m;
            if (t->v) {
                Lanes v = beta2 * some_of(t->v + i, end - i) + new2 * (g * g);
                write_some(t->new_v + i, end - i, v);
                for (long l = 0; l < LANES; l++)
                    v[l] = sqrtf(v[l]);
                step = rate * m / (v / root + eps);
            }
            write_some(t->new_p + i, end - i, keep * p - step);
        }
    }
    return 0;
}

/* m = beta1 * m + share * g, and p -= lr * m, with Nesterov lr * (g + beta1 * m), and without m lr * g.

   Where there is a v, v = beta2 * v + (1 - beta2) * g^2, and p -= rate * m / (sqrt(v) / root + eps) with
   rate = lr / (1 - beta1^step), root = sqrt(1 - beta2^step). Not served before the first step. */
EXPORT long xpcnn_update(const Arguments *a)
{
    return *a->step >= 1 ? run_pieces(piece_of, a, a->pieces, a->threads) : NOT_SERVED;
}
