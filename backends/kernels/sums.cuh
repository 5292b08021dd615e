// Sums over the threads of a block.

#include "common.cuh"

const u32 MOST_THREADS = 256;  // of a block that sums

// Return the sum of one value of each thread to all of them. Always the same tree, so the same bits.
// blockDim.x is a power of two; shared: (MOST_THREADS,).
__device__ inline float block_sum(float value, float *shared) {
    shared[threadIdx.x] = value;
    __syncthreads();
    for (u32 half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
        __syncthreads();
    }
    const float sum = shared[0];
    __syncthreads();  // the next sum may use the same memory
    return sum;
}
