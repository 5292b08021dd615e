/* Softmax and cross-entropy of scores x (classes, n), a vector of samples at a time.

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
