/* Exponential and its kind for vectors; u = 2^-24, half a unit in the last place of 1.

   libm's functions take one number a call, and no compiler makes vectors of such calls without
   -ffast-math, which would change what NaN and infinity do. Here NaN stays NaN, and infinities and
   results too small for float32 are those of the functions.

   exponential, exponential_less_1   a fitted polynomial, error below 2 u (its own: 0.06 u)
   logarithm_1_plus                  series, error below 5 u (its rest: 0.03 u)
   normal_distribution               a fitted quotient, error below (1 + x^2) 3 u

   Fitted, by least squares weighted anew until the largest error is least (Lawson 1961): coefficients
   rounded to float32 one after another from the lowest, those above fitted again to what remains. */

#pragma once

#include "lanes.h"

INLINE Lanes magnitude(Lanes x) { return (Lanes)((Whole)x & INT32_MAX); }
INLINE Lanes minus_magnitude(Lanes x) { return (Lanes)((Whole)x | INT32_MIN); }

/* c[0] x^n + c[1] x^(n - 1) + ... + c[n], by Horner's rule */
#define POLYNOMIAL(x, ...)                                                                         \
    polynomial(x, (const float[]){__VA_ARGS__}, sizeof(float[]){__VA_ARGS__} / sizeof(float))
INLINE Lanes polynomial(Lanes x, const float *c, long count)
{
    Lanes y = broadcast(c[0]);
    UNROLL for (long i = 1; i < count; i++) y = y * x + c[i];
    return y;
}

/* x limited to [low, high] */
INLINE Lanes within(float low, Lanes x, float high) { return at_most(broadcast(high), at_least(broadcast(low), x)); }

/* x 2^n for whole numbers n from -160 to 128, as one instruction or in two factors: 2^n itself may be
   too small for float32. */
INLINE Lanes scaled(Lanes x, Lanes n)
{
#ifdef __AVX512F__
    return (Lanes)_mm512_scalef_ps((__m512)x, (__m512)n);
#else
    Whole k = __builtin_convertvector(n, Whole), half = k >> 1;
    return x * (Lanes)((half + 127) << 23) * (Lanes)((k - half + 127) << 23);
#endif
}

/* Return e^r - 1 and write n where x = n ln(2) + r, n a whole number and |r| <= ln(2) / 2. */
INLINE Lanes remainder_less_1(Lanes x, Lanes *n)
{
    const float log2e = 1.44269504f, high = 0.693359375f, low = -2.12194440e-4f; /* of ln(2) */
    const float whole = 0x1.8p23f; /* numbers near it have no digits after the point */
    *n = x * log2e + whole - whole;
    Lanes r = x - *n * high - *n * low;
    return POLYNOMIAL(r, 0.00138207304f, 0.00836867746f, 0.0416682661f, 0.166665211f, 0.49999994f) * r * r + r;
}

/* e^x for x <= 88 */
INLINE Lanes exponential(Lanes x)
{
    Lanes n, e = remainder_less_1(at_least(broadcast(-104), x), &n) + 1;
    return scaled(e, n);
}

/* e^x - 1 for x <= 0: 2^n (e^r - 1) + (2^n - 1) */
INLINE Lanes exponential_less_1(Lanes x)
{
    Lanes n, e = remainder_less_1(at_least(broadcast(-104), x), &n), power = scaled(broadcast(1), n);
    return e * power + (power - 1);
}

/* log(1 + x) for 0 <= x <= 1: 2 artanh s = 2 (s + s^3/3 + s^5/5 + ...) with s = x / (2 + x) <= 1/3 */
INLINE Lanes logarithm_1_plus(Lanes x)
{
    Lanes s = x / (2 + x), z = s * s;
    Lanes p = POLYNOMIAL(z, 1.0f / 15, 1.0f / 13, 1.0f / 11, 1.0f / 9, 1.0f / 7, 1.0f / 5, 1.0f / 3);
    return 2 * (s + s * z * p);
}

/* 1 / (1 + e^-x) */
INLINE Lanes logistic(Lanes x)
{
    Lanes e = exponential(minus_magnitude(x));
    return chosen(x < 0, e, broadcast(1)) / (1 + e);
}

/* tanh x = sign(x) (1 - e) / (1 + e), e = e^-2|x| */
INLINE Lanes hyperbolic_tangent(Lanes x)
{
    Lanes less = exponential_less_1(2 * minus_magnitude(x));
    return (Lanes)((Whole)magnitude(less / (2 + less)) | ((Whole)x & INT32_MIN));
}

/* Phi(x), the probability of a normal number below x; writes e = e^(-x^2/2).

   Phi(-a) = e m, m = 1/2 - a p(a) / q(a), for a = |x|. p and q are fitted so that the largest error of m
   for a <= 14.4, relative to 1 + a^2, is least: 0.3 u; beyond, e is 0. They are written for -a. */
INLINE Lanes normal_distribution(Lanes x, Lanes *e)
{
    Lanes a = at_least(broadcast(-14.42f), minus_magnitude(x)), n, less_1 = remainder_less_1(-0.5f * a * a, &n);
    Lanes p = POLYNOMIAL(a, -0.0152096636f, 0.109363704f, -0.323739103f, 0.398941921f);
    Lanes q = POLYNOMIAL(a, 0.0304203934f, -0.242955605f, 0.842081865f, -1.43813789f, 1);
    Lanes m = 0.5f + a * p / q;
    *e = scaled(1 + less_1, n);
    return magnitude(chosen(x < 0, broadcast(0), broadcast(1)) - scaled(m + m * less_1, n));
}
