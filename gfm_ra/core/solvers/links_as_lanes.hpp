// One start of one snapshot: its links stand side by side.
//
// Both products are sums of rows, so the gains are kept twice, as they are and transposed, in the first-level cache
// where they fit. Latency bounds the small products.
#pragma once

#include <cfloat>

#include "common/products.hpp"
#include "common/workspace.hpp"
#include "solvers/iteration.hpp"
#include "solvers/starts.hpp"

namespace gfm_ra {

// By how much a lone start moved: it stops as a whole.
template <class F> struct WatchOfOne {
    F change;

    void begin() { change = all<F>(0.0f); }
    template <class V> GFM_RA_INLINE V where_moving(V value, V) const { return value; }
    GFM_RA_INLINE void note(F moved) { change = larger(change, moved); }
    GFM_RA_INLINE void note(Pack<F, 2> moved) { note(larger(moved.at[0], moved.at[1])); }
    bool go_on(float tolerance) {
        const bool moving = any(change >= tolerance);
        begin();
        return moving;
    }
};

template <class F> struct LinksAsLanes {
    int64_t links, stride;        // stride: links rounded up to whole vectors; what is beyond them is silent
    float *natural, *transposed;  // [K, stride] with a zero diagonal
    float *direct, *weight, *sum;  // [stride]; sum: of the last product
    State state;                  // [stride]
    WatchOfOne<F> watch;

    void place(Workspace& memory, int64_t count) {
        links = count;
        stride = (count + lanes<F> - 1) / lanes<F> * lanes<F>;
        natural = memory.array(links * stride);
        transposed = memory.array(links * stride);
        for (float** array : {&direct, &weight, &sum, &state.stored, &state.power, &state.push, &state.pull, &state.step,
                              &state.direction, &state.best, &state.exponent, &state.best_exponent})
            *array = memory.array(stride);
        state.sums = memory.array(parts);
    }

    // Copy one snapshot [K, K] and its weights [K].
    void read(const float* gain, const float* weights) {
        for (int64_t k = 0; k < links; ++k) {
            for (int64_t j = 0; j < stride; ++j) {
                const float value = j < links && j != k ? gain[k * links + j] * noise : 0.0f;
                natural[k * stride + j] = value > least_gain ? value : 0.0f;
            }
            for (int64_t j = links; j < stride; ++j) transposed[k * stride + j] = 0.0f;
            for (int64_t j = 0; j < links; ++j) transposed[j * stride + k] = natural[k * stride + j];
        }
        for (int64_t k = 0; k < stride; ++k) {
            const float value = k < links ? gain[k * links + k] * noise : 0.0f;
            direct[k] = value > least_gain ? value : 0.0f;
            weight[k] = k < links ? weights[k] : 0.0f;
        }
    }

    void begin(const Draw& draw, int64_t start) {
        const uint64_t key = draw.key(start);
        for (int64_t link = 0; link < stride; ++link) state.power[link] = link < links ? draw(start, key, link) : 0.0f;
        for (int64_t at = 0; at < stride; at += lanes<F>)
            store(state.stored + at, stored_of(load<F>(state.power + at)));
    }

    template <class V> GFM_RA_INLINE Element<V> element(int64_t at) const {
        return {at, load<V>(direct + at), load<V>(weight + at), load<V>(sum + at)};
    }
    template <class Each>
    GFM_RA_INLINE void product(const float* left, const float* matrix, float initial, const Each& each) {
        multiply_columns<F>(left, matrix, stride, links, initial, sum);
        int64_t at = 0;
        for (; at + 2 * lanes<F> <= stride; at += 2 * lanes<F>) each(element<Pack<F, 2>>(at));
        if (at < stride) each(element<F>(at));
    }
    template <class Each> GFM_RA_INLINE void forward(const Each& each) {
        product(state.power, transposed, noise, each);
    }
    template <class Each> GFM_RA_INLINE void measure(const Each& each) { forward(each); }
    template <class Each> GFM_RA_INLINE void backward(const Each& each) {
        product(state.push, natural, least_divisor, each);
    }

    void fill(float* array, float value) const {
        for (int64_t at = 0; at < stride; ++at) array[at] = value;
    }
    void clear_sums() const { std::memset(state.sums, 0, parts * sizeof(float)); }

    GFM_RA_INLINE void add_benefit(const Element<F>& element, F benefit) const {
        float* sum = state.sums + element.at % parts;
        store(sum, fma(element.weight, benefit, load<F>(sum)));
    }
    GFM_RA_INLINE void add_benefit(const Element<Pack<F, 2>>& element, Pack<F, 2> benefit) const {
        for (int i = 0; i < 2; ++i)
            add_benefit(Element<F>{element.at + i * lanes<F>, element.direct.at[i], element.weight.at[i], F{}},
                        benefit.at[i]);
    }

    void sum_up(float* utility) const {
        for (int half = parts / 2; half > 0; half /= 2)
            for (int part = 0; part < half; ++part) state.sums[part] += state.sums[half + part];
        *utility = state.sums[0];
    }

    void begin_best(float* utility) const {
        *utility = -std::numeric_limits<float>::infinity();
        std::memcpy(state.best, state.power, stride * sizeof(float));
        if (state.strong) fill(state.best_exponent, FLT_MAX);
    }
    void keep_best(float* utility) const {
        if (state.strong) add_saved();
        float now;
        sum_up(&now);
        if (!(now > (state.strong ? 0.0f : *utility))) return;
        *utility = now;
        std::memcpy(state.best, state.power, stride * sizeof(float));
        if (state.strong) std::memcpy(state.best_exponent, state.exponent, stride * sizeof(float));
    }

  private:
    // Add to `sums` by how much less the links lose than at the best powers met.
    void add_saved() const {
        F units = all<F>(-FLT_MAX);
        for (int64_t at = 0; at < stride; at += lanes<F>)
            units = unit_with(units, load<F>(weight + at), load<F>(state.best_exponent + at),
                              load<F>(state.exponent + at));
        float unit = -FLT_MAX;
        for (int lane = 0; lane < lanes<F>; ++lane) unit = units[lane] > unit ? units[lane] : unit;
        for (int64_t at = 0; at < stride; at += lanes<F>) {
            const F less = saved(all<F>(unit), load<F>(state.best_exponent + at), load<F>(state.exponent + at));
            add_benefit(Element<F>{at, F{}, load<F>(weight + at), F{}}, less);
        }
    }
};

}  // namespace gfm_ra
