/* Sums of two arrays in one memory order, and their ReLU: residual connections, and gradients that
   reach an array on two ways. NumPy's own sum runs on one thread. */

#include "export.h"
#include "threads.h"

typedef struct {
    const float *a, *b;
    float *y;
    long size, relu, pieces, threads;
} Arguments;

static long piece_of(const void *arguments, long piece)
{
    const Arguments *p = arguments;
    const float *a = p->a, *b = p->b;
    float *restrict y = p->y;
    long begin = p->size * piece / p->pieces, end = p->size * (piece + 1) / p->pieces;
    if (p->relu)
        for (long i = begin; i < end; i++) {
            float sum = a[i] + b[i];
            y[i] = sum < 0 ? 0 : sum; /* NaN stays */
        }
    else
        for (long i = begin; i < end; i++)
            y[i] = a[i] + b[i];
    return 0;
}

/* y = a + b, then ReLU if asked for */
EXPORT long xpcnn_add(const Arguments *a) { return run_pieces(piece_of, a, a->pieces, a->threads); }
