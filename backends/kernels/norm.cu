// Batch normalisation of float32 x (n, c, s), contiguous; s = h * w, or 1 for rows of features.
//
// A channel has m = n * s values, cut into parts of `length`; block (part, channel) does one part.
// Sums go through one number per part, which every block then adds up in the same order: any number
// of blocks, no atomics, the same bits every time. xhat = (x - mean) / sqrt(var + eps) is computed
// again in the backward pass.

#include "sums.cuh"

struct Shape {
    u32 n, c, s, length;
};

struct Part {
    u32 first, last;  // of the m values of the channel
};

__device__ inline Part part_of(const Shape &shape, u32 k) {
    return {k * shape.length, min((k + 1) * shape.length, shape.n * shape.s)};
}

// The element of x that value e of a channel stands for.
__device__ inline u32 value_at(const Shape &shape, u32 channel, u32 e) {
    return (e / shape.s * shape.c + channel) * shape.s + e % shape.s;
}

__device__ inline float or_else(const float *values, u32 channel, float otherwise) {
    return values ? values[channel] : otherwise;
}

// means, squares (c, parts): mean of every part, and the sum of (x - that mean)^2, in two passes.
extern "C" __global__ void batch_norm_parts(
    Shape shape, const float *x, float *means, float *squares) {
    __shared__ float shared[MOST_THREADS];
    const u32 channel = blockIdx.y;
    const Part part = part_of(shape, blockIdx.x);
    float sum = 0;
    for (u32 e = part.first + threadIdx.x; e < part.last; e += blockDim.x)
        sum += x[value_at(shape, channel, e)];
    const float mean = block_sum(sum, shared) / (float)(part.last - part.first);
    sum = 0;
    for (u32 e = part.first + threadIdx.x; e < part.last; e += blockDim.x) {
        const float centred = x[value_at(shape, channel, e)] - mean;
        sum += centred * centred;
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x == 0) {
        means[channel * gridDim.x + blockIdx.x] = mean;
        squares[channel * gridDim.x + blockIdx.x] = sum;
    }
}

struct Moments {
    float mean, var;
};

// Moments of the whole channel, from those of its parts of m_k values (Chan, Golub, LeVeque 1979):
// mean = sum m_k mean_k / m,  var = sum (squares_k + m_k (mean_k - mean)^2) / m.
__device__ inline Moments merged(
    const Shape &shape, u32 channel, const float *means, const float *squares) {
    const u32 parts = gridDim.x;
    const float m = (float)(shape.n * shape.s);
    means += channel * parts;
    squares += channel * parts;
    float mean = 0, sum = 0;
    for (u32 k = 0; k < parts; ++k) {
        const Part part = part_of(shape, k);
        mean += means[k] * ((float)(part.last - part.first) / m);
    }
    for (u32 k = 0; k < parts; ++k) {
        const Part part = part_of(shape, k);
        const float off = means[k] - mean;
        sum += squares[k] + (float)(part.last - part.first) * off * off;
    }
    return {mean, sum / m};
}

// y = gamma xhat + beta for one part; gamma and beta may be null, for 1 and 0.
__device__ inline void normalise_part(
    const Shape &shape, const float *x, const float *gamma, const float *beta, Moments moments,
    float eps, float *y) {
    const u32 channel = blockIdx.y;
    const Part part = part_of(shape, blockIdx.x);
    const float scale = 1.0f / sqrtf(moments.var + eps) * or_else(gamma, channel, 1);
    const float shift = or_else(beta, channel, 0);
    for (u32 e = part.first + threadIdx.x; e < part.last; e += blockDim.x) {
        const u32 at = value_at(shape, channel, e);
        y[at] = (x[at] - moments.mean) * scale + shift;
    }
}

// Normalise by the moments of the batch, which it also writes: mean, var (c,).
extern "C" __global__ void batch_norm(
    Shape shape, const float *x, const float *gamma, const float *beta, float eps,
    const float *means, const float *squares, float *y, float *mean, float *var) {
    const Moments moments = merged(shape, blockIdx.y, means, squares);
    normalise_part(shape, x, gamma, beta, moments, eps, y);
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        mean[blockIdx.y] = moments.mean;
        var[blockIdx.y] = moments.var;
    }
}

extern "C" __global__ void batch_norm_inference(
    Shape shape, const float *x, const float *gamma, const float *beta, float eps,
    const float *mean, const float *var, float *y) {
    normalise_part(shape, x, gamma, beta, {mean[blockIdx.y], var[blockIdx.y]}, eps, y);
}

// sums, products (c, parts): of dy, and of dy xhat.
extern "C" __global__ void batch_norm_sums(
    Shape shape, const float *x, const float *dy, const float *mean, const float *var, float eps,
    float *sums, float *products) {
    __shared__ float shared[MOST_THREADS];
    const u32 channel = blockIdx.y;
    const Part part = part_of(shape, blockIdx.x);
    float sum = 0, product = 0;
    for (u32 e = part.first + threadIdx.x; e < part.last; e += blockDim.x) {
        const u32 at = value_at(shape, channel, e);
        sum += dy[at];
        product += dy[at] * (x[at] - mean[channel]);
    }
    sum = block_sum(sum, shared);
    product = block_sum(product, shared) / sqrtf(var[channel] + eps);
    if (threadIdx.x == 0) {
        sums[channel * gridDim.x + blockIdx.x] = sum;
        products[channel * gridDim.x + blockIdx.x] = product;
    }
}

// dbeta = sum dy, dgamma = sum dy xhat, and with the moments of the batch
// dx = gamma / sqrt(var + eps) (dy - dbeta / m - xhat dgamma / m); with given ones (batch = 0) both
// means fall away. dx, dgamma, dbeta may be null.
extern "C" __global__ void batch_norm_backward(
    Shape shape, const float *x, const float *dy, const float *gamma, const float *mean,
    const float *var, float eps, int batch, const float *sums, const float *products, float *dx,
    float *dgamma, float *dbeta) {
    const u32 channel = blockIdx.y, parts = gridDim.x;
    float sum = 0, product = 0;
    for (u32 k = 0; k < parts; ++k) {
        sum += sums[channel * parts + k];
        product += products[channel * parts + k];
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        if (dgamma) dgamma[channel] = product;
        if (dbeta) dbeta[channel] = sum;
    }
    if (!dx) return;
    const Part part = part_of(shape, blockIdx.x);
    const float m = (float)(shape.n * shape.s), scale = 1.0f / sqrtf(var[channel] + eps);
    const float mean_dy = batch ? sum / m : 0, mean_product = batch ? product / m : 0;
    const float slope = scale * or_else(gamma, channel, 1);
    for (u32 e = part.first + threadIdx.x; e < part.last; e += blockDim.x) {
        const u32 at = value_at(shape, channel, e);
        const float xhat = (x[at] - mean[channel]) * scale;
        dx[at] = slope * (dy[at] - mean_dy - xhat * mean_product);
    }
}
