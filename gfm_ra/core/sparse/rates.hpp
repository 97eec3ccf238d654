// Rates of powers in a sparse network, in double precision: what finished answers are compared by.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "efforts/merit.hpp"

namespace gfm_ra {

// What `gfm_ra/solvers/sparse_binding.py` passes on; linear gains in units of noise, of either precision.
struct SparseRates {
    const void *own, *gain;   // [K], [E]
    const int64_t* start;     // [K + 1]
    const int32_t* other;     // [E]
    const float* far;         // [K, padded], or null
    const int32_t* cell;      // [K]
    const float* share;       // [padded]
    int64_t links, padded, is_double;
};

// Rates [K] in bit/s/Hz of powers [K]; false where memory is missing.
template <class Gain> bool sparse_rates(const SparseRates& task, const float* power, double* rate) {
    const Gain *own = static_cast<const Gain*>(task.own), *gain = static_cast<const Gain*>(task.gain);
    double* mean = static_cast<double*>(std::calloc(task.padded + 1, sizeof(double)));
    if (mean == nullptr) return false;
    if (task.padded > 0)
        for (int64_t k = 0; k < task.links; ++k)
            mean[task.cell[k]] += static_cast<double>(power[k]) * static_cast<double>(task.share[task.cell[k]]);
    for (int64_t k = 0; k < task.links; ++k) {
        // Four sums side by side: one alone would wait for itself.
        double part[4] = {1.0, 0.0, 0.0, 0.0};
        for (int64_t c = 0; c < task.padded; ++c)
            part[c % 4] += static_cast<double>(task.far[k * task.padded + c]) * mean[c];
        for (int64_t entry = task.start[k]; entry < task.start[k + 1]; ++entry)
            part[entry % 4] += static_cast<double>(gain[entry]) * static_cast<double>(power[task.other[entry]]);
        const double sum = (part[0] + part[1]) + (part[2] + part[3]);
        rate[k] = std::log1p(static_cast<double>(own[k]) * static_cast<double>(power[k]) / sum) * bits_per_neper;
    }
    std::free(mean);
    return true;
}

}  // namespace gfm_ra
