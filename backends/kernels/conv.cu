// Convolution of images (n, channels, h, w) with filters (f, channels / groups, kh, kw) by
// direct sums, for windows of few elements; alone, or with ReLU and max pooling behind it.
//
// Element (p, q) of the pooled output stands for pool_rows x pool_columns pixels of the convolution,
// of which `winner` names the one that passed. Without pooling it is 1 x 1 and there is no winner.
// Backward, dx is gathered and dw summed by one block for each weight: no atomics, the same bits
// every time.
//
// CONV and WINDOWS, the values of the structs Conv and Windows, are defined in front of this source: it
// is compiled for each geometry, so that no division by them is left.

#include "sums.cuh"
#include "value.cuh"
#include "windows.cuh"

struct Conv {
    int channels, filters, groups, pool_rows, pool_columns, rectify;
};

struct Filter {
    u32 sample;
    int filter, channel;  // channel: the first that the filter sees
};

// What image (sample * filters + filter) of the output is made of.
__device__ inline Filter filter_of(const Conv &conv, u32 image) {
    const int filter = image % conv.filters;
    const int group = filter / (conv.filters / conv.groups);
    return {image / conv.filters, filter, group * (conv.channels / conv.groups)};
}

__device__ inline int weight_of(
    const Conv &conv, const Windows &windows, int filter, int channel, int i, int j) {
    const int seen = conv.channels / conv.groups;
    return ((filter * seen + channel) * windows.rows.taps + i) * windows.columns.taps + j;
}

// sum_{c,i,j} w[f,c,i,j] x[n,c, p*s + i*d - top, q*s + j*d - left]; first over each row, which rounds
// less than one long sum.
__device__ inline float window_product(
    const Conv &conv, const Windows &windows, const Value *x, const Value *w, Filter at, int p,
    int q) {
    const Axis rows = windows.rows, columns = windows.columns;
    float sum = 0;
    for (int c = 0; c < conv.channels / conv.groups; ++c) {
        const u32 image = at.sample * conv.channels + at.channel + c;
        for (int i = 0; i < rows.taps; ++i) {
            const int row = position(rows, p, i);
            if (!inside(rows, row)) continue;
            float part = 0;
            for (int j = 0; j < columns.taps; ++j) {
                const int column = position(columns, q, j);
                if (!inside(columns, column)) continue;
                part += w[weight_of(conv, windows, at.filter, c, i, j)] *
                        x[index_of(image, row, column, rows.size, columns.size)];
            }
            sum += part;
        }
    }
    return sum;
}

// y (n, f, ho / pool_rows, wo / pool_columns); b and winner may be null.
extern "C" __global__ void conv(
    u32 count, const Value *x, const Value *w, const Value *b, Value *y, u8 *winner) {
    const u32 e = element();
    if (e >= count) return;
    const Conv conv = CONV;
    const Windows windows = WINDOWS;
    const Pixel out = pixel(
        e, windows.rows.out / conv.pool_rows, windows.columns.out / conv.pool_columns);
    const Filter at = filter_of(conv, out.image);
    float largest = 0;
    int first = 0;
    for (int k = 0; k < conv.pool_rows * conv.pool_columns; ++k) {
        const int p = out.row * conv.pool_rows + k / conv.pool_columns;
        const int q = out.column * conv.pool_columns + k % conv.pool_columns;
        float value = rounded(
            window_product(conv, windows, x, w, at, p, q) + (b ? (float)b[at.filter] : 0));
        if (conv.rectify && value <= 0) value = 0;
        if (k > 0 && !(value > largest) && !isnan(value)) continue;  // as in max_pool
        largest = value;
        first = k;
    }
    y[e] = largest;
    if (winner) winner[e] = (u8)first;
}

// dy, where it passes the ReLU; y is null where there is none.
__device__ inline float passed(const Value *dy, const Value *y, u32 e) {
    return y ? dy[e] * (float)(y[e] != 0) : (float)dy[e];
}

// dx[n,c,row,column] = sum over filters f and windows (p, q) that have the pixel, at their tap (i, j),
// of w[f,c,i,j] dy[n,f,p,q]
extern "C" __global__ void conv_dx(
    u32 count, const Value *dy, const Value *y, const u8 *winner, const Value *w, Value *dx) {
    const u32 e = element();
    if (e >= count) return;
    const Conv conv = CONV;
    const Windows windows = WINDOWS;
    const Axis rows = windows.rows, columns = windows.columns;
    const int height = rows.out / conv.pool_rows, width = columns.out / conv.pool_columns;
    const Pixel at = pixel(e, rows.size, columns.size);
    const u32 sample = at.image / conv.channels;
    const int seen = conv.channels / conv.groups, filters = conv.filters / conv.groups;
    const int channel = at.image % conv.channels, group = channel / seen;
    const int last_row = min(last_window(rows, at.row), height * conv.pool_rows - 1);
    const int last_column = min(last_window(columns, at.column), width * conv.pool_columns - 1);
    float sum = 0;
    for (int f = group * filters; f < (group + 1) * filters; ++f)
        for (int p = last_row; p >= first_window(rows, at.row); --p)
            for (int q = last_column; q >= first_window(columns, at.column); --q) {
                const int i = tap_at(rows, p, at.row), j = tap_at(columns, q, at.column);
                if (i < 0 || j < 0) continue;
                const u32 out = index_of(sample * conv.filters + f, p / conv.pool_rows,
                                         q / conv.pool_columns, height, width);
                const int k = p % conv.pool_rows * conv.pool_columns + q % conv.pool_columns;
                if (winner && winner[out] != k) continue;
                sum += w[weight_of(conv, windows, f, channel % seen, i, j)] * passed(dy, y, out);
            }
    dx[e] = sum;
}

// dw[f,c,i,j] = sum_{n,p,q} dy[n,f,p,q] x[n,c, p*s + i*d - top, q*s + j*d - left], db[f] = sum dy.
// Block (weight, f) makes one of them, the last db; dw or db may be null.
extern "C" __global__ void conv_dw(
    u32 samples, const Value *dy, const Value *y, const u8 *winner, const Value *x, Value *dw,
    Value *db) {
    __shared__ float shared[MOST_THREADS];
    const Conv conv = CONV;
    const Windows windows = WINDOWS;
    const Axis rows = windows.rows, columns = windows.columns;
    const u32 height = rows.out / conv.pool_rows, width = columns.out / conv.pool_columns;
    const u32 weights = gridDim.x - 1, weight = blockIdx.x;
    const bool is_bias = weight == weights;
    if (is_bias ? !db : !dw) return;
    const Pixel tap = pixel(weight, rows.taps, columns.taps);  // its image: the channel
    const Filter at = filter_of(conv, blockIdx.y);
    float sum = 0;
    for (u32 e = threadIdx.x; e < samples * height * width; e += blockDim.x) {
        const Pixel pooled = pixel(e, height, width);  // its image: the sample
        const u32 out = index_of(pooled.image * conv.filters + at.filter, pooled.row,
                                 pooled.column, height, width);
        const float gradient = passed(dy, y, out);
        if (is_bias) {
            sum += gradient;
            continue;
        }
        const int k = winner ? winner[out] : 0;
        const int p = pooled.row * conv.pool_rows + k / conv.pool_columns;
        const int q = pooled.column * conv.pool_columns + k % conv.pool_columns;
        const int row = position(rows, p, tap.row), column = position(columns, q, tap.column);
        if (!inside(rows, row) || !inside(columns, column)) continue;
        const u32 image = pooled.image * conv.channels + at.channel + tap.image;
        sum += gradient * x[index_of(image, row, column, rows.size, columns.size)];
    }
    sum = block_sum(sum, shared);
    if (threadIdx.x != 0) return;
    if (is_bias)
        db[at.filter] = sum;
    else
        dw[at.filter * weights + weight] = sum;
}
