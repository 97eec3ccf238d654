// What tiles whose lanes are problems of their own (starts, snapshots) have in common: utilities and best powers by lane.
#pragma once

#include <cfloat>
#include <cstring>
#include <limits>

#include "solvers/iteration.hpp"

namespace gfm_ra {

// `V` holds one number for every lane.
template <class V> struct IndependentLanes {
    static constexpr int64_t width = lanes<V>;

    int64_t links;
    State state;  // [K, lanes]

    void fill(float* array, float value) const {
        for (int64_t at = 0; at < links * width; ++at) array[at] = value;
    }
    void clear_sums() const { std::memset(state.sums, 0, parts * width * sizeof(float)); }

    // Utility of every lane; the parts are used up.
    void sum_up(float* utility) const {
        for (int half = parts / 2; half > 0; half /= 2)
            for (float* sum = state.sums; sum < state.sums + half * width; sum += width)
                store(sum, load<V>(sum) + load<V>(sum + half * width));
        std::memcpy(utility, state.sums, width * sizeof(float));
    }

    void begin_best(float* utility) const {
        for (int64_t lane = 0; lane < width; ++lane) utility[lane] = -std::numeric_limits<float>::infinity();
        std::memcpy(state.best, state.power, links * width * sizeof(float));
        if (state.strong) fill(state.best_exponent, FLT_MAX);
    }

    // Where a lane's utility improved, its powers become its best; weight_of(link) is a vector of lanes.
    template <class WeightOf> GFM_RA_INLINE void keep_best(float* utility, const WeightOf& weight_of) const {
        if (state.strong) add_saved(weight_of);
        float now[width];
        sum_up(now);
        const auto improved = load<V>(now) > (state.strong ? all<V>(0.0f) : load<V>(utility));
        if (!any(improved)) return;
        store(utility, select(improved, load<V>(now), load<V>(utility)));
        for (int64_t at = 0; at < links * width; at += width)
            store(state.best + at, select(improved, load<V>(state.power + at), load<V>(state.best + at)));
        if (!state.strong) return;
        for (int64_t at = 0; at < links * width; at += width)
            store(state.best_exponent + at,
                  select(improved, load<V>(state.exponent + at), load<V>(state.best_exponent + at)));
    }

  private:
    // Add to `sums` by how much less the links lose than at the best powers met.
    template <class WeightOf> GFM_RA_INLINE void add_saved(const WeightOf& weight_of) const {
        V unit = all<V>(-FLT_MAX);
        for (int64_t link = 0; link < links; ++link)
            unit = unit_with(unit, weight_of(link), load<V>(state.best_exponent + link * width),
                             load<V>(state.exponent + link * width));
        for (int64_t link = 0; link < links; ++link) {
            const V less = saved(unit, load<V>(state.best_exponent + link * width),
                                 load<V>(state.exponent + link * width));
            float* sum = state.sums + link % parts * width;
            store(sum, fma(weight_of(link), less, load<V>(sum)));
        }
    }
};

}  // namespace gfm_ra
