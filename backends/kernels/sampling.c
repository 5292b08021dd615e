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
#include <stdint.h>

typedef struct {
    const float *x, *rows, *columns;
    float *y;
    long c, h, w, n, places, pieces, threads;
} Arguments;

enum { SOME = 64 }; /* samples at a time */

/* The four pixels around a place: where they are in a channel, and their weights, 0 outside. */
typedef struct {
    int32_t at[4][SOME];
    float weight[4][SOME];
} Around;

static inline float nearest(float i, long size)
{
    return i > 0 ? (i < size - 1 ? i : size - 1) : 0; /* 0 for NaN */
}

static void look(const Arguments *a, long first, long sample, long some, Around *o)
{
    const float h = a->h, w = a->w;
    for (long l = 0; l < some; l++) {
        float row = a->rows[first + l], column = a->columns[first + l];
        float i = floorf(row), j = floorf(column), down = row - i, across = column - j;
        float top = (i >= 0) & (i < h) ? 1 - down : 0, bottom = (i >= -1) & (i < h - 1) ? down : 0;
        float left = (j >= 0) & (j < w) ? 1 - across : 0;
        float right = (j >= -1) & (j < w - 1) ? across : 0;
        int32_t above = (int32_t)nearest(i, a->h) * (int32_t)a->w;
        int32_t below = (int32_t)nearest(i + 1, a->h) * (int32_t)a->w;
        int32_t before = (int32_t)nearest(j, a->w), after = (int32_t)nearest(j + 1, a->w);
        int32_t n = (int32_t)a->n, k = (int32_t)(sample + l);
        o->at[0][l] = (above + before) * n + k;
        o->at[1][l] = (above + after) * n + k;
        o->at[2][l] = (below + before) * n + k;
        o->at[3][l] = (below + after) * n + k;
        o->weight[0][l] = top * left;
        o->weight[1][l] = top * right;
        o->weight[2][l] = bottom * left;
        o->weight[3][l] = bottom * right;
    }
}

static long places_of(const void *arguments, long piece)
{
    const Arguments *a = arguments;
    for (long p = a->places * piece / a->pieces; p < a->places * (piece + 1) / a->pieces; p++)
        for (long k = 0; k < a->n; k += SOME) {
            long some = a->n - k < SOME ? a->n - k : SOME, first = p * a->n + k;
            Around o;
            look(a, first, k, some, &o);
            for (long c = 0; c < a->c; c++) {
                const float *x = a->x + c * a->h * a->w * a->n;
                float *y = a->y + c * a->places * a->n + first;
                for (long l = 0; l < some; l++)
                    y[l] = o.weight[0][l] * x[o.at[0][l]] + o.weight[1][l] * x[o.at[1][l]]
                           + (o.weight[2][l] * x[o.at[2][l]] + o.weight[3][l] * x[o.at[3][l]]);
            }
        }
    return 0;
}

/* y (c, places, n): x (c, h, w, n), of fewer than 2^31 numbers a channel, at rows and columns
   (places, n). */
EXPORT long xpcnn_bilinear(const Arguments *a) { return run_pieces(places_of, a, a->pieces, a->threads); }
