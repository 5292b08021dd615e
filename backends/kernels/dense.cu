// Products of small matrices, for dense layers: with the bias added, or with the sums of db.
//
// A block makes a tile of TILE x TILE elements of the output, and sums over the inner index tile by
// tile, each first by itself, which rounds less than one long sum. The same bits every time.

#include "common.cuh"
#include "value.cuh"

const u32 TILE = 16;  // a block has TILE * TILE threads

// A matrix with any steps, in elements, from row to row and from column to column.
struct Steps {
    u32 row, column;
};

// out (rows, columns) = a (rows, inner) b (inner, columns) + bias; sums[j] = sum_k b[k, j]. bias and
// sums (columns,) may be null.
extern "C" __global__ void small_product(
    u32 rows, u32 inner, u32 columns, const Value *a, Steps in_a, const Value *b, Steps in_b,
    const Value *bias, Value *out, Value *sums) {
    __shared__ float of_a[TILE][TILE + 1], of_b[TILE][TILE + 1];
    const u32 i = threadIdx.x / TILE, j = threadIdx.x % TILE;
    const u32 row = blockIdx.y * TILE + i, column = blockIdx.x * TILE + j;
    float product = 0, total = 0;
    for (u32 first = 0; first < inner; first += TILE) {
        const u32 across = first + j, down = first + i;
        of_a[i][j] = of_b[i][j] = 0;
        if (row < rows && across < inner) of_a[i][j] = a[row * in_a.row + across * in_a.column];
        if (down < inner && column < columns)
            of_b[i][j] = b[down * in_b.row + column * in_b.column];
        __syncthreads();
        float part = 0, part_of_b = 0;
        const u32 length = min(TILE, inner - first);
        for (u32 k = 0; k < length; ++k) {
            part += of_a[i][k] * of_b[k][j];
            part_of_b += of_b[k][j];
        }
        product += part;
        total += part_of_b;
        __syncthreads();
    }
    if (column >= columns) return;
    if (row < rows) out[row * columns + column] = bias ? product + bias[column] : product;
    if (sums && row == 0) sums[column] = total;
}
