/* Sums of two arrays in one memory order, and their ReLU: residual connections, and gradients that
   reach an array on two ways. NumPy's own sum runs on one thread. */

#include "export.h"
#include "lanes.h"
#include "threads.h"

#include <math.h>

typedef struct {
    const float *a, *b;
    float *y;
    long size, relu, pieces, threads;
} Arguments;

static long piece_of(const void *arguments, long piece)
{
    const Arguments *p = arguments;
    const float *a = p->a, *b = p->b, cap = p->relu ? NAN : 0;
    float *y = p->y;
    long i = p->size * piece / p->pieces, end = p->size * (piece + 1) / p->pieces;
    for (; i < end; i += LANES)
        write_some(y + i, end - i, rectified(some_of(a + i, end - i) + some_of(b + i, end - i), cap));
    return 0;
}

/* y = a + b, then ReLU if asked for */
EXPORT long xpcnn_add(const Arguments *a) { return run_pieces(piece_of, a, a->pieces, a->threads); }
