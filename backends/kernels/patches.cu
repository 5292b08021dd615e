// Convolution of images (n, c, h, w) as a matrix product over patches, for filters too large
// for the direct sums of conv.cu: the passes before and behind the product, which is the library's.
//
//     cols[(c, i, j), (n, p, q)] = x[n, c, p*s + i*d - top, q*s + j*d - left]      (im2col)
//     rows[f, (n, p, q)]         = sum over (c, i, j) of w[f, (c, i, j)] cols[(c, i, j), (n, p, q)]
//
// `finish` adds the bias and brings rows into the order (n, f, ho, wo), with ReLU and pooling as in
// conv.cu; `spread` is its backward pass, and col2im that of im2col, gathered: no atomics.

#include "common.cuh"
#include "value.cuh"
#include "windows.cuh"

struct Finish {
    int filters, pool_rows, pool_columns, rectify;
};

// cols (c * kh * kw, n * ho * wo): one thread for each element, neighbours along a row of x.
extern "C" __global__ void im2col(
    u32 count, const Value *x, Value *cols, int channels, u32 patches, Windows windows) {
    const u32 e = element();
    if (e >= count) return;
    const Axis rows = windows.rows, columns = windows.columns;
    const Pixel tap = pixel(e / patches, rows.taps, columns.taps);  // its image: the channel
    const Pixel window = pixel(e % patches, rows.out, columns.out);  // its image: the sample
    const int row = position(rows, window.row, tap.row);
    const int column = position(columns, window.column, tap.column);
    const u32 image = window.image * channels + tap.image;
    cols[e] = inside(rows, row) && inside(columns, column)
                  ? x[index_of(image, row, column, rows.size, columns.size)]
                  : (Value)0.0f;
}

// dx[n,c,row,column] = sum of dcols over the windows that have the pixel, at their taps.
extern "C" __global__ void col2im(
    u32 count, const Value *dcols, Value *dx, int channels, u32 patches, Windows windows) {
    const u32 e = element();
    if (e >= count) return;
    const Axis rows = windows.rows, columns = windows.columns;
    const Pixel at = pixel(e, rows.size, columns.size);
    const u32 sample = at.image / channels, channel = at.image % channels;
    float sum = 0;
    for (int p = last_window(rows, at.row); p >= first_window(rows, at.row); --p) {
        const int i = tap_at(rows, p, at.row);
        if (i < 0) continue;
        for (int q = last_window(columns, at.column); q >= first_window(columns, at.column); --q) {
            const int j = tap_at(columns, q, at.column);
            if (j < 0) continue;
            const u32 tap = index_of(channel, i, j, rows.taps, columns.taps);
            sum += dcols[(size_t)tap * patches + index_of(sample, p, q, rows.out, columns.out)];
        }
    }
    dx[e] = sum;
}

// y (n, f, ho / pool_rows, wo / pool_columns) from rows (f, n * ho * wo); b and winner may be null.
extern "C" __global__ void finish(
    u32 count, const Value *out, const Value *b, Value *y, u8 *winner, u32 patches, Finish rule,
    Windows windows) {
    const u32 e = element();
    if (e >= count) return;
    const int ho = windows.rows.out, wo = windows.columns.out;
    const Pixel at = pixel(e, ho / rule.pool_rows, wo / rule.pool_columns);
    const u32 sample = at.image / rule.filters, filter = at.image % rule.filters;
    float largest = 0;
    int first = 0;
    for (int k = 0; k < rule.pool_rows * rule.pool_columns; ++k) {
        const int p = at.row * rule.pool_rows + k / rule.pool_columns;
        const int q = at.column * rule.pool_columns + k % rule.pool_columns;
        float value = out[(size_t)filter * patches + index_of(sample, p, q, ho, wo)];
        value = rounded(value + (b ? (float)b[filter] : 0));
        if (rule.rectify && value <= 0) value = 0;
        if (k > 0 && !(value > largest) && !isnan(value)) continue;  // as in max_pool
        largest = value;
        first = k;
    }
    y[e] = largest;
    if (winner) winner[e] = (u8)first;
}

// drows (f, n * ho * wo) from dy, where it passes pooling and ReLU; y and winner may be null.
extern "C" __global__ void spread(
    u32 count, const Value *dy, const Value *y, const u8 *winner, Value *drows, u32 patches,
    Finish rule, Windows windows) {
    const u32 e = element();
    if (e >= count) return;
    const int ho = windows.rows.out, wo = windows.columns.out;
    const int height = ho / rule.pool_rows, width = wo / rule.pool_columns;
    const u32 filter = e / patches;
    const Pixel at = pixel(e % patches, ho, wo);  // its image: the sample
    const int p = at.row / rule.pool_rows, q = at.column / rule.pool_columns;
    float gradient = 0;
    if (p < height && q < width) {
        const u32 out = index_of(at.image * rule.filters + filter, p, q, height, width);
        const int k = at.row % rule.pool_rows * rule.pool_columns + at.column % rule.pool_columns;
        if (!winner || winner[out] == k) gradient = y ? dy[out] * (float)(y[out] != 0) : (float)dy[out];
    }
    drows[e] = gradient;
}
