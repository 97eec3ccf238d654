// Transposition of square blocks in registers.
#pragma once

#include <utility>

#include "common/vectors.hpp"

namespace gfm_ra {

// Lanes of a and b in turn: half 0 gives a0 b0 a1 b1 .., half 1 the rest.
template <class F, int half, int... lane> GFM_RA_INLINE F interleave(F a, F b, std::integer_sequence<int, lane...>) {
    constexpr int width = lanes<F>;
    return __builtin_shufflevector(a, b, (half * width / 2 + lane / 2 + lane % 2 * width)...);
}

// Transpose a block: lane j of vector i becomes lane i of vector j. Each round of a perfect shuffle moves one bit of the
// place from the vector's number to the lane's.
template <class F> GFM_RA_INLINE void transpose(F (&block)[lanes<F>]) {
    constexpr int width = lanes<F>;
    using Places = std::make_integer_sequence<int, width>;
    for (int round = 1; round < width; round *= 2) {
        F next[width];
        for (int i = 0; i < width / 2; ++i) {
            next[2 * i] = interleave<F, 0>(block[i], block[i + width / 2], Places{});
            next[2 * i + 1] = interleave<F, 1>(block[i], block[i + width / 2], Places{});
        }
        for (int i = 0; i < width; ++i) block[i] = next[i];
    }
}

}  // namespace gfm_ra
