/* Batch normalisation by running statistics as part of the filters before it. */

#include "export.h"

#include <math.h>

/* folded (f, taps) = scale weights, shift (f,) = scale (bias - mean) + beta, where scale is
   gamma / sqrt(var + eps); bias may be null. */
EXPORT long xpcnn_fold_batch_norm(const float *weights, const float *bias, const float *gamma,
                                  const float *beta, const float *mean, const float *var, float *folded,
                                  float *shift, float eps, long f, long taps)
{
    for (long i = 0; i < f; i++, weights += taps, folded += taps) {
        float scale = gamma[i] / sqrtf(var[i] + eps);
        shift[i] = scale * ((bias ? bias[i] : 0) - mean[i]) + beta[i];
        for (long k = 0; k < taps; k++)
            folded[k] = scale * weights[k];
    }
    return 0;
}
