// Products of matrices of any sizes, without cuBLAS: CuPy refuses that while a stream is
// captured for a CUDA graph.
//
// A block makes a tile of ROWS x COLUMNS elements of the output, and a thread 4 x 4 of them: the
// rows and columns that lie 8 and 32 apart, so that neighbouring threads write neighbours. The inner
// index goes through shared memory in pieces of DEPTH, each summed by itself, which rounds less than
// one long sum. Where the output has few tiles, the inner index is divided into parts, which
// `sum_of_parts` adds up in their order. The same bits every time.

#include "common.cuh"
#include "value.cuh"

const u32 ROWS = 32, COLUMNS = 128, DEPTH = 8, EACH = 4;
const u32 DOWN = ROWS / EACH, ACROSS = COLUMNS / EACH;  // threads of a block: 8 * 32

// A matrix with any steps, in elements, from row to row and from column to column.
struct Steps {
    u32 row, column;
};

// out (rows, columns) = a (rows, inner) b (inner, columns); or where parts (number of parts, rows,
// columns) is not null these, the sums over `length` numbers each of the inner index; length is a
// multiple of DEPTH. Block x makes a tile, y a part.
extern "C" __global__ void product(
    u32 rows, u32 inner, u32 columns, u32 length, const Value *a, Steps in_a, const Value *b,
    Steps in_b, float *parts, Value *out) {
    __shared__ float of_a[DEPTH][ROWS + 1], of_b[DEPTH][COLUMNS + 1];
    const u32 tiles = (columns + COLUMNS - 1) / COLUMNS, thread = threadIdx.x;
    const u32 top = blockIdx.x / tiles * ROWS, left = blockIdx.x % tiles * COLUMNS;
    const u32 begin = blockIdx.y * length, end = min(inner, begin + length);
    const u32 i = thread / ACROSS, j = thread % ACROSS;
    float sums[EACH][EACH] = {};
    for (u32 first = begin; first < end; first += DEPTH) {
        for (u32 t = thread; t < ROWS * DEPTH; t += DOWN * ACROSS) {
            // neighbouring threads read neighbours in memory
            const u32 row = in_a.row == 1 ? t % ROWS : t / DEPTH;
            const u32 k = in_a.row == 1 ? t / ROWS : t % DEPTH;
            const bool is_in = top + row < rows && first + k < end;
            of_a[k][row] = 0;
            if (is_in) of_a[k][row] = a[(top + row) * in_a.row + (first + k) * in_a.column];
        }
        for (u32 t = thread; t < COLUMNS * DEPTH; t += DOWN * ACROSS) {
            const u32 column = in_b.column == 1 ? t % COLUMNS : t / DEPTH;
            const u32 k = in_b.column == 1 ? t / COLUMNS : t % DEPTH;
            const bool is_in = left + column < columns && first + k < end;
            of_b[k][column] = 0;
            if (is_in) of_b[k][column] = b[(first + k) * in_b.row + (left + column) * in_b.column];
        }
        __syncthreads();
        float part[EACH][EACH] = {};
        for (u32 k = 0; k < min(DEPTH, end - first); ++k)
            for (u32 r = 0; r < EACH; ++r)
                for (u32 c = 0; c < EACH; ++c)
                    part[r][c] += of_a[k][i + r * DOWN] * of_b[k][j + c * ACROSS];
        for (u32 r = 0; r < EACH; ++r)
            for (u32 c = 0; c < EACH; ++c) sums[r][c] += part[r][c];
        __syncthreads();
    }
    for (u32 r = 0; r < EACH; ++r)
        for (u32 c = 0; c < EACH; ++c) {
            const u32 row = top + i + r * DOWN, column = left + j + c * ACROSS;
            if (row >= rows || column >= columns) continue;
            if (parts)
                parts[(blockIdx.y * rows + row) * columns + column] = sums[r][c];
            else
                out[row * columns + column] = sums[r][c];
        }
}

// out (count,) = the sum over p of parts[p], in the order of p.
extern "C" __global__ void sum_of_parts(u32 count, u32 number, const float *parts, Value *out) {
    const u32 at = blockIdx.x * blockDim.x + threadIdx.x;
    if (at >= count) return;
    float sum = 0;
    for (u32 p = 0; p < number; ++p) sum += parts[p * count + at];
    out[at] = sum;
}
