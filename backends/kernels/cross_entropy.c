/* Cross-entropy of scores x: with softmax, (classes, n), a vector of samples at a time; with sigmoids.

   Less the largest score of its sample, e^x is at most 1, and their sum at least 1. */

#include "export.h"
#include "functions.h"
#include "threads.h"

#include <math.h>

struct Arguments {
    const float *x, *dloss, *targets;
    const long *labels;
    float *p, *losses, *loss; /* p: or dx */
    long classes, n, pieces, threads;
};

enum { SOME = 32 }; /* classes whose sum is added to that of the others */

/* p, losses of a vector of samples. */
static long samples(const Arguments *a, long piece)
{
    const long first = piece * LANES, count = least(LANES, a->n - first);
    const float *x = a->x + first;
    float *p = a->p + first;
    Lanes most = some_of(x, count), total = {0};
    for (long c = 1; c < a->classes; c++)
        most = at_least(some_of(x + c * a->n, count), most); /* NaN may be lost: the sum below has it */
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
        a->losses[first + l] = logf(total[l]) - (x[a->labels[first + l] * a->n + l] - most[l]);
    const Lanes share = 1 / total;
    for (long c = 0; c < a->classes; c++)
        write_some(p + c * a->n, count, some_of(p + c * a->n, count) * share);
    return 0;
}

/* p (classes, n) = softmax of each sample; losses (n,) = -log p of its label, and `loss` their mean. Not
   served where a label is no class. */
EXPORT long xpcnn_cross_entropy(const Arguments *a)
{
    for (long i = 0; i < a->n; i++)
        if (a->labels[i] < 0 || a->labels[i] >= a->classes)
            return NOT_SERVED;
    long bytes = run_pieces(samples, a, (a->n + LANES - 1) / LANES, a->threads);
    *a->loss = (float)(sum_of_row(a->losses, a->n) / a->n);
    return bytes;
}

/* With p in the place of x: dx (classes, n) = (p - 1 at the label) dloss / n */
EXPORT long xpcnn_cross_entropy_gradient(const Arguments *a)
{
    const float share = *a->dloss / (float)a->n;
    for (long i = 0; i < a->classes * a->n; i++)
        a->p[i] = a->x[i] * share;
    for (long i = 0, at; i < a->n; i++)
        at = a->labels[i] * a->n + i, a->p[at] = (a->x[at] - 1) * share;
    return 0;
}

/* The cost of each score with its target t or, with a dloss, the gradient of the score. */
static long binary_piece(const Arguments *a, long piece)
{
    long i = a->n * piece / a->pieces, end = a->n * (piece + 1) / a->pieces;
    const float share = a->dloss ? *a->dloss / (float)a->n : 0;
    for (; i < end; i += LANES) { /* softplus(x) = max(x, 0) + log(1 + e^-|x|) */
        Lanes x = some_of(a->x + i, end - i), t = some_of(a->targets + i, end - i);
        Lanes to = a->dloss ? ((1 - t) * logistic(x) - t * logistic(-x)) * share
                            : chosen(x < 0, -t * x, (1 - t) * x) + logarithm_1_plus(exponential(minus_magnitude(x)));
        write_some((a->dloss ? a->p : a->losses) + i, end - i, to);
    }
    return 0;
}

/* losses (n,) = t softplus(-x) + (1 - t) softplus(x), and `loss` their mean; or, with a dloss,
   dx = ((1 - t) sigmoid(x) - t sigmoid(-x)) dloss / n */
EXPORT long xpcnn_binary_cross_entropy(const Arguments *a)
{
    long bytes = run_pieces(binary_piece, a, a->pieces, a->threads);
    if (!a->dloss)
        *a->loss = (float)(sum_of_row(a->losses, a->n) / a->n);
    return bytes;
}
