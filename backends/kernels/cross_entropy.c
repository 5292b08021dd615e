/* Cross-entropy of scores x: with softmax, (classes, n), a vector of samples at a time; with sigmoids.

   Less the largest score of its sample, e^x is at most 1, and their sum at least 1. */

#include "export.h"
#include "functions.h"
#include "threads.h"

#include <math.h>

typedef struct {
    const float *x;
    const long *labels;
    float *p, *losses;
    long classes, n;
} Arguments;

enum { SOME = 32 }; /* classes whose sum is added to that of the others */

/* p, losses of `count` samples. */
INLINE void samples(const Arguments *a, long first, long count)
{
    const float *x = a->x + first;
    float *p = a->p + first;
    Lanes most = some_of(x, count), total = {0}, losses = {0};
    for (long c = 1; c < a->classes; c++) {
        Lanes score = some_of(x + c * a->n, count);
        most = chosen((score > most) | (score != score), score, most); /* NaN stays */
    }
    for (long c = 0; c < a->classes;) {
        Lanes part = {0};
        for (long end = least(c + SOME, a->classes); c < end; c++) {
            Lanes e = exponential(some_of(x + c * a->n, count) - most);
            part += e;
            write_some(p + c * a->n, count, e);
        }
        total += part;
    }
    for (long l = 0; l < count; l++)
        losses[l] = logf(total[l]) - (x[a->labels[first + l] * a->n + l] - most[l]);
    write_some(a->losses + first, count, losses);
    for (long c = 0; c < a->classes; c++)
        write_some(p + c * a->n, count, some_of(p + c * a->n, count) / total);
}

static long vector_of_samples(void *arguments, long piece)
{
    const Arguments *a = arguments;
    long first = piece * LANES;
    if (first + LANES <= a->n)
        samples(a, first, LANES);
    else
        samples(a, first, a->n - first);
    return 0;
}

/* p (classes, n) = softmax of each sample; losses (n,) = -log p of its label, and `loss` their mean. Not
   served where a label is no class. */
EXPORT long xpcnn_cross_entropy(const float *x, const long *labels, float *p, float *losses, float *loss,
                                long classes, long n, long threads)
{
    for (long i = 0; i < n; i++)
        if (labels[i] < 0 || labels[i] >= classes)
            return NOT_SERVED;
    Arguments a = {x, labels, p, losses, classes, n};
    long bytes = run_pieces(vector_of_samples, &a, (n + LANES - 1) / LANES, threads);
    *loss = (float)(sum_of_row(losses, n) / n);
    return bytes;
}

/* dx (classes, n) = (p - 1 at the label) dloss / n */
EXPORT long xpcnn_cross_entropy_gradient(const float *p, const long *labels, const float *dloss,
                                         float *dx, long classes, long n)
{
    const float share = *dloss / (float)n;
    for (long c = 0; c < classes; c++)
        for (long i = 0; i < n; i++)
            dx[c * n + i] = (p[c * n + i] - (labels[i] == c)) * share;
    return 0;
}

typedef struct {
    const float *x, *t, *dloss;
    float *to;
    long size, pieces;
} Binary;

/* The cost of each score with its target t or, with a dloss, the gradient of the score. */
static long binary_piece(void *arguments, long piece)
{
    const Binary *a = arguments;
    long i = a->size * piece / a->pieces, end = a->size * (piece + 1) / a->pieces;
    const float share = a->dloss ? *a->dloss / (float)a->size : 0;
    for (; i < end; i += LANES) {
        Lanes x = some_of(a->x + i, end - i), t = some_of(a->t + i, end - i), to;
        if (a->dloss)
            to = ((1 - t) * logistic(x) - t * logistic(-x)) * share;
        else { /* softplus(x) = max(x, 0) + log(1 + e^-|x|) */
            Lanes rest = logarithm_1_plus(exponential(-magnitude(x)));
            Lanes yes = chosen(x > 0, broadcast(0), -x) + rest, no = chosen(x < 0, broadcast(0), x) + rest;
            to = t * yes + (1 - t) * no;
        }
        write_some(a->to + i, end - i, to);
    }
    return 0;
}

/* costs (size,) = t softplus(-x) + (1 - t) softplus(x), and `loss` their mean */
EXPORT long xpcnn_binary_cross_entropy(const float *x, const float *t, float *costs, float *loss,
                                       long size, long pieces, long threads)
{
    Binary a = {.x = x, .t = t, .to = costs, .size = size, .pieces = pieces};
    long bytes = run_pieces(binary_piece, &a, pieces, threads);
    *loss = (float)(sum_of_row(costs, size) / size);
    return bytes;
}

/* dx = ((1 - t) sigmoid(x) - t sigmoid(-x)) dloss / size */
EXPORT long xpcnn_binary_cross_entropy_gradient(const float *x, const float *t, const float *dloss,
                                                float *dx, long size, long pieces, long threads)
{
    Binary a = {.x = x, .t = t, .dloss = dloss, .to = dx, .size = size, .pieces = pieces};
    return run_pieces(binary_piece, &a, pieces, threads);
}
