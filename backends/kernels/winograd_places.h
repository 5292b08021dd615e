/* Where the pixels of tiles lie in batch-last memory (channels, h, w, n).

   A vector of LANES numbers holds one pixel of LANES tiles: of one tile of LANES images, or, where a
   batch ends, of the last images of a tile and the first of the next. So no lane is idle, whatever the
   size of a batch. Where each half of a vector is of one tile, two reads of half a vector replace one for
   each lane: 8 images of 16 channels of 32 x 32 take 0.57 of the time. */

#pragma once

#include "lanes.h"
#include "winograd_transforms.h"

#define INSIDE(x, size) ((unsigned long)(x) < (unsigned long)(size))

/* One channel, covered by tiles of side * side pixels. */
typedef struct {
    long h, w, n;
    long top, left;   /* of the image, in pixels right and down of the corner of the first tile; negative
                         for rows and columns that are left out */
    long step, side;  /* pixels from one tile to the next, of a tile */
    long down, across; /* tiles */
} Plane;

/* Of one vector: each pixel's offset in a plane, -1 where there is none. */
typedef struct {
    long parts; /* 1 or 2: of images side by side, one offset a part; LANES: one offset a lane */
    long at[PRODUCTS * LANES];
} Places;

/* of a vector that begins with number `first` of all pairs (tile, image), images fastest */
static void find_places(const Plane *p, long first, Places *to)
{
    long parts = first % p->n + LANES <= p->n ? 1 : p->n % HALF == 0 ? 2 : LANES, *at = to->at;
    to->parts = parts;
    for (long l = 0; l < parts; l++, first += LANES / parts) {
        long tile = first / p->n, image = first % p->n;
        long y = tile / p->across * p->step - p->top, x = tile % p->across * p->step - p->left;
        for (long i = 0; i < p->side; i++)
            for (long j = 0; j < p->side; j++) {
                long inside = tile < p->down * p->across && INSIDE(y + i, p->h) && INSIDE(x + j, p->w);
                at[(i * p->side + j) * parts + l] = inside ? ((y + i) * p->w + x + j) * p->n + image : -1;
            }
    }
}

/* Pixel k; 0 where there is none. parts: 1 or 2, a constant: a branch for each pixel took 3 to 6 % of a
   training step of `large`. */
INLINE Lanes load(const float *x, const Places *p, long parts, long k)
{
    if (parts == 1)
        return p->at[k] < 0 ? broadcast(0) : *(const Lanes *)(x + p->at[k]);
    const long *at = p->at + 2 * k;
    static const float zeros[HALF];
    return halves(at[0] < 0 ? zeros : x + at[0], at[1] < 0 ? zeros : x + at[1]);
}

/* Bring the pixels of a vector into the L2 cache before they are read or written: they lie n numbers apart,
   and the processor prefetches only few such reads by itself. Measured: 0.72 to 0.95 of the time without it. */
INLINE void fetch(const float *x, const Places *p, long pixels)
{
    for (long k = 0; k < pixels * p->parts && p->parts < LANES; k++)
        if (p->at[k] >= 0)
            __builtin_prefetch(x + p->at[k], 0, 2);
}

/* Copy the first `pixels` of lanes that lie apart, 0 where there is none, and find their places in the copy. */
static __attribute__((noinline)) void gather(const float *x, const Places *p, long pixels, float *to, Places *copied)
{
    copied->parts = 1;
    for (long k = 0; k < pixels; k++) {
        copied->at[k] = k * LANES;
        for (long i = k * LANES; i < (k + 1) * LANES; i++)
            to[i] = p->at[i] < 0 ? 0 : x[p->at[i]];
    }
}

/* Write pixel k, where there is one. */
INLINE void store(float *y, const Places *p, long k, Lanes value)
{
    const long *at = p->at + k * p->parts;
    if (p->parts == LANES)
        for (long l = 0; l < LANES; l++) {
            if (at[l] >= 0)
                y[at[l]] = value[l];
        }
    else if (p->parts == 2)
        for (long l = 0; l < 2; l++) {
            if (at[l] >= 0)
                memcpy(y + at[l], (float *)&value + l * HALF, HALF * sizeof *y);
        }
    else if (*at >= 0)
        *(Lanes *)(y + *at) = value;
}

INLINE void transform(const float *x, const Places *p, long parts, float *v, long vs)
{
    Lanes half[PRODUCTS];
    UNROLL for (long j = 0; j < SEEN; j++) {
        Lanes d[SEEN];
        UNROLL for (long i = 0; i < SEEN; i++) d[i] = load(x, p, parts, i * SEEN + j);
        transform_input(d, 1, half + j, SEEN);
    }
    vs /= LANES;
    UNROLL for (long i = 0; i < SEEN; i++)
        transform_input(half + i * SEEN, 1, (Lanes *)v + i * SEEN * vs, vs);
}

/* V of one channel of one vector of tiles: its 36 numbers `vs` apart */
static void transform_tile(const float *x, const Places *p, float *v, long vs)
{
    float copy[PRODUCTS * LANES];
    Places copied;
    if (p->parts == LANES) {
        gather(x, p, PRODUCTS, copy, &copied);
        x = copy, p = &copied;
    }
    if (p->parts == 1)
        transform(x, p, 1, v, vs);
    else
        transform(x, p, 2, v, vs);
}

/* Find where vectors `first` to first + some - 1 lie, and write V of c channels x: in each of its 36
   matrices, rows of channels `across` apart. */
static void transform_block(const Plane *in, const Plane *out, const float *x, long c, long first,
                            long some, Places *from, Places *to, float *v, long across, long vs)
{
    long size = in->h * in->w * in->n;
    for (long g = 0; g < some; g++) {
        find_places(in, (first + g) * LANES, from + g);
        find_places(out, (first + g) * LANES, to + g);
    }
    for (long i = 0; i < c; i++, x += size)
        for (long g = 0; g < some; g++) {
            if (i + 1 < c)
                fetch(x + size, from + g, PRODUCTS);
            transform_tile(x, from + g, v + i * across + g * LANES, vs);
        }
}
