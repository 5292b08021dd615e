/* Images of a batch: made of samples as they are stored, and read at any places. To the bits of the
   references, since batches are the same on every array library: no product and sum become one instruction. */

#ifdef __clang__
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC optimize("fp-contract=off")
#endif

#include "export.h"
#include "lanes.h"
#include "threads.h"

struct Arguments {
    const float *x, *places[2]; /* rows and columns, or maps to them; mean and standard deviation */
    const uint8_t *bytes;       /* in the place of x */
    float *y;
    long c, h, w, n, all, is_map, is_nearest, pieces, threads;
};

/* One number of each image, `at` numbers after x. */
INLINE Lanes gathered(const float *x, Whole at)
{
#if LANES == 16
    return (Lanes)_mm512_i32gather_ps((__m512i)at, x, 4);
#else
    Lanes all;
    UNROLL_LANES for (int l = 0; l < LANES; l++) all[l] = x[at[l]];
    return all;
#endif
}

/* The two pixels of an axis around places, the nearest for those outside, and their weights, 0 outside. */
INLINE void look(Lanes place, float size, int step, Whole pixel[2], Lanes weight[2])
{
    place = at_most(broadcast(size), at_least(place, broadcast(-2))); /* -2 for NaN */
    Lanes first = __builtin_convertvector(__builtin_convertvector(place, Whole), Lanes);
    first += __builtin_convertvector(first > place, Lanes);
    UNROLL for (int k = 0; k < 2; k++) {
        Lanes i = first + (float)k, part = place - first;
        Lanes near = at_least(broadcast(0), at_most(broadcast(size - 1), i));
        pixel[k] = __builtin_convertvector(near, Whole) * step;
        weight[k] = chosen(i == near, k ? part : (Lanes)(1 - part), broadcast(0));
    }
}

/* Place p of some images from `first` on, whose pixels x are `step` numbers apart. */
INLINE void read_place(const Arguments *a, long p, long first, const float *x, long step, const int is_nearest)
{
    const float i = (float)(p / a->w) - (float)(a->h - 1) / 2, j = (float)(p % a->w) - (float)(a->w - 1) / 2;
    long n = a->n, left = n - first;
    Whole at[2][2], image; /* in lanes without one, the first */
    UNROLL_LANES for (int l = 0; l < LANES; l++) image[l] = l < left ? l : 0;
    Lanes weight[2][2];
    UNROLL for (int k = 0; k < 2; k++) {
        const float *own = a->places[k] + (a->is_map ? 0 : p * n) + first;
        Lanes place = some_of(own, left);
        if (a->is_map)
            place = place * i + some_of(own + n, left) * j + some_of(own + 2 * n, left);
        place += is_nearest ? 0.5f : 0;
        look(place, (float)(k ? a->w : a->h), (int)(k ? step : a->w * step), at[k], weight[k]);
    }
    const Lanes share = weight[0][0] * weight[1][0];
    for (long c = 0; c < a->c; c++, x += a->h * a->w * step) {
        Lanes y = gathered(x, at[0][0] + at[1][0] + image);
        if (is_nearest)
            y = chosen(share > 0, y, broadcast(0));
        else
            y = share * y + weight[0][0] * weight[1][1] * gathered(x, at[0][0] + at[1][1] + image)
                + (weight[0][1] * weight[1][0] * gathered(x, at[0][1] + at[1][0] + image)
                   + weight[0][1] * weight[1][1] * gathered(x, at[0][1] + at[1][1] + image));
        write_some(a->y + (c * a->all + p) * n + first, left, y);
    }
}

static long nearest(const Arguments *arguments, long piece)
{
    const Arguments a = *arguments; /* which no vector that is written can be part of */
    long from, to;
    range(a.all, piece, a.pieces, 1, &from, &to);
    for (long p = from; p < to; p++)
        for (long first = 0; first < a.n; first += LANES)
            read_place(&a, p, first, a.x + first, a.n, 1);
    return 0;
}

/* Each pixel is read for several places: those of some images are copied side by side, into the L2 cache. Places
   of one vector of images after another, but a strip of them at a time: their cache lines are neighbours. */
static long between(const Arguments *arguments, long piece)
{
    enum { VECTORS = 2, STRIP = 32 };
    const Arguments a = *arguments;
    long groups = up(a.n, VECTORS * LANES) / (VECTORS * LANES), size = a.c * a.h * a.w, first, last, from, to;
    Lanes *copied = allocate(VECTORS * size * (long)sizeof(Lanes));
    if (!copied)
        return VECTORS * size * (long)sizeof(Lanes);
    range(groups, piece, a.pieces, groups >= a.pieces, &first, &last);
    range(a.all, piece, a.pieces, groups < a.pieces, &from, &to);
    for (; first < last; first++) {
        const long image = first * VECTORS * LANES, left = least(a.n - image, VECTORS * LANES);
        for (long k = 0; k < size; k++)
            for (long l = 0; l < left; l += LANES)
                copied[l / LANES * size + k] = some_of(a.x + k * a.n + image + l, left - l);
        for (long start = from; start < to; start += STRIP)
            for (long l = 0; l < left; l += LANES)
                for (long p = start; p < least(start + STRIP, to); p++)
                    read_place(&a, p, image + l, (const float *)(copied + l / LANES * size), LANES, 0);
    }
    free(copied);
    return 0;
}

/* y (c, all, n): images x (c, h, w, n) at rows and columns (all, n); or carried by maps: rows and columns are
   m0 i + m1 j + m2, of each three numbers (3, n), with i and j from the middle. */
EXPORT long xpcnn_sample(const Arguments *a)
{
    return run_pieces(a->is_nearest ? nearest : between, a, a->pieces, a->threads);
}

static long pixels_of(const Arguments *a, long piece)
{
    long from, to, size = a->c * a->all;
    range(size, piece, a->pieces, 1, &from, &to);
    for (long first = 0; first < a->n; first += LANES) /* whose pixels are a line of the cache */
        for (long p = from; p < to; p++) {
            const float mean = a->places[0][p / a->all], std = a->places[1][p / a->all];
            for (long i = first; i < least(first + LANES, a->n); i++)
                a->y[p * a->n + i] = (a->bytes[i * size + p] - mean) / std;
        }
    return 0;
}

/* y (c, all, n) = (x - mean) / std of each channel; x: bytes (n, c, all) */
EXPORT long xpcnn_normalise(const Arguments *a) { return run_pieces(pixels_of, a, a->pieces, a->threads); }
