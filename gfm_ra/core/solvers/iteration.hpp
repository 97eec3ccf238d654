// The iterations of WMMSE, whatever stands side by side in the lanes of a vector.
//
// A layout says that. It offers
//     forward(each)    interference plus noise of every link, handed to each(element)
//     backward(each)   least_divisor + sum over j != k of g_jk push_j of every link k, handed to each(element)
//     measure(each)    as forward, where no backward follows
//     add_benefit(..)  add the weighted benefit of an element to `sums`
//     sum_up(utility)  the benefits that each element added to `sums`, summed over links
// and holds the state, whose arrays `element.at` indexes.
#pragma once

#include <cfloat>
#include <limits>

#include "solvers/goals.hpp"
#include "solvers/links.hpp"

namespace gfm_ra {

// Sums over links run in this many parts, link k in part k mod 16, whatever the vectors' width; then in halves.
constexpr int parts = 16;
struct State {
    float *stored, *power, *push, *pull;     // one number per link and lane
    float *step, *direction, *best;          // the same, for goals other than the sum rate
    float *exponent, *best_exponent;         // under strong fairness: of the losses at the present and the best powers
    float *sums;                             // [parts, lanes]
    bool strong;                             // whether losses are compared link by link, and `utility` means nothing
};

// A vector of links' numbers as a product hands it on.
template <class F> struct Element {
    int64_t at;        // where its numbers lie in the state's arrays
    F direct, weight;  // direct gain and weight
    F sum;             // what the product gave
};

// Which lanes still move under a tolerance, and by how much they moved in this iteration. A lane is a start: an element
// of several vectors of the same lanes (of several links) is treated vector by vector.
template <class F> struct Watch {
    Integers<F> moving;
    F change;

    void begin() {
        change = all<F>(0.0f);
        moving = change >= 0.0f;
    }
    GFM_RA_INLINE F where_moving(F value, F before) const { return select(moving, value, before); }
    template <int count>
    GFM_RA_INLINE Pack<F, count> where_moving(Pack<F, count> value, Pack<F, count> before) const {
        for (int i = 0; i < count; ++i) value.at[i] = where_moving(value.at[i], before.at[i]);
        return value;
    }
    GFM_RA_INLINE void note(F moved) { change = larger(change, moved); }
    template <int count> GFM_RA_INLINE void note(Pack<F, count> moved) {
        for (int i = 0; i < count; ++i) note(moved.at[i]);
    }
    // Lanes that moved by less than the tolerance have settled; returns whether any lane still moves.
    bool go_on(float tolerance) {
        moving = moving & (change >= tolerance);
        change = all<F>(0.0f);
        return any(moving);
    }
};

// Put an amplitude and its power in place. Under a tolerance a start that has settled stays where it is.
template <bool watched, class Layout, class F>
GFM_RA_INLINE void move(Layout& layout, const Element<F>& element, F stored) {
    F power = power_of(stored);
    if constexpr (watched) {
        const F before = load<F>(layout.state.power + element.at);
        stored = layout.watch.where_moving(stored, load<F>(layout.state.stored + element.at));
        power = layout.watch.where_moving(power, before);
        layout.watch.note(absolute(power - before));
    }
    store(layout.state.stored + element.at, stored);
    store(layout.state.power + element.at, power);
}

// Iterate for a weighted sum of rates, whose utility never falls; the powers end in `state.power`.
template <bool watched, class Layout>
void iterate_sum_rate(Layout& layout, int64_t iterations, float tolerance) {
    State& state = layout.state;
    layout.watch.begin();
    for (int64_t iteration = 0; iteration < iterations; ++iteration) {
        layout.forward([&](const auto& element) GFM_RA_LAMBDA {
            using F = decltype(element.sum);
            const F signal = element.direct * load<F>(state.power + element.at), total = signal + element.sum;
            const auto response = respond(element.direct, signal, total, element.weight / (element.sum * total));
            store(state.push + element.at, response.push);
            store(state.pull + element.at, response.pull);
        });
        layout.backward([&](const auto& element) GFM_RA_LAMBDA {
            using F = decltype(element.sum);
            const F divisor = fma(element.direct, load<F>(state.push + element.at), element.sum);
            const F pull = load<F>(state.pull + element.at);
            move<watched, Layout, F>(layout, element, advance(load<F>(state.stored + element.at), pull, divisor));
        });
        if (watched && !layout.watch.go_on(tolerance)) break;
    }
}

// Utility of the powers that sum-rate iterations ended at, which are the best they met; [lanes] into `utility`.
template <class Layout> void weigh_sum_rate(Layout& layout, float* utility) {
    State& state = layout.state;
    layout.clear_sums();
    layout.measure([&](const auto& element) GFM_RA_LAMBDA {
        using F = decltype(element.sum);
        const F signal = element.direct * load<F>(state.power + element.at);
        layout.add_benefit(element, log2_of_one_plus(signal / element.sum));
    });
    layout.sum_up(utility);
}

// The comparison under strong fairness: a link loses 2 to the power of its exponent, (1 - alpha) log2 of its rate. What
// a link loses either way is left out, and the rest is counted in units of the largest loss that differs: a link without
// a rate, at 1e6^(alpha - 1), would hide all others in any format.

// The exponent of that unit, so far below it, with one more link taken in.
template <class F> GFM_RA_INLINE F unit_with(F unit, F weight, F before, F now) {
    const F differing = select(before > now, before, select(now > before, now, unit));
    return select(weight > 0.0f, larger(unit, differing), unit);
}

// By how much less a link loses now than before.
template <class F> GFM_RA_INLINE F saved(F unit, F before, F now) {
    const F zero = all<F>(0.0f);
    return exp2_of(smaller(before - unit, zero)) - exp2_of(smaller(now - unit, zero));
}

// Pushes and pulls under the goal's slopes at the present powers, whose utility is added up on the way.
template <Kind kind, bool strong, class Layout> auto weigh(Layout& layout, Parameters goal) {
    State& state = layout.state;
    return [&layout, &state, goal](const auto& element) GFM_RA_LAMBDA {
        using F = decltype(element.sum);
        const F signal = element.direct * load<F>(state.power + element.at), total = signal + element.sum;
        const F inverse = 1.0f / (element.sum * total);  // one division for the rate and for the share
        const F rate = log2_of_one_plus(signal * (total * inverse));
        const auto judged = judge<kind, strong>(rate, goal);
        const auto response = respond(element.direct, signal, total, inverse * (element.weight * judged.slope));
        store(state.push + element.at, response.push);
        store(state.pull + element.at, response.pull);
        if constexpr (strong) store(state.exponent + element.at, judged.exponent);
        else layout.add_benefit(element, judged.benefit);
    };
}

// Iterate for any goal with damped steps; the best powers met end in `state.best`, their utility in `utility` or, under
// strong fairness, the exponents of their losses in `state.best_exponent`.
template <Kind kind, bool strong, bool watched, class Layout>
void iterate_damped(Layout& layout, int64_t iterations, float tolerance, Parameters goal, float* utility) {
    State& state = layout.state;
    layout.watch.begin();
    state.strong = strong;
    layout.fill(state.step, 1.0f);
    layout.fill(state.direction, 0.0f);
    layout.begin_best(utility);
    for (int64_t iteration = 0;; ++iteration) {
        layout.clear_sums();
        if (iteration >= iterations) {
            layout.measure(weigh<kind, strong>(layout, goal));
            layout.keep_best(utility);
            break;
        }
        layout.forward(weigh<kind, strong>(layout, goal));
        layout.keep_best(utility);
        layout.backward([&](const auto& element) GFM_RA_LAMBDA {
            using F = decltype(element.sum);
            const F divisor = fma(element.direct, load<F>(state.push + element.at), element.sum);
            const F stored = load<F>(state.stored + element.at), pull = load<F>(state.pull + element.at);
            const auto damped = damp(stored, advance(stored, pull, divisor), load<F>(state.step + element.at),
                                     load<F>(state.direction + element.at));
            store(state.step + element.at, damped.step);
            store(state.direction + element.at, damped.direction);
            move<watched, Layout, F>(layout, element, damped.stored);
        });
        if (watched && !layout.watch.go_on(tolerance)) iterations = iteration + 1;
    }
}

}  // namespace gfm_ra
