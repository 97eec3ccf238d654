// Matrix products whose sums stay in registers.
//
// Every sum runs over its terms in their order, in one chain of fused multiply-adds from its initial value: so a sum is
// the same number whatever stands beside it in a tile, and however wide the vectors are.
#pragma once

#include "common/packs.hpp"

namespace gfm_ra {

// How a matrix of numbers is read: its entry (row, term) lies at row * row_step + term * term_step. The same matrix is
// read by rows or by columns, so that no transpose is needed.
struct Matrix {
    const float* entries;
    int64_t row_step, term_step;
};

// sum[row][v] = initial + sum over term of matrix(row, term) right[term][v], for `Rows` rows from `first` on and
// `Vectors` vectors; then hand_on(row, sums) with the vectors of two rows at a time. Numbers of the matrix are spread over lanes.
template <class F, int Rows, int Vectors, class HandOn>
GFM_RA_INLINE void multiply_rows(Matrix matrix, int64_t first, const float* right, int64_t terms, float initial,
                                 const HandOn& hand_on) {
    Pack<F, Vectors> sum[Rows];
    for (int row = 0; row < Rows; ++row) sum[row] = all<Pack<F, Vectors>>(initial);
    const float* left = matrix.entries + first * matrix.row_step;
    for (int64_t term = 0; term < terms; ++term) {
        const Pack<F, Vectors> factor = load<Pack<F, Vectors>>(right);
        for (int row = 0; row < Rows; ++row) {
            const F entry = all<F>(left[row * matrix.row_step]);
            for (int v = 0; v < Vectors; ++v) sum[row].at[v] = fma(entry, factor.at[v], sum[row].at[v]);
        }
        left += matrix.term_step;
        right += Vectors * lanes<F>;
    }
    // One copy of what follows, whatever the number of rows: else compiling takes minutes.
#pragma GCC unroll 1
    for (int row = 0; row + 2 <= Rows; row += 2)
        hand_on(first + row, Pack<Pack<F, Vectors>, 2>{{sum[row], sum[row + 1]}});
    if (Rows % 2 == 1) hand_on(first + Rows - 1, sum[Rows - 1]);
}

// All rows, `Rows` at a time and the last ones in a smaller tile.
template <class F, int Rows, int Vectors, class HandOn>
GFM_RA_INLINE void multiply(Matrix matrix, int64_t rows, const float* right, int64_t terms, float initial,
                            const HandOn& hand_on) {
    int64_t first = 0;
    for (; first + Rows <= rows; first += Rows)
        multiply_rows<F, Rows, Vectors>(matrix, first, right, terms, initial, hand_on);
    for (; first + 2 <= rows; first += 2)
        multiply_rows<F, 2, Vectors>(matrix, first, right, terms, initial, hand_on);
    if (first < rows) multiply_rows<F, 1, Vectors>(matrix, first, right, terms, initial, hand_on);
}

// out[column] = initial + sum over term of left[term] matrix[term * stride + column], for `Vectors` vectors of columns
// from `first` on. Numbers of `left` are spread over the lanes.
template <class F, int Vectors>
void multiply_columns(const float* left, const float* matrix, int64_t stride, int64_t first, int64_t terms, float initial,
                      float* out) {
    F sum[Vectors];
    for (int v = 0; v < Vectors; ++v) sum[v] = all<F>(initial);
    const float* row = matrix + first;
    for (int64_t term = 0; term < terms; ++term, row += stride) {
        const F factor = all<F>(left[term]);
        for (int v = 0; v < Vectors; ++v) sum[v] = fma(factor, load<F>(row + v * lanes<F>), sum[v]);
    }
    for (int v = 0; v < Vectors; ++v) store(out + first + v * lanes<F>, sum[v]);
}

// All columns; `stride` is a whole number of vectors. The sums of up to eight vectors stay in registers.
template <class F>
void multiply_columns(const float* left, const float* matrix, int64_t stride, int64_t terms, float initial, float* out) {
    int64_t first = 0;
    for (; first + 8 * lanes<F> <= stride; first += 8 * lanes<F>)
        multiply_columns<F, 8>(left, matrix, stride, first, terms, initial, out);
    switch ((stride - first) / lanes<F>) {
        case 7: return multiply_columns<F, 7>(left, matrix, stride, first, terms, initial, out);
        case 6: return multiply_columns<F, 6>(left, matrix, stride, first, terms, initial, out);
        case 5: return multiply_columns<F, 5>(left, matrix, stride, first, terms, initial, out);
        case 4: return multiply_columns<F, 4>(left, matrix, stride, first, terms, initial, out);
        case 3: return multiply_columns<F, 3>(left, matrix, stride, first, terms, initial, out);
        case 2: return multiply_columns<F, 2>(left, matrix, stride, first, terms, initial, out);
        case 1: return multiply_columns<F, 1>(left, matrix, stride, first, terms, initial, out);
    }
}

}  // namespace gfm_ra
