/* One pass over numbers, in pieces for the threads. Loops that the compiler turns into vectors. */

#include "threads.h"

#include <math.h>

typedef struct {
    const float *a, *b, *e, *f;
    float *c, *d, *h;
    long size, pieces, nesterov;
    float lr, momentum, root, eps;
    double beta1, beta2;
} Arguments;

#define EACH(p, piece) \
    for (long i = p->size * piece / p->pieces, end = p->size * (piece + 1) / p->pieces; i < end; i++)

static void relu_piece(void *arguments, long piece)
{
    const Arguments *p = arguments;
    const float *x = p->a;
    float *restrict y = p->c;
    EACH(p, piece)
        y[i] = x[i] < 0 ? 0 : x[i]; /* NaN stays */
}

/* y = max(x, 0) */
void relu(const float *x, float *y, long size, long pieces, long threads)
{
    Arguments p = {.a = x, .c = y, .size = size, .pieces = pieces};
    run(relu_piece, &p, pieces, threads);
}

static void relu_gradient_piece(void *arguments, long piece)
{
    const Arguments *p = arguments;
    const float *dy = p->a, *y = p->b;
    float *restrict dx = p->c;
    EACH(p, piece)
        dx[i] = y[i] != 0 ? dy[i] : 0;
}

/* dx = dy where y is not 0: exactly where x > 0, or NaN */
void relu_gradient(const float *dy, const float *y, float *dx, long size, long pieces, long threads)
{
    Arguments p = {.a = dy, .b = y, .c = dx, .size = size, .pieces = pieces};
    run(relu_gradient_piece, &p, pieces, threads);
}

static void momentum_piece(void *arguments, long piece)
{
    const Arguments *p = arguments;
    const float *w = p->a, *g = p->b, *v = p->e, lr = p->lr, momentum = p->momentum;
    float *restrict new_w = p->c, *restrict new_v = p->d;
    if (p->nesterov)
        EACH(p, piece) {
            new_v[i] = momentum * v[i] + g[i];
            new_w[i] = w[i] - lr * (g[i] + momentum * new_v[i]);
        }
    else
        EACH(p, piece) {
            new_v[i] = momentum * v[i] + g[i];
            new_w[i] = w[i] - lr * new_v[i];
        }
}

/* new_v = momentum * v + g; new_w = w - lr * new_v, with Nesterov w - lr * (g + momentum * new_v). */
void momentum_update(const float *w, const float *g, const float *v, float *new_w, float *new_v,
                     float lr, float momentum, long nesterov, long size, long pieces, long threads)
{
    Arguments p = {.a = w, .b = g, .e = v, .c = new_w, .d = new_v, .size = size, .pieces = pieces,
                   .nesterov = nesterov, .lr = lr, .momentum = momentum};
    run(momentum_piece, &p, pieces, threads);
}

static void adam_piece(void *arguments, long piece)
{
    const Arguments *p = arguments;
    const float *w = p->a, *g = p->b, *m = p->e, *v = p->f;
    float *restrict new_w = p->c, *restrict new_m = p->d, *restrict new_v = p->h;
    const float beta1 = (float)p->beta1, beta2 = (float)p->beta2, rate = p->lr, root = p->root;
    const float new1 = (float)(1 - p->beta1), new2 = (float)(1 - p->beta2), eps = p->eps;
    EACH(p, piece) {
        new_m[i] = beta1 * m[i] + new1 * g[i];
        new_v[i] = beta2 * v[i] + new2 * (g[i] * g[i]);
        new_w[i] = w[i] - rate * new_m[i] / (sqrtf(new_v[i]) / root + eps);
    }
}

/* new_m = beta1 * m + (1 - beta1) * g; new_v = beta2 * v + (1 - beta2) * g^2;
   new_w = w - rate * new_m / (sqrt(new_v) / root + eps) */
void adam_update(const float *w, const float *g, const float *m, const float *v, float *new_w,
                 float *new_m, float *new_v, float rate, float root, double beta1, double beta2,
                 float eps, long size, long pieces, long threads)
{
    Arguments p = {.a = w, .b = g, .e = m, .f = v, .c = new_w, .d = new_m, .h = new_v,
                   .size = size, .pieces = pieces, .lr = rate, .root = root, .beta1 = beta1,
                   .beta2 = beta2, .eps = eps};
    run(adam_piece, &p, pieces, threads);
}
