/* One pass over numbers, in pieces for the threads. Loops that the compiler turns into vectors. */

#include "threads.h"

typedef struct {
    const float *a, *b, *e;
    float *c, *d;
    long size, pieces, nesterov;
    float lr, momentum;
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
