// One start of a sparse network: links stand side by side, sums run over the listed neighbours alone.
//
// Sums have the terms of LinksAsLanes in the same order, without those that are zero: powers are the same to the bit.
#pragma once

#include "solvers/links_as_lanes.hpp"
#include "sparse/rows.hpp"

namespace gfm_ra {

template <class F> struct SparseLinksAsLanes : LinksAsLanes<F> {
    using Base = LinksAsLanes<F>;
    using Base::links, Base::stride, Base::direct, Base::weight, Base::sum, Base::state;

    Rows by_receiver, by_transmitter;
    FarField far;
    float *mean, *charge;  // [padded]: of the far field, of this iteration

    void place(Workspace& memory, int64_t count, int64_t cells) {
        links = count;
        stride = (count + lanes<F> - 1) / lanes<F> * lanes<F>;
        for (float** array : {&direct, &weight, &sum, &state.stored, &state.power, &state.push, &state.pull, &state.step,
                              &state.direction, &state.best, &state.exponent, &state.best_exponent})
            *array = memory.array(stride);
        state.sums = memory.array(parts);
        for (float** array : {&mean, &charge}) *array = memory.array(cells);
    }

    // Own gains in the kernels' unit and weights, [K].
    void read(const float* own, const float* weights) {
        for (int64_t k = 0; k < stride; ++k) {
            direct[k] = k < links ? own[k] : 0.0f;
            weight[k] = k < links ? weights[k] : 0.0f;
        }
    }

    template <class Each> GFM_RA_INLINE void hand_on(const Each& each) {
        int64_t at = 0;
        for (; at + 2 * lanes<F> <= stride; at += 2 * lanes<F>) each(Base::template element<Pack<F, 2>>(at));
        if (at < stride) each(Base::template element<F>(at));
    }
    template <class Each> GFM_RA_INLINE void forward(const Each& each) {
        if (far.padded > 0) {
            mean_by_cell(far, links, state.power, mean);
            for (int64_t k = 0; k < links; ++k) sum[k] = noise + far_sum<F>(far, k, mean);
        } else {
            for (int64_t k = 0; k < links; ++k) sum[k] = noise;
        }
        for (int64_t k = 0; k < links; ++k) sum[k] = row_sum(by_receiver, k, state.power, sum[k]);
        for (int64_t k = links; k < stride; ++k) sum[k] = noise;
        hand_on(each);
    }
    template <class Each> GFM_RA_INLINE void measure(const Each& each) { forward(each); }
    template <class Each> GFM_RA_INLINE void backward(const Each& each) {
        if (far.padded > 0) charge_by_cell<F>(far, links, state.push, charge);
        for (int64_t k = 0; k < links; ++k) {
            const float initial = far.padded > 0 ? least_divisor + charge[far.cell[k]] : least_divisor;
            sum[k] = row_sum(by_transmitter, k, state.push, initial);
        }
        for (int64_t k = links; k < stride; ++k) sum[k] = least_divisor;
        hand_on(each);
    }
};

}  // namespace gfm_ra
