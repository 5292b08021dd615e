/* Images read between their pixels: bilinear interpolation at any places, to the bits of the reference:
   augmentations are the same on every array library. So no product and sum become one instruction. */

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif

#include "export.h"
#include "threads.h"

#include <math.h>

struct Arguments {
    const float *x, *rows, *columns;
    float *y;
    long c, h, w, n, places, pieces, threads;
};

/* The two pixels of an axis around a place, the nearest for one outside, and their weights, 0 outside. */
static inline void look(float place, float size, long step, long pixel[2], float weight[2])
{
    float first = floorf(place), part = place - first;
    for (long k = 0; k < 2; k++) {
        float i = first + k;
        pixel[k] = (long)(i > 0 ? (i < size - 1 ? i : size - 1) : 0) * step; /* 0 for NaN */
        weight[k] = (i >= 0) & (i < size) ? (k ? part : 1 - part) : 0;
    }
}

static long places_of(const Arguments *a, long piece)
{
    long from, to, row[2], column[2], size = a->h * a->w * a->n;
    float down[2], across[2];
    range(a->places, piece, a->pieces, 1, &from, &to);
    for (long i = from * a->n; i < to * a->n; i++) {
        look(a->rows[i], a->h, a->w * a->n, row, down);
        look(a->columns[i], a->w, a->n, column, across);
        const float *x = a->x + i % a->n;
        for (float *y = a->y + i; y < a->y + a->c * a->places * a->n; y += a->places * a->n, x += size)
            *y = down[0] * across[0] * x[row[0] + column[0]] + down[0] * across[1] * x[row[0] + column[1]]
                 + (down[1] * across[0] * x[row[1] + column[0]] + down[1] * across[1] * x[row[1] + column[1]]);
    }
    return 0;
}

/* y (c, places, n): x (c, h, w, n) at rows and columns (places, n). */
EXPORT long xpcnn_bilinear(const Arguments *a) { return run_pieces(places_of, a, a->pieces, a->threads); }
