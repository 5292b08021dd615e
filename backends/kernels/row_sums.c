/* Sums of the rows of a matrix. */

#include "export.h"
#include "lanes.h"

struct Arguments {
    const float *x;
    float *sums;
    long rows, length;
};

/* sums (rows,) of the rows of x (rows, length) */
EXPORT long xpcnn_row_sums(const Arguments *a)
{
    for (long m = 0; m < a->rows; m++)
        a->sums[m] = (float)sum_of_row(a->x + m * a->length, a->length);
    return 0;
}
