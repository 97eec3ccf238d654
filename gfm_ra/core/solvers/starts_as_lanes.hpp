// Many starts of one snapshot: the starts stand side by side, numbers of the snapshot are spread over the lanes.
//
// The products are matrix products of the gains [K, K] with the powers [K, starts]. A tile of rows x vectors of sums
// stays in registers. It must hold at least latency x units sums (4 x 2 on most processors) and leave room for the
// vectors it multiplies: 5 x 2 suits 16 registers, and every scenario's K is a multiple of 5; a tile one vector wide
// takes 10 rows.
#pragma once

#include "common/products.hpp"
#include "common/workspace.hpp"
#include "solvers/iteration.hpp"
#include "solvers/starts.hpp"

namespace gfm_ra {

template <class F, int groups> struct StartsAsLanes {
    using Starts = Pack<F, groups>;
    static constexpr int rows_per_tile = groups == 1 ? 10 : 5;
    static constexpr int64_t width = groups * lanes<F>;  // starts

    int64_t links;
    float *gain, *direct, *weight;  // [K, K] with a zero diagonal, [K], [K]
    State state;                    // [K, starts]
    Watch<Starts> watch;

    // Take memory; `gain`, `direct` and `weight` are shared by all tiles of a snapshot.
    void place(Workspace& memory, int64_t count) {
        links = count;
        for (float** array : {&state.stored, &state.power, &state.push, &state.pull, &state.step, &state.direction,
                              &state.best})
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

    void fill(float* array, float value) const {
        for (int64_t at = 0; at < links * width; ++at) array[at] = value;
    }
    void clear_sums() const { std::memset(state.sums, 0, parts * width * sizeof(float)); }

    GFM_RA_INLINE void add_benefit(const Element<Starts>& element, Starts benefit) const {
        float* sum = state.sums + element.at % (parts * width);
        store(sum, fma(element.weight, benefit, load<Starts>(sum)));
    }
    GFM_RA_INLINE void add_benefit(const Element<Pack<Starts, 2>>& element, Pack<Starts, 2> benefit) const {
        for (int i = 0; i < 2; ++i)
            add_benefit(Element<Starts>{element.at + i * width, {}, element.weight.at[i], {}}, benefit.at[i]);
    }

    // Utility of every lane; the parts are used up.
    void sum_up(float* utility) const {
        for (int half = parts / 2; half > 0; half /= 2)
            for (float* sum = state.sums; sum < state.sums + half * width; sum += width)
                store(sum, load<Starts>(sum) + load<Starts>(sum + half * width));
        std::memcpy(utility, state.sums, width * sizeof(float));
    }

    void begin_best(float* utility) const {
        for (int64_t lane = 0; lane < width; ++lane) utility[lane] = -std::numeric_limits<float>::infinity();
        std::memcpy(state.best, state.power, links * width * sizeof(float));
    }

    // Where a lane's utility improved, its powers become its best.
    void keep_best(float* utility) const {
        float now[width];
        sum_up(now);
        const auto improved = load<Starts>(now) > load<Starts>(utility);
        if (!any(improved)) return;
        store(utility, select(improved, load<Starts>(now), load<Starts>(utility)));
        for (int64_t at = 0; at < links * width; at += width)
            store(state.best + at, select(improved, load<Starts>(state.power + at), load<Starts>(state.best + at)));
    }
};

}  // namespace gfm_ra
