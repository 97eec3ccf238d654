// Layers of a network whose links stand side by side in the lanes: out[row][link] = initial + sum over term of
// weight(row, term) in[term][link].
//
// Arrays are [rows, stride]; `columns`, whole vectors of links, are used of a row. Weights come packed in blocks of `rows_per_block`
// rows, term by term, so that a block is read once from begin to end; a block that is not full has rows of zeros.
#pragma once

#include <type_traits>

#include "common/elementary.hpp"
#include "common/packs.hpp"

namespace gfm_ra {

constexpr int rows_per_block = 6;  // times two vectors: twelve sums, enough to keep two units busy, in 16 registers

template <class F> GFM_RA_INLINE F sigmoid(F value) { return 1.0f / (exp2_of(value * (-1.0f / ln_2)) + 1.0f); }

struct Layer {
    const float* weights;  // [blocks, terms, rows_per_block]
    const float* bias;     // [rows]
    int64_t rows, terms;
};

// Sums of one block for `Vectors` vectors of links from `first` on.
template <class F, int Vectors> struct BlockSums {
    F at[rows_per_block][Vectors];
};

template <class F, int Vectors>
GFM_RA_INLINE BlockSums<F, Vectors> block_sums(const float* weights, const float* in, int64_t stride, int64_t terms) {
    BlockSums<F, Vectors> sum;
    for (int row = 0; row < rows_per_block; ++row)
        for (int v = 0; v < Vectors; ++v) sum.at[row][v] = all<F>(0.0f);
    for (int64_t term = 0; term < terms; ++term, weights += rows_per_block, in += stride) {
        F value[Vectors];
        for (int v = 0; v < Vectors; ++v) value[v] = load<F>(in + v * lanes<F>);
        for (int row = 0; row < rows_per_block; ++row) {
            const F weight = all<F>(weights[row]);
            for (int v = 0; v < Vectors; ++v) sum.at[row][v] = fma(weight, value[v], sum.at[row][v]);
        }
    }
    return sum;
}

// Every row of a layer for `Vectors` vectors of links: hand_on(row, vector, sum without bias).
template <class F, int Vectors, class HandOn>
GFM_RA_INLINE void rows_of(const float* weights, int64_t rows, int64_t terms, const float* in, int64_t stride,
                           const HandOn& hand_on) {
    for (int64_t first = 0; first < rows; first += rows_per_block, weights += terms * rows_per_block) {
        const auto sum = block_sums<F, Vectors>(weights, in, stride, terms);
        const int64_t count = rows - first < rows_per_block ? rows - first : rows_per_block;
        for (int row = 0; row < count; ++row)
            for (int v = 0; v < Vectors; ++v) hand_on(first + row, v, sum.at[row][v]);
    }
}

// As many vectors as `for_links` treats at once.
constexpr int most_vectors = registers >= 32 ? 3 : 2;

// f(first, number of vectors as a constant) for columns in whole vectors, two at a time. A last one alone would keep the
// units waiting: three go together where there are registers for it.
template <class F, class Function> GFM_RA_INLINE void for_links(int64_t columns, const Function& function) {
    int64_t first = 0;
    for (; columns - first >= 2 * lanes<F> && columns - first != most_vectors * lanes<F>; first += 2 * lanes<F>)
        function(first, std::integral_constant<int, 2>{});
    if (columns - first == most_vectors * lanes<F>) function(first, std::integral_constant<int, most_vectors>{});
    else if (first < columns) function(first, std::integral_constant<int, 1>{});
}

// One layer without anything after it: in [terms, stride] -> out [rows, stride].
template <class F> void one_layer(const Layer& layer, const float* in, float* out, int64_t stride, int64_t columns) {
    for_links<F>(columns, [&](int64_t first, auto count) GFM_RA_LAMBDA {
        rows_of<F, decltype(count)::value>(
            layer.weights, layer.rows, layer.terms, in + first, stride, [&](int64_t row, int v, F sum) GFM_RA_LAMBDA {
                store(out + row * stride + first + v * lanes<F>, sum + layer.bias[row]);
            });
    });
}

// The same with the hyperbolic tangent after it: tanh(x) = 2 sigmoid(2 x) - 1.
template <class F>
void bounded_layer(const Layer& layer, const float* in, float* out, int64_t stride, int64_t columns) {
    one_layer<F>(layer, in, out, stride, columns);
    for (float* row = out; row < out + layer.rows * stride; row += stride)
        for (float* at = row; at < row + columns; at += lanes<F>)
            store(at, fma(sigmoid(load<F>(at) * 2.0f), all<F>(2.0f), all<F>(-1.0f)));
}

// What every link receives of what all send: sums over senders j of sent[j][row] matrix[j][link], handed to
// hand_on(row, vector's first link, sum). sent is [links, padded], `rows` of them used, padded to whole blocks.
template <class F, class HandOn>
GFM_RA_INLINE void gather(const float* sent, int64_t rows, int64_t padded, const float* matrix, int64_t links,
                          int64_t stride, const HandOn& hand_on) {
    for_links<F>(stride, [&](int64_t first, auto count) GFM_RA_LAMBDA {
        constexpr int vectors = decltype(count)::value;
        for (int64_t block = 0; block < padded; block += rows_per_block) {
            F sum[rows_per_block][vectors];
            for (int row = 0; row < rows_per_block; ++row)
                for (int v = 0; v < vectors; ++v) sum[row][v] = all<F>(0.0f);
            const float *left = sent + block, *right = matrix + first;
            for (int64_t j = 0; j < links; ++j, left += padded, right += stride) {
                F gain[vectors];
                for (int v = 0; v < vectors; ++v) gain[v] = load<F>(right + v * lanes<F>);
                for (int row = 0; row < rows_per_block; ++row) {
                    const F value = all<F>(left[row]);
                    for (int v = 0; v < vectors; ++v) sum[row][v] = fma(value, gain[v], sum[row][v]);
                }
            }
            const int64_t used = rows - block < rows_per_block ? rows - block : rows_per_block;
            for (int row = 0; row < used; ++row)
                for (int v = 0; v < vectors; ++v) hand_on(block + row, first + v * lanes<F>, sum[row][v]);
        }
    });
}

constexpr int64_t whole_blocks(int64_t rows) { return (rows + rows_per_block - 1) / rows_per_block * rows_per_block; }

// Two layers with a ReLU between: in [terms, stride] -> out [rows, stride], added to what is there if `Add`.
template <class F, bool Add>
void two_layers(const Layer& into, const Layer& outof, const float* in, float* out, float* hidden, int64_t stride,
                int64_t columns) {
    for_links<F>(columns, [&](int64_t first, auto count) GFM_RA_LAMBDA {
        constexpr int vectors = decltype(count)::value;
        constexpr int64_t width = vectors * lanes<F>;  // the hidden layer's own stride
        rows_of<F, vectors>(into.weights, into.rows, into.terms, in + first, stride,
                            [&](int64_t row, int v, F sum) GFM_RA_LAMBDA {
                                const F value = larger(sum + into.bias[row], all<F>(0.0f));
                                store(hidden + row * width + v * lanes<F>, value);
                            });
        rows_of<F, vectors>(outof.weights, outof.rows, outof.terms, hidden, width,
                            [&](int64_t row, int v, F sum) GFM_RA_LAMBDA {
                                float* to = out + row * stride + first + v * lanes<F>;
                                const F value = sum + outof.bias[row];
                                store(to, Add ? load<F>(to) + value : value);
                            });
    });
}

}  // namespace gfm_ra
