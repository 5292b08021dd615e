/* The logistic function and tanh, to 3 units in the last place; sigmoid is 0 below -87, where its
   value is less than 1.7e-38.

   libm's expf and tanhf take one number a call, and no compiler makes vectors of such calls without
   -ffast-math, which would change what NaN and infinity do. */

#include "export.h"
#include "lanes.h"
#include "threads.h"

#include <string.h>

typedef Lanes (*Function)(Lanes a, Lanes b);

typedef struct {
    const float *a, *b;
    float *out;
    long size, pieces;
    Function function;
} Arguments;

/* e^x = 2^k e^r with |r| <= ln(2) / 2, for x in [-87, 88]: there 2^k is a normal number. */
INLINE Lanes exponential(Lanes x)
{
    const float log2e = 1.44269504f, high = 0.693359375f, low = -2.12194440e-4f; /* of ln(2) */
    Whole k = __builtin_convertvector(x * log2e + chosen(x < 0, broadcast(-0.5f), broadcast(0.5f)), Whole);
    Lanes n = __builtin_convertvector(k, Lanes), r = x - n * high - n * low;
    /* Taylor's series */
    Lanes p = broadcast(1.0f / 5040);
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r * r + r + 1.0f;
    return p * (Lanes)((k + 127) << 23);
}

static Lanes logistic(Lanes x, Lanes unused)
{
    (void)unused;
    Lanes y = 1 / (1 + exponential(-chosen(x > 87, broadcast(87), x)));
    return chosen(x < -87, broadcast(0), y); /* NaN stays: it is neither above nor below */
}

static Lanes logistic_gradient(Lanes dy, Lanes y)
{
    return dy * y * (1 - y);
}

/* Near 0, where 1 - 2 / (e^2x + 1) would cancel, x + x^3 p(x^2). */
static Lanes hyperbolic(Lanes x, Lanes unused)
{
    (void)unused;
    Lanes size = chosen(x < 0, -x, x), z = x * x;
    Lanes near = broadcast(-5.70498872745e-3f); /* Cephes, tanhf */
    near = near * z + 2.06390887954e-2f;
    near = near * z - 5.37397155531e-2f;
    near = near * z + 1.33314422036e-1f;
    near = near * z - 3.33332819422e-1f;
    near = near * z * x + x;
    Lanes far = 1 - 2 / (exponential(2 * chosen(size > 10, broadcast(10), size)) + 1);
    return chosen(size < 0.625f, near, chosen(x < 0, -far, far));
}

static Lanes hyperbolic_gradient(Lanes dy, Lanes y)
{
    return dy * (1 - y * y);
}

static long piece_of(void *arguments, long piece)
{
    const Arguments *p = arguments;
    long i = p->size * piece / p->pieces, end = p->size * (piece + 1) / p->pieces;
    for (; i + LANES <= end; i += LANES)
        *(Lanes *)(p->out + i) = p->function(*(const Lanes *)(p->a + i), *(const Lanes *)(p->b + i));
    if (i < end) {
        Lanes a = {0}, b = {0};
        memcpy(&a, p->a + i, (end - i) * sizeof(float));
        memcpy(&b, p->b + i, (end - i) * sizeof(float));
        a = p->function(a, b);
        memcpy(p->out + i, &a, (end - i) * sizeof(float));
    }
    return 0;
}

static long each(Function function, const float *a, const float *b, float *out, long size,
                 long pieces, long threads)
{
    Arguments p = {a, b, out, size, pieces, function};
    return run_pieces(piece_of, &p, pieces, threads);
}

/* y = 1 / (1 + e^-x) */
EXPORT long xpcnn_sigmoid(const float *x, float *y, long size, long pieces, long threads)
{
    return each(logistic, x, x, y, size, pieces, threads);
}

/* dx = dy * y * (1 - y) */
EXPORT long xpcnn_sigmoid_gradient(const float *dy, const float *y, float *dx, long size,
                                   long pieces, long threads)
{
    return each(logistic_gradient, dy, y, dx, size, pieces, threads);
}

/* y = tanh(x) */
EXPORT long xpcnn_hyperbolic_tangent(const float *x, float *y, long size, long pieces, long threads)
{
    return each(hyperbolic, x, x, y, size, pieces, threads);
}

/* dx = dy * (1 - y^2) */
EXPORT long xpcnn_hyperbolic_tangent_gradient(const float *dy, const float *y, float *dx, long size,
                                              long pieces, long threads)
{
    return each(hyperbolic_gradient, dy, y, dx, size, pieces, threads);
}
