// Sums over the threads of a block.

#include "common.cuh"

const u32 MOST_THREADS = 256;  // of a block that sums

// Return the sum of one value of each thread to all of them. Always the same tree, so the same bits.
// blockDim.x is a power of two; shared: (MOST_THREADS,).
template <class T>
__device__ inline T block_sum(T value, T *shared) {
    shared[threadIdx.x] = value;
    __syncthreads();
    for (u32 half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
        __syncthreads();
    }
    const T sum = shared[0];
    __syncthreads();  // the next sum may use the same memory
    return sum;
}
