// The float algorithms of ridge.h as plain loops, one element after the other: what the core must equal bit by bit.
#ifndef REFERENCE_H
#define REFERENCE_H

#include "ridge.h"

// All rows of the Cholesky factor, packed, reciprocals on its diagonal. Nothing is checked: A must be positive definite.
void reference_factor(const struct ridge_system *a, size_t m, float *l);

// x (m,p) = A^-1 b.
void reference_solve(const float *l, size_t m, const float *b, size_t p, float *x);

#endif
