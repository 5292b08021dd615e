/* One pass over numbers, in pieces for the threads. Loops that the compiler turns into vectors. */

#include "export.h"
#include "threads.h"

typedef struct {
    const float *a, *b;
    float *c;
    long size, pieces;
} Arguments;

#define EACH(p, piece) \
    for (long i = p->size * piece / p->pieces, end = p->size * (piece + 1) / p->pieces; i < end; i++)

static long relu_piece(void *arguments, long piece)
{
    const Arguments *p = arguments;
    const float *x = p->a;
    float *restrict y = p->c;
    EACH(p, piece)
        y[i] = x[i] < 0 ? 0 : x[i]; /* NaN stays */
    return 0;
}

/* y = max(x, 0) */
EXPORT long xpcnn_relu(const float *x, float *y, long size, long pieces, long threads)
{
    Arguments p = {.a = x, .c = y, .size = size, .pieces = pieces};
    return run_pieces(relu_piece, &p, pieces, threads);
}

static long relu_gradient_piece(void *arguments, long piece)
{
    const Arguments *p = arguments;
    const float *dy = p->a, *y = p->b;
    float *restrict dx = p->c;
    EACH(p, piece)
        dx[i] = y[i] != 0 ? dy[i] : 0;
    return 0;
}

/* dx = dy where y is not 0: exactly where x > 0, or NaN */
EXPORT long xpcnn_relu_gradient(const float *dy, const float *y, float *dx, long size, long pieces,
                                long threads)
{
    Arguments p = {.a = dy, .b = y, .c = dx, .size = size, .pieces = pieces};
    return run_pieces(relu_gradient_piece, &p, pieces, threads);
}
