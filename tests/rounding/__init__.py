"""Arrays that carry beside every number how far from it float32 arithmetic may be.

The references, layers and optimizers run on any array library. On this one they compute in float64
and bound their own rounding errors as they go (running error analysis: Higham, "Accuracy and
Stability of Numerical Algorithms", 2002, section 3.3). To first order in u = 2^-24, with e_x the
bound of x and |x|* the same expression of absolute values, in which nothing cancels:

    x + y           e_x + e_y + min(u (|x|* + |y|*), |x|*, |y|*)
    x y             |x| e_y + |y| e_x + e_x e_y + u |x y|
    x / y           (e_x + |x/y| e_y) / (|y| - e_y) + 2 u |x/y|, as kernels may multiply by 1/y;
                    u |x/y| where y is a power of two
    sqrt x          the change of the root by e_x, + u sqrt x
    exp, log, cos.. the change by e_x, + 8 u |y|: NumPy, CUDA and PyTorch promise 4 units in the
                    last place, and a unit is up to 2 u |y|
    sum of k        sum e_i + r(k - 1) u sum |x_i|*, in whatever order it is summed
    product of k    |A| e_B + e_A |B| + e_A e_B + (1 + r(k - 1)) u |A|* |B|*

So a bound is c u times the expression of absolute values, c from the number of roundings: it does
not shrink where terms cancel, and holds in whatever order kernels add them.

r(k) = min(k, 3 sqrt k). The first is proven for any order of a sum, fused multiply-adds included.
The second holds if roundings are independent (Higham and Mary, "A new approach to probabilistic
rounding error analysis", 2019): each has a variance of u^2/3 at most, so that 3 sqrt(k) u is 5.2
standard deviations of their sum if every partial sum is as large as the sum of all magnitudes, and
9 where partial sums grow from 0 to it.

What float32 holds exactly, in any order, has no error: sums and products of multiples of a power of
two that stay below 2^24 of it, and products with a power of two. So whole numbers must be equal to
the last bit, and of equal ones the first must win.

A comparison that float32 cannot decide is an AssertionError: a test's numbers must not lie there.
"""

from tests.rounding.arrays import Rounded, exact
from tests.rounding.bits import FLUSHED, UNIT, Host, chains_of

__all__ = ["FLUSHED", "UNIT", "Host", "Rounded", "chains_of", "exact"]
