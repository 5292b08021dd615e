/* The inner loops for one shape of tile, ROWS * WIDTH vectors in registers; product.h includes this
   file once for each shape, and says what the arguments mean. */

#define PASTE(name, rows, width) name##_##rows##_##width
#define NAME_OF(name, rows, width) PASTE(name, rows, width)
#define NAME(name) NAME_OF(name, ROWS, WIDTH)
#define ALONE static __attribute__((noinline, unused)) /* or they run out of registers */
#define ROW UNROLL for (int m = 0; m < ROWS; m++)
#define EACH ROW UNROLL for (int v = 0; v < WIDTH; v++)

/* Columns from l on, as many as whole tiles hold; returns where they end. */
ALONE long NAME(tiles)(const float *w, long wm, const long *tap, const float *x, const long *at,
                       long taps, float *y, long ym, long l, long length, const float *bias,
                       int first)
{
    for (; l + WIDTH * LANES <= length; l += WIDTH * LANES) {
        Lanes sum[ROWS][WIDTH];
        EACH sum[m][v] = broadcast(0);
        for (long k = 0; k < taps; k++) {
            const float *factor = w + tap[k], *from = x + at[k] + l;
            Lanes in[WIDTH];
            UNROLL for (int v = 0; v < WIDTH; v++) in[v] = *(const Lanes *)(from + v * LANES);
            EACH sum[m][v] += factor[m * wm] * in[v];
        }
        EACH {
            Lanes *out = (Lanes *)(y + m * ym + l + v * LANES);
            *out = sum[m][v] + (first ? broadcast(bias ? bias[m] : 0) : *out);
        }
    }
    return l;
}

/* Taps from k on, as many as whole tiles hold; returns where they end. */
ALONE long NAME(dots)(const float *dy, long dm, const float *x, const long *at, const long *tap,
                      long k, long taps, long length, Lanes *sum, long all)
{
    for (; k + WIDTH <= taps; k += WIDTH) {
        Lanes part[ROWS][WIDTH];
        EACH part[m][v] = broadcast(0);
        for (long l = 0; l < length; l += LANES) {
            Lanes in[WIDTH];
            UNROLL for (int v = 0; v < WIDTH; v++) in[v] = *(const Lanes *)(x + at[k + v] + l);
            ROW {
                Lanes factor = *(const Lanes *)(dy + m * dm + l);
                UNROLL for (int v = 0; v < WIDTH; v++) part[m][v] += factor * in[v];
            }
        }
        EACH sum[m * all + tap[k + v]] += part[m][v];
    }
    return k;
}

#undef EACH
#undef ALONE
#undef ROW
#undef NAME
#undef NAME_OF
#undef PASTE
#undef WIDTH
#undef ROWS
