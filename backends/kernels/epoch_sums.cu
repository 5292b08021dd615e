// The sums of an epoch: what a training step adds to them, in one launch each.

#include "sums.cuh"

// number = how many of `count` pairs are equal. One block.
extern "C" __global__ void count_equal(u32 count, const i64 *x, const i64 *other, i64 *number) {
    __shared__ i64 shared[MOST_THREADS];
    i64 equal = 0;
    for (u32 e = threadIdx.x; e < count; e += blockDim.x) equal += x[e] == other[e];
    equal = block_sum(equal, shared);
    if (threadIdx.x == 0) *number = equal;
}

// new_loss_sum = loss_sum + samples loss, new_hits = hits + right, and whether all losses were finite.
// One thread.
extern "C" __global__ void tally(
    const float *loss_sum, const i64 *hits, const bool *finite, const float *loss, const i64 *right,
    float samples, float *new_loss_sum, i64 *new_hits, bool *new_finite) {
    *new_loss_sum = *loss_sum + samples * *loss;
    *new_hits = *hits + *right;
    *new_finite = *finite && isfinite(*loss);
}
