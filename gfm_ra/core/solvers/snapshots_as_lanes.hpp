// One start of each of many snapshots: the snapshots stand side by side, each lane has gains of its own.
//
// The gains of a vector of snapshots are larger than the first-level cache. They are read once per iteration: a block of
// rows gives the interference of its links, these push, and the same rows, still close by, add that to the divisors.
#pragma once

#include "common/transpose.hpp"
#include "common/workspace.hpp"
#include "solvers/independent_lanes.hpp"
#include "solvers/starts.hpp"

namespace gfm_ra {

template <class F> struct SnapshotsAsLanes : IndependentLanes<F> {
    using Base = IndependentLanes<F>;
    using Base::width, Base::links, Base::state, Base::fill;
    static constexpr int rows_per_block = lanes<F> == 16 ? 4 : 8;  // even: links go in pairs, which `parts` keeps together
    // Beyond this the gains of a vector of snapshots leave the second-level cache.
    static constexpr int64_t most_bytes = 1 << 20;

    float* gain;               // [K, K, snapshots] with a zero diagonal
    float *direct, *weight;    // [K, snapshots]
    float* divisor;            // [K, snapshots]
    Watch<F> watch;

    static bool fits(int64_t links) { return links * links * width <= most_bytes / int64_t{sizeof(float)}; }

    void place(Workspace& memory, int64_t count) {
        links = count;
        gain = memory.array(links * links * width);
        for (float** array : {&direct, &weight, &divisor, &state.stored, &state.power, &state.push, &state.pull,
                              &state.step, &state.direction, &state.best, &state.exponent, &state.best_exponent})
            *array = memory.array(links * width);
        state.sums = memory.array(parts * width);
    }

    // Copy `count` snapshots [count, K, K] from `gains` on; the last one fills what is left of the lanes.
    void read(const float* gains, int64_t count) {
        const int64_t size = links * links;
        for (int64_t first = 0; first < size; first += width) {
            F block[width];
            for (int64_t lane = 0; lane < width; ++lane) {
                const float* from = gains + (lane < count ? lane : count - 1) * size + first;
                if (first + width <= size) {
                    block[lane] = load<F>(from);
                } else {
                    float rest[width] = {};
                    std::memcpy(rest, from, (size - first) * sizeof(float));
                    block[lane] = load<F>(rest);
                }
            }
            transpose(block);
            for (int64_t i = 0; i < width && first + i < size; ++i)
                store(gain + (first + i) * width, own_unit(block[i]));
        }
        for (int64_t link = 0; link < links; ++link) {
            float* own = gain + link * (links + 1) * width;
            std::memcpy(direct + link * width, own, width * sizeof(float));
            std::memset(own, 0, width * sizeof(float));
        }
    }

    void set_weights(int64_t lane, const float* weights) const {
        for (int64_t link = 0; link < links; ++link) weight[link * width + lane] = weights[link];
    }

    // Set the starting powers of one lane.
    void begin(const Draw& draw, int64_t lane) const {
        for (int64_t link = 0; link < links; ++link) state.power[link * width + lane] = draw(0, 0, link);
    }
    void store_powers() const {
        for (int64_t at = 0; at < links * width; at += width)
            store(state.stored + at, stored_of(load<F>(state.power + at)));
    }

    template <class V> GFM_RA_INLINE Element<V> element(int64_t link, V sum) const {
        const int64_t at = link * width;
        return {at, load<V>(direct + at), load<V>(weight + at), sum};
    }

    // Interference of `rows` links from `first` on, and, if a backward follows, what they add to the divisors.
    template <int rows, bool with_divisors, class Each> GFM_RA_INLINE void block(int64_t first, const Each& each) {
        const float* matrix = gain + first * links * width;
        F sum[rows];
        for (int row = 0; row < rows; ++row) sum[row] = all<F>(noise);
        for (int64_t at = 0; at < links * width; at += width) {
            const F power = load<F>(state.power + at);
            for (int row = 0; row < rows; ++row)
                sum[row] = fma(load<F>(matrix + row * links * width + at), power, sum[row]);
        }
        for (int row = 0; row + 2 <= rows; row += 2)
            each(element(first + row, Pack<F, 2>{{sum[row], sum[row + 1]}}));
        if (rows % 2 == 1) each(element(first + rows - 1, sum[rows - 1]));
        if constexpr (with_divisors) {
            F push[rows];
            for (int row = 0; row < rows; ++row) push[row] = load<F>(state.push + (first + row) * width);
            for (int64_t at = 0; at < links * width; at += width) {
                F total = load<F>(divisor + at);
                for (int row = 0; row < rows; ++row)
                    total = fma(load<F>(matrix + row * links * width + at), push[row], total);
                store(divisor + at, total);
            }
        }
    }
    template <bool with_divisors, class Each> GFM_RA_INLINE void product(const Each& each) {
        int64_t first = 0;
        for (; first + rows_per_block <= links; first += rows_per_block)
            block<rows_per_block, with_divisors>(first, each);
        for (; first + 2 <= links; first += 2) block<2, with_divisors>(first, each);
        if (first < links) block<1, with_divisors>(first, each);
    }
    template <class Each> GFM_RA_INLINE void forward(const Each& each) {
        fill(divisor, least_divisor);
        product<true>(each);
    }
    template <class Each> GFM_RA_INLINE void measure(const Each& each) { product<false>(each); }
    template <class Each> GFM_RA_INLINE void backward(const Each& each) {
        int64_t link = 0;
        for (; link + 2 <= links; link += 2) each(element(link, load<Pack<F, 2>>(divisor + link * width)));
        if (link < links) each(element(link, load<F>(divisor + link * width)));
    }

    void keep_best(float* utility) const {
        Base::keep_best(utility, [&](int64_t link) GFM_RA_LAMBDA { return load<F>(weight + link * width); });
    }

    template <class V> GFM_RA_INLINE void add_benefit(const Element<V>& element, V benefit) const {
        float* sum = state.sums + element.at % (parts * width);
        store(sum, fma(element.weight, benefit, load<V>(sum)));
    }
};

}  // namespace gfm_ra
