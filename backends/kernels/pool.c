/* Pooling of windows (kh, kw) over images (channels, h, w, n), with outputs (channels, rows, columns, n).

   Windows may overlap, be dilated, and reach into padding, which is never read: it is neither a
   largest number nor part of a sum, though it may count as an element of a mean. */

#include "export.h"
#include "lanes.h"
#include "threads.h"

#include <stdlib.h>
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

/* The largest of some arrays, number by number, and which it is: the first of equals, the last NaN. */
static void largest(const float *const *tap, const int32_t *number, int32_t taps, long count, float *y,
                    uint8_t *winner)
{
    for (long l = 0; l < count; l += LANES) {
        Lanes best = some_of(tap[0] + l, count - l);
        Whole who = {0};
        who += number[0];
        for (int32_t t = 1; t < taps; t++) {
            Lanes next = some_of(tap[t] + l, count - l);
            Whole wins = (next > best) | (next != next), k = {0};
            k += number[t];
            who = (wins & k) | (~wins & who);
            best = chosen(wins, next, best);
        }
        write_some(y + l, count - l, best);
        Bytes bytes = __builtin_convertvector(who, Bytes);
        memcpy(winner + l, &bytes, least(LANES, count - l));
    }
}

/* Windows side by side that see the same elements are taken as one, since the pixels of a few images
   are shorter than vectors: with a stride, copies of the pixels that each element lies on. */
static long max_rows(void *arguments, long piece)
{
    const Arguments *a = arguments;
    const Windows *o = a->o;
    long n = o->n, rows = o->down.out, columns = o->across.out, all = o->channels * rows;
    long step = o->across.stride * n, copied = step > n && n < LANES ? o->down.k * o->across.k : 0;
    long bytes = columns * (long)sizeof(Window) + copied * columns * n * (long)sizeof(float);
    Window *across = malloc(bytes);
    float *copies = (float *)(across + columns);
    const float *tap[MOST];
    int32_t number[MOST];
    if (!across)
        return bytes;
    for (long q = 0; q < columns; q++)
        across[q] = window_of(&o->across, q);
    for (long r = all * piece / a->pieces; r < all * (piece + 1) / a->pieces; r++)
        for (long q = 0, some; q < columns; q += some) {
            Window down = window_of(&o->down, r % rows), *s = across + q;
            long to = (r * columns + q) * n;
            const float *x = a->from + r / rows * o->down.size * o->across.size * n;
            int32_t taps = list(o, down, *s, x, tap, number);
            for (some = 1; (step == n || copied) && q + some < columns; some++)
                if (s[some].first != s->first || s[some].end != s->end)
                    break;
            for (int32_t t = 0; copied && t < taps; t++) {
                float *copy = copies + t * columns * n;
                collect(tap[t], n, step, some, copy);
                tap[t] = copy;
            }
            largest(tap, number, taps, some * n, a->to + to, a->winner + to);
        }
    free(across);
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

/* The sum of a window of channel x, of `count` numbers of each pixel: of its rows, and then of those,
   since a sum rounds the less the shorter it is. */
INLINE Lanes sum_of(const Windows *o, Window r, Window s, const float *x, long count)
{
    Lanes all = {0};
    for (long i = r.first; i < r.end; i++) {
        Lanes part = {0};
        for (long j = s.first; j < s.end; j++)
            part += some_of(tap_of(o, r, s, x, i, j), count);
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
            for (long l = 0; l < n; l += LANES)
                write_some(y + l, n - l, sum_of(o, r, s, x + l, n - l) * share);
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
