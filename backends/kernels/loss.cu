// Softmax cross-entropy of float32 logits (n, classes) and labels (n,) int64.
//
// The target of a row is t[c] = (1 - e) [c = label] + e / classes, e the label smoothing; 0 where the
// label is ignored. A label that is no class has no [c = label], as in the reference: nothing is
// checked here, since that would have to wait for the device.

#include "sums.cuh"

struct Target {
    i64 ignored;
    float hit, smooth;  // 1 - e and e / classes
};

__device__ inline float target_of(const Target &target, i64 label, u32 c) {
    if (label == target.ignored) return 0;
    return target.smooth + (label == (i64)c ? target.hit : 0);
}

__device__ inline float block_max(float value, float *shared) {
    shared[threadIdx.x] = value;
    __syncthreads();
    for (u32 half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half)
            shared[threadIdx.x] = fmaxf(shared[threadIdx.x], shared[threadIdx.x + half]);
        __syncthreads();
    }
    const float largest = shared[0];
    __syncthreads();
    return largest;
}

// loss = sum of the rows / total, total = the rows that are not ignored; 0 / 0 = NaN and 1 if all are.
__device__ inline void write_mean(float sum, float kept, float *shared, float *loss, float *total) {
    sum = block_sum(sum, shared);
    kept = block_sum(kept, shared);
    if (threadIdx.x != 0) return;
    *loss = sum / kept;
    *total = kept == 0 ? 1 : kept;
}

// The loss of a row, -sum_c t[c] log p[c], and logs (2, n): its largest logit and log sum_c
// e^(logit - largest), apart so that log p keeps its digits. A NaN, which fmaxf passes over, comes in
// with the sum. Here all rows of few classes, by one block with a thread for each row.
extern "C" __global__ void cross_entropy(
    u32 n, u32 classes, const float *logits, const i64 *labels, Target target, float *logs,
    float *loss, float *total) {
    __shared__ float shared[MOST_THREADS];
    float sum = 0, kept = 0;
    for (u32 row = threadIdx.x; row < n; row += blockDim.x) {
        const float *own = logits + (size_t)row * classes;
        const i64 label = labels[row];
        float largest = own[0], exponentials = 0, part = 0;
        for (u32 c = 1; c < classes; ++c) largest = fmaxf(largest, own[c]);
        for (u32 c = 0; c < classes; ++c) exponentials += expf(own[c] - largest);
        const float log_sum = logf(exponentials);
        for (u32 c = 0; c < classes; ++c) {
            const float t = target_of(target, label, c);
            if (t != 0) part -= t * (own[c] - largest - log_sum);  // 0 * -inf is no NaN
        }
        logs[row] = largest;
        logs[n + row] = log_sum;
        sum += part;
        kept += label != target.ignored;
    }
    write_mean(sum, kept, shared, loss, total);
}

// losses (n,) and logs as in cross_entropy, for many classes: one block for each row.
extern "C" __global__ void cross_entropy_rows(
    u32 classes, const float *logits, const i64 *labels, Target target, float *losses,
    float *logs) {
    __shared__ float shared[MOST_THREADS];
    const u32 row = blockIdx.x, n = gridDim.x;
    const i64 label = labels[row];
    logits += (size_t)row * classes;
    float largest = logits[0], sum = 0, loss = 0;
    for (u32 c = threadIdx.x; c < classes; c += blockDim.x) largest = fmaxf(largest, logits[c]);
    largest = block_max(largest, shared);
    for (u32 c = threadIdx.x; c < classes; c += blockDim.x) sum += expf(logits[c] - largest);
    const float log_sum = logf(block_sum(sum, shared));
    for (u32 c = threadIdx.x; c < classes; c += blockDim.x) {
        const float t = target_of(target, label, c);
        if (t != 0) loss -= t * (logits[c] - largest - log_sum);  // 0 * -inf is no NaN
    }
    loss = block_sum(loss, shared);
    if (threadIdx.x == 0) {
        losses[row] = loss;
        logs[row] = largest;
        logs[n + row] = log_sum;
    }
}

// The mean of the losses (n,). One block.
extern "C" __global__ void cross_entropy_mean(
    u32 n, const float *losses, const i64 *labels, Target target, float *loss, float *total) {
    __shared__ float shared[MOST_THREADS];
    float sum = 0, kept = 0;
    for (u32 row = threadIdx.x; row < n; row += blockDim.x) {
        sum += losses[row];
        kept += labels[row] != target.ignored;
    }
    write_mean(sum, kept, shared, loss, total);
}

// dlogits[c] = (p[c] sum_k t[k] - t[c]) dloss / total
extern "C" __global__ void cross_entropy_backward(
    u32 count, u32 n, u32 classes, const float *logits, const i64 *labels, Target target,
    const float *logs, const float *total, const float *dloss, float *dlogits) {
    const u32 e = element();
    if (e >= count) return;
    const u32 row = e / classes, c = e % classes;
    const i64 label = labels[row];
    const bool is_class = 0 <= label && label < (i64)classes;
    float whole = 0;  // sum_k t[k]
    if (label != target.ignored) whole = target.smooth * classes + (is_class ? target.hit : 0);
    const float p = expf(logits[e] - logs[row] - logs[n + row]);
    dlogits[e] = (p * whole - target_of(target, label, c)) * (*dloss / *total);
}
