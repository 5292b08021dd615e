// Batch normalisation of x (n, c, h, w), contiguous; h = w = 1 for rows of features. Alone, or
// with what follows it: a sum with another array, ReLU, and max pooling whose windows lie side by side.
//
// A channel has m = n * h * w values, cut into parts of `length`; a launch has a block for each (part,
// channel). Sums go through one number per part, which every block then adds up in the same order: any
// number of blocks, no atomics, the same bits every time. Where a channel is one part, its block needs
// no launch before it. xhat = (x - mean) / sqrt(var + eps) is computed again in the backward pass.

#include "sums.cuh"
#include "value.cuh"
#include "windows.cuh"

struct Shape {
    u32 n, c, h, w, length;
};

// What follows the normalisation: pooling windows (1 x 1: none), and whether there is a ReLU.
struct Tail {
    u32 pool_rows, pool_columns, rectify;
};

struct Part {
    u32 first, last;  // of the m values of the channel
};

__device__ inline Part part_of(const Shape &shape, u32 k) {
    return {k * shape.length, min((k + 1) * shape.length, shape.n * shape.h * shape.w)};
}

// The element of x that value e of a channel stands for.
__device__ inline u32 value_at(const Shape &shape, u32 channel, u32 e) {
    const u32 s = shape.h * shape.w;
    return (e / s * shape.c + channel) * s + e % s;
}

__device__ inline float or_else(const float *values, u32 channel, float otherwise) {
    return values ? values[channel] : otherwise;
}

struct PartSums {
    float mean, squares;  // of a part, and the sum of (x - that mean)^2, in two passes
};

__device__ inline PartSums sums_of_part(const Shape &shape, const Value *x, float *shared) {
    const Part part = part_of(shape, blockIdx.x);
    float sum = 0, squares = 0;
    for (u32 e = part.first + threadIdx.x; e < part.last; e += blockDim.x)
        sum += x[value_at(shape, blockIdx.y, e)];
    const float mean = block_sum(sum, shared) / (float)(part.last - part.first);
    for (u32 e = part.first + threadIdx.x; e < part.last; e += blockDim.x) {
        const float centred = x[value_at(shape, blockIdx.y, e)] - mean;
        squares += centred * centred;
    }
    return {mean, block_sum(squares, shared)};
}

// means, squares (c, parts)
extern "C" __global__ void batch_norm_parts(
    Shape shape, const Value *x, float *means, float *squares) {
    __shared__ float shared[MOST_THREADS];
    const PartSums sums = sums_of_part(shape, x, shared);
    if (threadIdx.x != 0) return;
    means[blockIdx.y * gridDim.x + blockIdx.x] = sums.mean;
    squares[blockIdx.y * gridDim.x + blockIdx.x] = sums.squares;
}

struct Moments {
    float mean, var;
};

// Moments of the whole channel, from those of its parts of m_k values (Chan, Golub, LeVeque 1979):
// mean = sum m_k mean_k / m,  var = sum (squares_k + m_k (mean_k - mean)^2) / m.
__device__ inline Moments merged(const Shape &shape, const float *means, const float *squares) {
    const u32 parts = gridDim.x;
    const float m = (float)(shape.n * shape.h * shape.w);
    means += blockIdx.y * parts;
    squares += blockIdx.y * parts;
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

// y (n, c, h / pool_rows, w / pool_columns) = pool(relu(gamma xhat + beta + added)), and which element
// of its window each is; gamma, beta, added and winner may be null. Blocks of a channel share its y.
__device__ inline void normalise(
    const Shape &shape, const Tail &tail, const Value *x, const float *gamma, const float *beta,
    const Value *added, Moments moments, float eps, Value *y, u8 *winner) {
    const u32 channel = blockIdx.y, height = shape.h / tail.pool_rows, width = shape.w / tail.pool_columns;
    const float scale = 1.0f / sqrtf(moments.var + eps) * or_else(gamma, channel, 1);
    const float shift = or_else(beta, channel, 0);
    const u32 stride = gridDim.x * blockDim.x;
    for (u32 e = element(); e < shape.n * height * width; e += stride) {
        const Pixel out = pixel(e, height, width);  // its image: the sample
        const u32 image = out.image * shape.c + channel;
        float largest = 0;
        u32 first = 0;
        for (u32 k = 0; k < tail.pool_rows * tail.pool_columns; ++k) {
            const u32 row = out.row * tail.pool_rows + k / tail.pool_columns;
            const u32 column = out.column * tail.pool_columns + k % tail.pool_columns;
            const u32 at = index_of(image, row, column, shape.h, shape.w);
            float value = (x[at] - moments.mean) * scale + shift;
            if (added) value += added[at];
            if (tail.rectify && value <= 0) value = 0;
            if (k > 0 && !(value > largest) && !isnan(value)) continue;  // as in max_pool
            largest = value;
            first = k;
        }
        const u32 at = index_of(image, out.row, out.column, height, width);
        y[at] = largest;
        if (winner) winner[at] = (u8)first;
    }
}

// The weights of the old running statistics, and of those of the batch: mean and biased variance.
struct Running {
    float keep, mean, var;
};

// Normalise by the moments of the batch, mean and var (c,), which it also writes, as it does the
// running statistics after the batch, unless they are null. means and squares: null where a channel is
// one part.
extern "C" __global__ void batch_norm(
    Shape shape, Tail tail, const Value *x, const float *gamma, const float *beta,
    const Value *added, float eps, const float *means, const float *squares, Value *y, u8 *winner,
    float *mean, float *var, Running rule, const float *old_mean, const float *old_var,
    float *new_mean, float *new_var) {
    __shared__ float shared[MOST_THREADS];
    Moments moments;
    if (means) {
        moments = merged(shape, means, squares);
    } else {
        const PartSums sums = sums_of_part(shape, x, shared);
        moments = {sums.mean, sums.squares / (float)(shape.n * shape.h * shape.w)};
    }
    normalise(shape, tail, x, gamma, beta, added, moments, eps, y, winner);
    if (blockIdx.x != 0 || threadIdx.x != 0) return;
    mean[blockIdx.y] = moments.mean;
    var[blockIdx.y] = moments.var;
    if (!new_mean) return;
    new_mean[blockIdx.y] = rule.keep * old_mean[blockIdx.y] + rule.mean * moments.mean;
    new_var[blockIdx.y] = rule.keep * old_var[blockIdx.y] + rule.var * moments.var;
}

extern "C" __global__ void batch_norm_inference(
    Shape shape, const Value *x, const float *gamma, const float *beta, float eps,
    const float *mean, const float *var, Value *y) {
    const Moments moments = {mean[blockIdx.y], var[blockIdx.y]};
    normalise(shape, {1, 1, 0}, x, gamma, beta, nullptr, moments, eps, y, nullptr);
}

// The gradient that reaches the sum gamma xhat + beta + added at value e of the channel: dy where it
// passes pooling and ReLU. y is null without a ReLU, winner without pooling.
__device__ inline float passed(
    const Shape &shape, const Tail &tail, const Value *dy, const Value *y, const u8 *winner, u32 e) {
    const u32 height = shape.h / tail.pool_rows, width = shape.w / tail.pool_columns;
    const Pixel at = pixel(e, shape.h, shape.w);  // its image: the sample
    const u32 p = at.row / tail.pool_rows, q = at.column / tail.pool_columns;
    if (p >= height || q >= width) return 0;
    const u32 out = index_of(at.image * shape.c + blockIdx.y, p, q, height, width);
    const u32 k = at.row % tail.pool_rows * tail.pool_columns + at.column % tail.pool_columns;
    if (winner && winner[out] != k) return 0;
    return y ? dy[out] * (float)(y[out] != 0) : (float)dy[out];
}

struct Gradients {
    float dbeta, dgamma;
};

// Sums over one part of the channel: of dz, and of dz xhat; dz is the gradient that `passed`.
__device__ inline Gradients gradients_of_part(
    const Shape &shape, const Tail &tail, const Value *x, const Value *dy, const Value *y,
    const u8 *winner, Moments moments, float eps, float *shared) {
    const Part part = part_of(shape, blockIdx.x);
    float sum = 0, product = 0;
    for (u32 e = part.first + threadIdx.x; e < part.last; e += blockDim.x) {
        const float dz = passed(shape, tail, dy, y, winner, e);
        sum += dz;
        product += dz * (x[value_at(shape, blockIdx.y, e)] - moments.mean);
    }
    sum = block_sum(sum, shared);
    return {sum, block_sum(product, shared) / sqrtf(moments.var + eps)};
}

// sums, products (c, parts)
extern "C" __global__ void batch_norm_sums(
    Shape shape, Tail tail, const Value *x, const Value *dy, const Value *y, const u8 *winner,
    const float *mean, const float *var, float eps, float *sums, float *products) {
    __shared__ float shared[MOST_THREADS];
    const Moments moments = {mean[blockIdx.y], var[blockIdx.y]};
    const Gradients part = gradients_of_part(shape, tail, x, dy, y, winner, moments, eps, shared);
    if (threadIdx.x != 0) return;
    sums[blockIdx.y * gridDim.x + blockIdx.x] = part.dbeta;
    products[blockIdx.y * gridDim.x + blockIdx.x] = part.dgamma;
}

// dbeta = sum dz, dgamma = sum dz xhat, dadded = dz, and with the moments of the batch
// dx = gamma / sqrt(var + eps) (dz - dbeta / m - xhat dgamma / m); with given ones (batch = 0) both
// means fall away. dx, dgamma, dbeta, dadded may be null; sums and products where a channel is one part.
extern "C" __global__ void batch_norm_backward(
    Shape shape, Tail tail, const Value *x, const Value *dy, const Value *y, const u8 *winner,
    const float *gamma, const float *mean, const float *var, float eps, int batch,
    const float *sums, const float *products, Value *dx, float *dgamma, float *dbeta,
    Value *dadded) {
    __shared__ float shared[MOST_THREADS];
    const u32 channel = blockIdx.y, parts = gridDim.x;
    const Moments moments = {mean[channel], var[channel]};
    Gradients whole = {0, 0};
    if (!sums) whole = gradients_of_part(shape, tail, x, dy, y, winner, moments, eps, shared);
    for (u32 k = 0; sums && k < parts; ++k) {
        whole.dbeta += sums[channel * parts + k];
        whole.dgamma += products[channel * parts + k];
    }
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        if (dgamma) dgamma[channel] = whole.dgamma;
        if (dbeta) dbeta[channel] = whole.dbeta;
    }
    const Part part = part_of(shape, blockIdx.x);
    const float m = (float)(shape.n * shape.h * shape.w), scale = 1.0f / sqrtf(moments.var + eps);
    const float mean_dz = batch ? whole.dbeta / m : 0, mean_product = batch ? whole.dgamma / m : 0;
    const float slope = scale * or_else(gamma, channel, 1);
    for (u32 e = part.first + threadIdx.x; e < part.last; e += blockDim.x) {
        const u32 at = value_at(shape, channel, e);
        const float dz = passed(shape, tail, dy, y, winner, e);
        const float xhat = (x[at] - moments.mean) * scale;
        if (dx) dx[at] = slope * (dz - mean_dz - xhat * mean_product);
        if (dadded) dadded[at] = dz;
    }
}
