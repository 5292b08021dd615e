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

struct Arguments {
    const float *x, *rows, *columns;
    float *y;
    long c, h, w, n, places, pieces, threads;
};

enum { SOME = 64 }; /* samples at a time */

/* Pixels around a place: above and below, each before and after it. Where they are in a channel, and
   their weights, 0 outside. */
typedef struct {
    int32_t at[4][SOME];
    float weight[4][SOME];
} Around;

/* The two pixels of an axis around a place, the nearest for one outside, and their weights. */
static inline void look(float place, float size, int32_t pixel[2], float weight[2])
{
    float first = floorf(place), part = place - first;
    for (long k = 0; k < 2; k++) {
        float i = first + k;
        pixel[k] = i > 0 ? (i < size - 1 ? i : size - 1) : 0; /* 0 for NaN */
        weight[k] = (i >= 0) & (i < size) ? (k ? part : 1 - part) : 0;
    }
}

static void look_around(const Arguments *a, long first, long sample, long some, Around *o)
{
    for (long l = 0; l < some; l++) {
        int32_t row[2], column[2];
        float down[2], across[2];
        look(a->rows[first + l], a->h, row, down);
        look(a->columns[first + l], a->w, column, across);
        for (long k = 0; k < 4; k++) {
            int32_t pixel = row[k / 2] * (int32_t)a->w + column[k % 2];
            o->at[k][l] = pixel * (int32_t)a->n + (int32_t)(sample + l);
            o->weight[k][l] = down[k / 2] * across[k % 2];
        }
    }
}

static long places_of(const Arguments *a, long piece)
{
    for (long p = a->places * piece / a->pieces; p < a->places * (piece + 1) / a->pieces; p++)
        for (long k = 0; k < a->n; k += SOME) {
            long some = a->n - k < SOME ? a->n - k : SOME, first = p * a->n + k;
            Around o;
            look_around(a, first, k, some, &o);
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
