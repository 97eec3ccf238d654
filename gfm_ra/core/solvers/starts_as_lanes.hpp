// Many starts of one snapshot: the starts stand side by side, numbers of the snapshot are spread over the lanes.
//
// The products are matrix products of the gains [K, K] with the powers [K, starts]. A tile of rows x vectors of sums
// stays in registers. It must hold at least latency x units sums (4 x 2 on most processors) and leave room for the
// vectors it multiplies: 5 x 2 suits 16 registers, and every scenario's K is a multiple of 5; a tile one vector wide
// takes 10 rows.
#pragma once

#include "common/products.hpp"
#include "common/workspace.hpp"
#include "solvers/independent_lanes.hpp"
#include "solvers/starts.hpp"

namespace gfm_ra {

template <class F, int groups> struct StartsAsLanes : IndependentLanes<Pack<F, groups>> {
    using Starts = Pack<F, groups>;
    using Base = IndependentLanes<Starts>;
    using Base::width, Base::links, Base::state;
    static constexpr int rows_per_tile = groups == 1 ? 10 : 5;

    float *gain, *direct, *weight;  // [K, K] with a zero diagonal, [K], [K]
    Watch<Starts> watch;

    // Take memory; `gain`, `direct` and `weight` are shared by all tiles of a snapshot.
    void place(Workspace& memory, int64_t count) {
        links = count;
        for (float** array : {&state.stored, &state.power, &state.push, &state.pull, &state.step, &state.direction,
                              &state.best, &state.exponent, &state.best_exponent})
            *array = memory.array(links * width);
        state.sums = memory.array(parts * width);
    }

    // Set the powers of starts `first` onwards.
    void begin(const Draw& draw, int64_t first) {
        uint64_t keys[width];
        for (int64_t lane = 0; lane < width; ++lane) keys[lane] = draw.key(first + lane);
        for (int64_t link = 0; link < links; ++link) {
            float* power = state.power + link * width;
            for (int64_t lane = 0; lane < width; ++lane) power[lane] = draw(first + lane, keys[lane], link);
            store(state.stored + link * width, stored_of(load<Starts>(power)));
        }
    }

    // Numbers of one link, or of two, for all starts.
    template <class V> static GFM_RA_INLINE V of_links(const float* from) {
        if constexpr (lanes<V> == width) return all<Starts>(from[0]);
        else return V{{all<Starts>(from[0]), all<Starts>(from[1])}};
    }

    template <class Each> GFM_RA_INLINE void product(Matrix matrix, const float* right, float initial, const Each& each) {
        multiply<F, rows_per_tile, groups>(
            matrix, links, right, links, initial, [&](int64_t link, auto sum) GFM_RA_LAMBDA {
                using V = decltype(sum);
                each(Element<V>{link * width, of_links<V>(direct + link), of_links<V>(weight + link), sum});
            });
    }
    template <class Each> GFM_RA_INLINE void forward(const Each& each) {
        product({gain, links, 1}, state.power, noise, each);
    }
    template <class Each> GFM_RA_INLINE void measure(const Each& each) { forward(each); }
    template <class Each> GFM_RA_INLINE void backward(const Each& each) {
        product({gain, 1, links}, state.push, least_divisor, each);
    }

    void keep_best(float* utility) const {
        Base::keep_best(utility, [&](int64_t link) GFM_RA_LAMBDA { return all<Starts>(weight[link]); });
    }

    GFM_RA_INLINE void add_benefit(const Element<Starts>& element, Starts benefit) const {
        float* sum = state.sums + element.at % (parts * width);
        store(sum, fma(element.weight, benefit, load<Starts>(sum)));
    }
    GFM_RA_INLINE void add_benefit(const Element<Pack<Starts, 2>>& element, Pack<Starts, 2> benefit) const {
        for (int i = 0; i < 2; ++i)
            add_benefit(Element<Starts>{element.at + i * width, {}, element.weight.at[i], {}}, benefit.at[i]);
    }
};

}  // namespace gfm_ra
