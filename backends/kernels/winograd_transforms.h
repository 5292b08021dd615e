/* Winograd's F(4x4, 3x3): a tile of 4 x 4 outputs of a convolution with 3 x 3 filters by 36 products
   in place of 144.

   Along one axis: 4 outputs see 6 inputs d through a filter g of 3 taps. As polynomials they are a
   product, which 6 points determine: 5 numbers and infinity, where the leading coefficients meet. With
   the transposed transforms it becomes a correlation:

       y = A^T ((G g) * (B^T d))        element by element; along both axes A^T ((G g G^T) * (B^T d B)) A

   and its gradients are dd = B ((G g) * (A dy)), which is a convolution again, and
   dg = G^T ((A dy) * (B^T d)).

   The points are 0, a, -a, b, -b, infinity, with a = 1 / sqrt 2 and b = sqrt 2, so that ab = 1,
   a^2 = 1/2 and b^2 = 2. Then

             1    0  -5/2   0    1   0             1              0           0
             0  -2a   -2    a    1   0           -2/3          -2a/3        -1/3
     B^T  =  0   2a   -2   -a    1   0     G  =  -2/3           2a/3        -1/3
             0  -b/2 -1/2   b    1   0            1/6            b/6         1/3
             0   b/2 -1/2  -b    1   0            1/6           -b/6         1/3
             0    1    0  -5/2   0   1             0              0           1

             1    1    1    1    1   0
     A^T  =  0    a   -a    b   -b   0
             0   1/2  1/2   2    2   0
             0  a/2 -a/2   2b  -2b   1

   Each row of B^T holds the coefficients of the product of (x - p) over all other points p; each row of
   G the powers of a point, divided by that product at the point; each column of A^T the powers of a
   point. Points of about the same magnitude keep the powers near 1, and so the rounding errors about
   twice those of a sum of products; with 1 and 2 in place of a and b they are four to ten times those.

   Sources: Winograd, "Arithmetic Complexity of Computations", 1980; Lavin and Gray, "Fast Algorithms
   for Convolutional Neural Networks", 2016; for points: Barabasz and others, "Error Analysis and
   Improving the Accuracy of Winograd Convolution for Deep Neural Networks", 2020. */

#pragma once

#include "lanes.h"

enum {
    TILE = 4,                /* outputs of a tile along an axis */
    SEEN = 6,                /* inputs that they see, and points */
    PRODUCTS = SEEN * SEEN
};

#define A 0.70710678118654752440f
#define B 1.41421356237309504880f

static const double G[SEEN][3] = {
    {1, 0, 0},
    {-2 / 3., -1.41421356237309504880 / 3, -1 / 3.},
    {-2 / 3., 1.41421356237309504880 / 3, -1 / 3.},
    {1 / 6., 1.41421356237309504880 / 6, 1 / 3.},
    {1 / 6., -1.41421356237309504880 / 6, 1 / 3.},
    {0, 0, 1},
};

/* v = B^T d: 6 vectors that lie `ds` apart, to 6 that lie `vs` apart */
INLINE void transform_input(const Lanes *d, long ds, Lanes *v, long vs)
{
    Lanes d0 = d[0], d1 = d[ds], d2 = d[2 * ds], d3 = d[3 * ds], d4 = d[4 * ds], d5 = d[5 * ds];
    Lanes even_a = d4 - 2 * d2, odd_a = d3 - 2 * d1, even_b = d4 - 0.5f * d2, odd_b = d3 - 0.5f * d1;
    v[0] = d0 + (d4 - 2.5f * d2);
    v[vs] = even_a + A * odd_a;
    v[2 * vs] = even_a - A * odd_a;
    v[3 * vs] = even_b + B * odd_b;
    v[4 * vs] = even_b - B * odd_b;
    v[5 * vs] = d1 + (d5 - 2.5f * d3);
}

/* y = A^T m, 4 of 6 */
INLINE void transform_output(const Lanes *m, long ms, Lanes *y, long ys)
{
    Lanes even_a = m[ms] + m[2 * ms], odd_a = m[ms] - m[2 * ms];
    Lanes even_b = m[3 * ms] + m[4 * ms], odd_b = m[3 * ms] - m[4 * ms];
    y[0] = m[0] + (even_a + even_b);
    y[ys] = A * odd_a + B * odd_b;
    y[2 * ys] = 0.5f * even_a + 2 * even_b;
    y[3 * ys] = A / 2 * odd_a + (2 * B * odd_b + m[5 * ms]);
}

/* u = A dy, 6 of 4 */
INLINE void transform_gradient(const Lanes *dy, long ds, Lanes *u, long us)
{
    Lanes d0 = dy[0], d1 = dy[ds], d2 = dy[2 * ds], d3 = dy[3 * ds];
    Lanes even_a = d0 + 0.5f * d2, odd_a = d1 + 0.5f * d3, even_b = d0 + 2 * d2, odd_b = d1 + 2 * d3;
    u[0] = d0;
    u[us] = even_a + A * odd_a;
    u[2 * us] = even_a - A * odd_a;
    u[3 * us] = even_b + B * odd_b;
    u[4 * us] = even_b - B * odd_b;
    u[5 * us] = d3;
}

#undef A
#undef B
