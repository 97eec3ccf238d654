// A sparse network as the core reads it: crossing gains in compressed rows, and a far field by cells of transmitters.
#pragma once

#include <cstdint>

#include "common/packs.hpp"

namespace gfm_ra {

// Crossing gains of row k lie from start[k] to start[k + 1]; `other` is the link at the other end.
struct Rows {
    const int64_t* start;  // [K + 1]
    const int32_t* other;
    const float* gain;
};

// Sums of gains that are not listed, of each receiver and cell of transmitters. They count at the cell's mean power.
struct FarField {
    const float* gain;     // [K, padded]; zero beyond the cells
    const int32_t* cell;   // [K]: where each transmitter stands
    const float* share;    // [padded]: 1 over the number of a cell's transmitters
    int64_t padded;        // cells rounded up to whole rounds of `far_parts`; 0 where there is no far field
};

// Sums over cells run in this many parts, whatever the vectors' width; then in halves.
constexpr int far_parts = 16;

// One multiply-add as `fma` of vectors does it: fused where the instruction set has it.
GFM_RA_INLINE float fma(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

// initial + sum over entries of row k of gain times value[other], in one chain in the order of the entries.
GFM_RA_INLINE float row_sum(const Rows& rows, int64_t k, const float* value, float initial) {
    float sum = initial;
    for (int64_t entry = rows.start[k]; entry < rows.start[k + 1]; ++entry)
        sum = fma(rows.gain[entry], value[rows.other[entry]], sum);
    return sum;
}

// Sum over cells of what row k of the far field holds times value[cell].
template <class F> GFM_RA_INLINE float far_sum(const FarField& far, int64_t k, const float* value) {
    float part[far_parts] = {};
    const float* row = far.gain + k * far.padded;
    for (int64_t first = 0; first < far.padded; first += far_parts)
        for (int at = 0; at < far_parts; at += lanes<F>)
            store(part + at, fma(load<F>(row + first + at), load<F>(value + first + at), load<F>(part + at)));
    for (int half = far_parts / 2; half > 0; half /= 2)
        for (int at = 0; at < half; ++at) part[at] += part[half + at];
    return part[0];
}

// Mean over the transmitters of every cell, [padded], of values [K].
GFM_RA_INLINE void mean_by_cell(const FarField& far, int64_t links, const float* value, float* mean) {
    for (int64_t c = 0; c < far.padded; ++c) mean[c] = 0.0f;
    for (int64_t k = 0; k < links; ++k) mean[far.cell[k]] += value[k];
    for (int64_t c = 0; c < far.padded; ++c) mean[c] *= far.share[c];
}

// The other direction: what each transmitter of a cell is charged, [padded], for values [K] of the receivers.
template <class F> void charge_by_cell(const FarField& far, int64_t links, const float* value, float* charge) {
    for (int64_t c = 0; c < far.padded; ++c) charge[c] = 0.0f;
    for (int64_t k = 0; k < links; ++k) {
        const F factor = all<F>(value[k]);
        const float* row = far.gain + k * far.padded;
        for (int64_t c = 0; c < far.padded; c += lanes<F>)
            store(charge + c, fma(factor, load<F>(row + c), load<F>(charge + c)));
    }
    for (int64_t c = 0; c < far.padded; ++c) charge[c] *= far.share[c];
}

}  // namespace gfm_ra
