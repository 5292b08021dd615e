/* Pooling of windows (kh, kw) over images (channels, h, w, n), with outputs (channels, rows, columns, n).

   Windows may overlap, be dilated, and reach into padding, which is never read: it is neither a
   largest number nor part of a sum, though it may count as an element of a mean. */

#include "export.h"
#include "lanes.h"
#include "threads.h"

#include <string.h>

enum { MOST = 256 }; /* elements of a window of max pooling, which one byte numbers */

typedef struct {
    long size, out, k, stride, dilation, before, after; /* elements, windows, elements of a window */
} Axis;

typedef struct {
    long channels, n;
    Axis down, across;
} Windows;

typedef struct {
    const Windows *o;
    const float *from;
    float *to;
    uint8_t *winner;
    float share;
    long padded, pieces;
} Arguments;

typedef struct {
    long first, end, at, padded; /* elements first to end - 1 lie on the image, element i at
                                    at + i * dilation; as many lie on image and padding */
} Window;

static long least(long a, long b)
{
    return a < b ? a : b;
}

/* How many elements of the window at `at` lie before `end`. */
static long before(const Axis *a, long at, long end)
{
    return end <= at ? 0 : least(a->k, (end - at - 1) / a->dilation + 1);
}

static Window window_of(const Axis *a, long p)
{
    long at = p * a->stride - a->before;
    return (Window){before(a, at, 0), before(a, at, a->size), at, before(a, at, a->size + a->after)};
}

static const float *tap_of(const Windows *o, Window r, Window s, const float *x, long i, long j)
{
    long row = r.at + i * o->down.dilation, column = s.at + j * o->across.dilation;
    return x + (row * o->across.size + column) * o->n;
}

/* List the elements of a window of channel x that lie on the image, and their numbers. */
static int32_t list(const Windows *o, Window r, Window s, const float *x, const float **tap,
                    int32_t *number)
{
    int32_t taps = 0;
    for (long i = r.first; i < r.end; i++)
        for (long j = s.first; j < s.end; j++, taps++) {
            tap[taps] = tap_of(o, r, s, x, i, j);
            number[taps] = (int32_t)(i * o->across.k + j);
        }
    return taps;
}

/* y: the largest element of a window of channel x, and which it is: the first of equals, the last NaN. */
static void largest(const Windows *o, Window r, Window s, const float *x, float *y, uint8_t *winner)
{
    const float *tap[MOST];
    int32_t number[MOST], taps = list(o, r, s, x, tap, number);
    long l = 0;
    for (; l + LANES <= o->n; l += LANES) {
        Lanes best = *(const Lanes *)(tap[0] + l);
        Whole who = {0};
        who += number[0];
        for (int32_t t = 1; t < taps; t++) {
            Lanes next = *(const Lanes *)(tap[t] + l);
            Whole wins = (next > best) | (next != next), k = {0};
            k += number[t];
            who = (wins & k) | (~wins & who);
            best = chosen(wins, next, best);
        }
        *(Lanes *)(y + l) = best;
        *(Bytes *)(winner + l) = __builtin_convertvector(who, Bytes);
    }
    for (; l < o->n; l++) {
        int32_t best = 0;
        for (int32_t t = 1; t < taps; t++)
            if (tap[t][l] > tap[best][l] || tap[t][l] != tap[t][l])
                best = t;
        y[l] = tap[best][l];
        winner[l] = (uint8_t)number[best];
    }
}

static long max_rows(void *arguments, long piece)
{
    const Arguments *a = arguments;
    const Windows *o = a->o;
    long rows = o->down.out, columns = o->across.out, all = o->channels * rows;
    for (long r = all * piece / a->pieces; r < all * (piece + 1) / a->pieces; r++)
        for (long q = 0; q < columns; q++) {
            long to = (r * columns + q) * o->n;
            largest(o, window_of(&o->down, r % rows), window_of(&o->across, q),
                    a->from + r / rows * o->down.size * o->across.size * o->n, a->to + to,
                    a->winner + to);
        }
    return 0;
}

/* y, winner: the largest element of each window of x, and its number, row by row. */
EXPORT long xpcnn_max_pool(const Windows *o, const float *x, float *y, uint8_t *winner, long pieces,
                           long threads)
{
    Arguments a = {.o = o, .from = x, .to = y, .winner = winner, .pieces = pieces};
    return run_pieces(max_rows, &a, pieces, threads);
}

static float share_of(const Arguments *a, Window r, Window s)
{
    long count = a->padded ? r.padded * s.padded : (r.end - r.first) * (s.end - s.first);
    return a->share != 0 ? a->share : (float)(1.0 / count);
}

/* The sum of a window of channel x, of `bytes` of each pixel: of its rows, and then of those, since a
   sum rounds the less the shorter it is. */
INLINE Lanes sum_of(const Windows *o, Window r, Window s, const float *x, long bytes)
{
    Lanes all = {0};
    for (long i = r.first; i < r.end; i++) {
        Lanes part = {0};
        for (long j = s.first; j < s.end; j++) {
            Lanes some = {0};
            memcpy(&some, tap_of(o, r, s, x, i, j), bytes);
            part += some;
        }
        all += part;
    }
    return all;
}

static long mean_rows(void *arguments, long piece)
{
    const Arguments *a = arguments;
    const Windows *o = a->o;
    long n = o->n, rows = o->down.out, columns = o->across.out, all = o->channels * rows;
    for (long row = all * piece / a->pieces; row < all * (piece + 1) / a->pieces; row++)
        for (long q = 0; q < columns; q++) {
            Window r = window_of(&o->down, row % rows), s = window_of(&o->across, q);
            const float *x = a->from + row / rows * o->down.size * o->across.size * n;
            float *y = a->to + (row * columns + q) * n, share = share_of(a, r, s);
            long l = 0, rest = n % LANES * (long)sizeof(float);
            for (; l + LANES <= n; l += LANES)
                *(Lanes *)(y + l) = sum_of(o, r, s, x + l, sizeof(Lanes)) * share;
            if (rest) {
                Lanes last = sum_of(o, r, s, x + l, rest) * share;
                memcpy(y + l, &last, rest);
            }
        }
    return 0;
}

/* y = the sum of each window of x times share; where share is 0, over its number of elements, those of
   the padding included if `padded`. */
EXPORT long xpcnn_average_pool(const Windows *o, const float *x, float *y, float share, long padded,
                               long pieces, long threads)
{
    Arguments a = {.o = o, .from = x, .to = y, .share = share, .padded = padded, .pieces = pieces};
    return run_pieces(mean_rows, &a, pieces, threads);
}

/* Add dy to the element of a window of channel dx that won. */
static void to_winner(const Windows *o, Window r, Window s, const float *dy, const uint8_t *winner,
                      float *dx)
{
    const float *tap[MOST];
    int32_t number[MOST], taps = list(o, r, s, dx, tap, number);
    long l = 0;
    for (; l + LANES <= o->n; l += LANES) {
        Lanes d = *(const Lanes *)(dy + l);
        Whole who = __builtin_convertvector(*(const Bytes *)(winner + l), Whole);
        for (int32_t t = 0; t < taps; t++)
            *(Lanes *)(tap[t] + l) += chosen(who == number[t], d, broadcast(0));
    }
    for (; l < o->n; l++)
        for (int32_t t = 0; t < taps; t++)
            ((float *)tap[t])[l] += winner[l] == number[t] ? dy[l] : 0;
}

/* Add a share of dy to all elements of a window of channel dx. */
static void to_all(const Windows *o, Window r, Window s, const float *dy, float share, float *dx)
{
    for (long i = r.first; i < r.end; i++)
        for (long j = s.first; j < s.end; j++) {
            float *restrict to = (float *)tap_of(o, r, s, dx, i, j);
            for (long l = 0; l < o->n; l++)
                to[l] += share * dy[l];
        }
}

/* dx of whole channels. The windows are taken from the last to the first: then a pixel gets its sums in
   the order of the elements of a window, as in the reference. */
static long channels_back(void *arguments, long piece)
{
    const Arguments *a = arguments;
    const Windows *o = a->o;
    long n = o->n, rows = o->down.out, columns = o->across.out, image = o->down.size * o->across.size * n;
    long from = o->channels * piece / a->pieces, to = o->channels * (piece + 1) / a->pieces;
    memset(a->to + from * image, 0, (to - from) * image * (long)sizeof(float));
    for (long row = to * rows - 1; row >= from * rows; row--)
        for (long q = columns - 1; q >= 0; q--) {
            Window r = window_of(&o->down, row % rows), s = window_of(&o->across, q);
            long at = (row * columns + q) * n;
            float *dx = a->to + row / rows * image;
            if (a->winner)
                to_winner(o, r, s, a->from + at, a->winner + at, dx);
            else
                to_all(o, r, s, a->from + at, share_of(a, r, s), dx);
        }
    return 0;
}

EXPORT long xpcnn_max_pool_gradient(const Windows *o, const float *dy, uint8_t *winner, float *dx,
                                    long pieces, long threads)
{
    Arguments a = {.o = o, .from = dy, .to = dx, .winner = winner, .pieces = pieces};
    return run_pieces(channels_back, &a, pieces, threads);
}

EXPORT long xpcnn_average_pool_gradient(const Windows *o, const float *dy, float *dx, float share,
                                        long padded, long pieces, long threads)
{
    Arguments a = {.o = o, .from = dy, .to = dx, .share = share, .padded = padded, .pieces = pieces};
    return run_pieces(channels_back, &a, pieces, threads);
}
