// What is to be solved where there are bands: gains, limits of powers and a goal, of several networks.
#pragma once

#include "solvers/goals.hpp"
#include "solvers/starts.hpp"

namespace gfm_ra {

// What `gfm_ra/solvers/bands/binding.py` passes on. B networks, F bands, K links, G groups, S given starts, N starts.
struct BandsTask {
    const float* gain;         // [B, F, K, K] in units of noise, row = receiver
    const float* weights;      // [B, K], or [1, K] for all
    const float* total;        // [B, K]: largest sum of a link's powers over bands
    const float* per_band;     // [B, F, K]: largest power in each band
    const float* group_total;  // [B, G]: largest sum over a group's links and bands
    const int32_t* group;      // [K]: the number of each link's group; -1 for none
    const int32_t* sharing;    // [K]: of links with one number at most one has power in each band; -1 for none
    const float* given;        // [B, S, F, K]: the first starts; null where S is 0
    float* power;              // [B, N, F, K]
    double* rate;              // [B, N, K]: sums over bands, bit/s/Hz
    int64_t links, bands, groups, shared;  // shared: how many numbers `sharing` has
    int64_t weight_rows, given_starts, starts, iterations;
    uint64_t first_index, seed;
    Kind kind;
    Parameters goal;

    int64_t entries() const { return bands * links; }
    const float* weights_of(int64_t index) const { return weights + (weight_rows > 1 ? index : 0) * links; }
};

// A link's group, or its number of sharing, in the order of links: the links of each number and how many have it.
struct Members {
    const int32_t* number;  // [K]
    int64_t links;

    template <class Each> void of(int64_t wanted, const Each& each) const {
        for (int64_t k = 0; k < links; ++k)
            if (number[k] == wanted) each(k);
    }
};

}  // namespace gfm_ra
