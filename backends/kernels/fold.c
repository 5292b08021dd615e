/* Batch normalisation by running statistics as part of the filters before it. */

#include "export.h"

#include <math.h>

struct Arguments {
    const float *weights, *bias, *gamma, *beta, *mean, *var;
    float *folded, *shift;
    _Alignas(8) float eps;
    long f, taps;
};

/* folded (f, taps) = scale weights, shift (f,) = scale (bias - mean) + beta, where scale is
   gamma / sqrt(var + eps); bias may be null. */
EXPORT long xpcnn_fold_batch_norm(const Arguments *a)
{
    for (long i = 0; i < a->f; i++) {
        float scale = a->gamma[i] / sqrtf(a->var[i] + a->eps);
        a->shift[i] = scale * ((a->bias ? a->bias[i] : 0) - a->mean[i]) + a->beta[i];
        for (long k = i * a->taps; k < (i + 1) * a->taps; k++)
            a->folded[k] = scale * a->weights[k];
    }
    return 0;
}
