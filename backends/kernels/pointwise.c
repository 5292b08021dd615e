/* Activations, one line of a table each: y = f(x), and dx of dy and of the x or y that was kept; and sums
   of two arrays in one memory order.

   a, b: the hyperparameters. Where a line's dx names y, Python keeps y for the backward pass, else
   x. A factor of dy stands in brackets, so that it is rounded before it meets dy. */

#include "export.h"
#include "functions.h"
#include "threads.h"

#include <math.h>

enum { AHEAD = 1024 }; /* numbers that a core may fetch beyond those that it writes */

#define ZERO broadcast(0)
#define ONE broadcast(1)

static const float PER_ROOT_2_PI = 0.398942280f, GELU_1 = 1.59576912f, GELU_3 = 0.0713548162f;

/* x tanh(log(1 + e^x)) = x n / d: by e^-|x|, so that nothing overflows */
typedef struct { Lanes e, n, d; } Mish;

INLINE Mish mish_of(Lanes x)
{
    Lanes e = exponential(minus_magnitude(x));
    Lanes n = chosen(x < 0, e * (e + 2), 1 + 2 * e);
    return (Mish){e, n, n + 2 * chosen(x < 0, ONE, e * e)};
}

/* t + x (1 - t^2) logistic(x), t = n / d */
INLINE Lanes mish_slope(Lanes x)
{
    Mish m = mish_of(x);
    return m.n / m.d + x * (4 * chosen(x < 0, m.e, m.e * m.e) * (1 + m.e) / (m.d * m.d));
}

/* s + x s (1 - s), s = logistic(x) */
INLINE Lanes silu_slope(Lanes x)
{
    Lanes e = exponential(minus_magnitude(x)), large = 1 / (1 + e), small = e * large;
    return chosen(x < 0, small, large) + x * (small * large);
}

/* log(1 + e^ax) / a, and x where ax > b */
INLINE Lanes soft(Lanes x, Lanes a, Lanes b)
{
    Lanes y = chosen(x < 0, ZERO, x) + logarithm_1_plus(exponential(minus_magnitude(a * x))) / a;
    return chosen(a * x > b, x, y);
}

/* The slope of x Phi(x): Phi(x) + x phi(x) */
INLINE Lanes gelu_slope(Lanes x)
{
    Lanes e, below = normal_distribution(x, &e);
    return below + x * (e * PER_ROOT_2_PI);
}

/* x logistic(u), u = GELU_1 x + GELU_3 x^3, and its slope, where u' of a large x meets 0 */
INLINE Lanes gelu_u(Lanes x) { return x * (GELU_1 + GELU_3 * x * x); }

INLINE Lanes gelu_tanh_slope(Lanes x)
{
    Lanes e = exponential(minus_magnitude(gelu_u(x))), large = 1 / (1 + e), z = within(-100, x, 100);
    Lanes du = GELU_1 + 3 * GELU_3 * z * z;
    return chosen(x < 0, e * large, large) + x * (e * large * large * du);
}

#define ACTIVATIONS(LINE)                                                                          \
    LINE(relu, chosen(x < 0, ZERO, x), chosen(y != 0, dy, ZERO))                                   \
    LINE(leaky_relu, chosen(x > 0, x, a * x), dy * chosen(x > 0, ONE, a))                          \
    LINE(selu, b * chosen(x > 0, x, a * exponential_less_1(x)),                                    \
         dy * (b * chosen(x > 0, ONE, a * exponential(x))))                                        \
    LINE(sigmoid, logistic(x), dy * y * (1 - y))                                                   \
    LINE(tanh, hyperbolic_tangent(x), dy * (1 - y * y))                                            \
    LINE(silu, x * logistic(x), dy * silu_slope(x))                                                \
    LINE(softplus, soft(x, a, b), dy * chosen(a * x > b, ONE, logistic(a * x)))                    \
    LINE(mish, x * (mish_of(x).n / mish_of(x).d), dy * mish_slope(x))                              \
    LINE(softsign, x / (1 + magnitude(x)), dy / ((1 + magnitude(x)) * (1 + magnitude(x))))         \
    LINE(hard_sigmoid, within(0, a * x + b, 1), dy * chosen((y <= 0) | (y >= 1), ZERO, a))         \
    LINE(hard_swish, x * within(0, x * (1 / 6.0f) + 0.5f, 1),                                      \
         dy * chosen(x <= -3, ZERO, chosen(x >= 3, ONE, x * (1 / 3.0f) + 0.5f)))                   \
    LINE(hard_tanh, chosen(x <= a, a, chosen(x >= b, b, x)),                                       \
         dy * chosen((y <= a) | (y >= b), ZERO, ONE))                                              \
    LINE(gelu, x * normal_distribution(x, &(Lanes){0}), dy * gelu_slope(x))                        \
    LINE(gelu_tanh, x * logistic(gelu_u(x)), dy * gelu_tanh_slope(x))

/* From x, or from the x or y that was kept and dy, or from the two terms of a sum. */
typedef void (*Loop)(const float *from, const float *other, float *to, long size, Lanes a, Lanes b);

#define LOOP(name, second, result)                                                                 \
    static void name(const float *from, const float *other, float *to, long size, Lanes a, Lanes b) \
    {                                                                                              \
        for (long i = 0; i < size; i += LANES) {                                                   \
            Lanes x = some_of(from + i, size - i), y = x, second = some_of(other + i, size - i);   \
            write_some(to + i, size - i, result);                                                  \
        }                                                                                          \
    }
#define LINE(name, f, df) LOOP(name##_forward, none, f) LOOP(name##_backward, dy, df)
ACTIVATIONS(LINE)
#undef LINE

/* Residual connections, and gradients that reach an array by two paths. NumPy's own sum runs on one thread. */
LOOP(add, term, x + term)
LOOP(add_relu, term, rectified(x + term, NAN))

#define NAMED(loop) {#loop, loop},
#define LINE(name, f, df) NAMED(name##_forward) NAMED(name##_backward)
static const struct {
    const char *name;
    Loop loop;
} table[] = {NAMED(add) NAMED(add_relu) ACTIVATIONS(LINE)};

struct Arguments {
    const char *name;
    const float *from, *other; /* other: null where x is all that the function takes */
    float *to;
    _Alignas(8) float a, b;
    long channels, length, pieces, threads; /* length: numbers of a channel */
};

/* The function with this name, or null. */
static Loop named(const char *name)
{
    for (unsigned long k = 0; k < sizeof table / sizeof table[0]; k++)
        if (!strcmp(name, table[k].name))
            return table[k].loop;
    return 0;
}

/* A part of each channel, as a convolution computes it: rows that the thread's core has in its cache. The
   ends of the parts come last. A core fetches what follows the numbers that it writes, here from another
   that writes there: two threads took 1.05 times as long, and 1.5 on cores without a common cache. */
static long piece_of(const Arguments *p, long piece)
{
    const float *other = p->other ? p->other : p->from;
    Loop loop = named(p->name);
    long from, to;
    range(p->length, piece, p->pieces, 1, &from, &to);
    for (long end = to - from > AHEAD ? to - AHEAD : to; from < to; from = end, end = to)
        for (long c = 0, i = from; c < p->channels; c++, i += p->length)
            loop(p->from + i, other + i, p->to + i, end - from, broadcast(p->a), broadcast(p->b));
    return 0;
}

/* Not served where the table has no such name. */
EXPORT long xpcnn_pointwise(const Arguments *a)
{
    return named(a->name) ? run_pieces(piece_of, a, a->pieces, a->threads) : NOT_SERVED;
}
