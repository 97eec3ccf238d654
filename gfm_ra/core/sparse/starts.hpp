// Many starts of a sparse network: the starts stand side by side, so that a listed gain is read once for all of them.
#pragma once

#include "common/workspace.hpp"
#include "solvers/independent_lanes.hpp"
#include "sparse/rows.hpp"

namespace gfm_ra {

template <class F, int groups> struct SparseStartsAsLanes : IndependentLanes<Pack<F, groups>> {
    using Starts = Pack<F, groups>;
    using Base = IndependentLanes<Starts>;
    using Base::width, Base::links, Base::state;

    Rows by_receiver, by_transmitter;
    FarField far;
    const float *direct, *weight;  // [K]
    float* by_cell;                // [padded, starts]: means or charges of the far field, of this iteration
    Watch<Starts> watch;

    void place(Workspace& memory, int64_t count, int64_t cells) {
        links = count;
        for (float** array : {&state.stored, &state.power, &state.push, &state.pull, &state.step, &state.direction,
                              &state.best, &state.exponent, &state.best_exponent})
            *array = memory.array(links * width);
        state.sums = memory.array(parts * width);
        by_cell = memory.array(cells * width);
    }

    // Set the powers of all lanes: power_of(lane, link).
    template <class PowerOf> void begin(const PowerOf& power_of) {
        for (int64_t link = 0; link < links; ++link) {
            float* power = state.power + link * width;
            for (int64_t lane = 0; lane < width; ++lane) power[lane] = power_of(lane, link);
            store(state.stored + link * width, stored_of(load<Starts>(power)));
        }
    }

    GFM_RA_INLINE Starts row_sums(const Rows& rows, int64_t k, const float* value, Starts initial) const {
        Starts sum = initial;
        for (int64_t entry = rows.start[k]; entry < rows.start[k + 1]; ++entry)
            sum = fma(all<Starts>(rows.gain[entry]), load<Starts>(value + rows.other[entry] * width), sum);
        return sum;
    }

    template <class Each> GFM_RA_INLINE void forward(const Each& each) {
        if (far.padded > 0) mean_powers();
        for (int64_t k = 0; k < links; ++k) {
            const Starts sum = row_sums(by_receiver, k, state.power, all<Starts>(noise) + far_sums(k));
            each(Element<Starts>{k * width, all<Starts>(direct[k]), all<Starts>(weight[k]), sum});
        }
    }
    template <class Each> GFM_RA_INLINE void measure(const Each& each) { forward(each); }
    template <class Each> GFM_RA_INLINE void backward(const Each& each) {
        if (far.padded > 0) charge();
        for (int64_t k = 0; k < links; ++k) {
            Starts initial = all<Starts>(least_divisor);
            if (far.padded > 0) initial = initial + load<Starts>(by_cell + far.cell[k] * width);
            const Starts sum = row_sums(by_transmitter, k, state.push, initial);
            each(Element<Starts>{k * width, all<Starts>(direct[k]), all<Starts>(weight[k]), sum});
        }
    }

    void keep_best(float* utility) const {
        Base::keep_best(utility, [&](int64_t link) GFM_RA_LAMBDA { return all<Starts>(weight[link]); });
    }
    GFM_RA_INLINE void add_benefit(const Element<Starts>& element, Starts benefit) const {
        float* sum = state.sums + element.at % (parts * width);
        store(sum, fma(element.weight, benefit, load<Starts>(sum)));
    }

  private:
    // As `far_sum`, in as many parts.
    GFM_RA_INLINE Starts far_sums(int64_t k) const {
        if (far.padded == 0) return all<Starts>(0.0f);
        Starts part[far_parts];
        for (int at = 0; at < far_parts; ++at) part[at] = all<Starts>(0.0f);
        const float* row = far.gain + k * far.padded;
        for (int64_t first = 0; first < far.padded; first += far_parts)
            for (int at = 0; at < far_parts; ++at)
                part[at] = fma(all<Starts>(row[first + at]), load<Starts>(by_cell + (first + at) * width), part[at]);
        for (int half = far_parts / 2; half > 0; half /= 2)
            for (int at = 0; at < half; ++at) part[at] = part[at] + part[half + at];
        return part[0];
    }

    void clear_cells() const { std::memset(by_cell, 0, far.padded * width * sizeof(float)); }
    void share_cells() const {
        for (int64_t c = 0; c < far.padded; ++c)
            store(by_cell + c * width, load<Starts>(by_cell + c * width) * all<Starts>(far.share[c]));
    }
    void mean_powers() const {
        clear_cells();
        for (int64_t k = 0; k < links; ++k) {
            float* sum = by_cell + far.cell[k] * width;
            store(sum, load<Starts>(sum) + load<Starts>(state.power + k * width));
        }
        share_cells();
    }
    void charge() const {
        clear_cells();
        for (int64_t k = 0; k < links; ++k) {
            const Starts push = load<Starts>(state.push + k * width);
            const float* row = far.gain + k * far.padded;
            for (int64_t c = 0; c < far.padded; ++c)
                store(by_cell + c * width, fma(push, all<Starts>(row[c]), load<Starts>(by_cell + c * width)));
        }
        share_cells();
    }
};

}  // namespace gfm_ra
