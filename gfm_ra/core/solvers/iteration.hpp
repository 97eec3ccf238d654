// The iterations of WMMSE, whatever stands side by side in the lanes of a vector.
//
// A layout says that. It offers
//     forward(each)    interference plus noise of every link, handed to each(element)
//     backward(each)   least_divisor + sum over j != k of g_jk push_j of every link k, handed to each(element)
//     measure(each)    as forward, where no backward follows
//     sum_up(utility)  the benefits that each element added to `sums`, summed over links
// and holds the state, whose arrays `element.at` indexes.
#pragma once

#include <limits>

#include "solvers/goals.hpp"
#include "solvers/links.hpp"

namespace gfm_ra {

// Sums over links run in this many parts, link k in part k mod 16, whatever the vectors' width; then in halves.
constexpr int parts = 16;

struct State {
    float *stored, *power, *push, *pull;     // one number per link and lane
    float *step, *direction, *best;          // the same, for goals other than the sum rate
    float *sums;                             // [parts, lanes]
};

// A vector of links' numbers as a product hands it on.
template <class F> struct Element {
    int64_t at;        // where its numbers lie in the state's arrays
    int64_t part;      // where its benefit is added in `sums`
    int group;         // which vector of lanes: index of `moving` and `change`
    F direct, weight;  // direct gain and weight
    F sum;             // what the product gave
};

// Which lanes still move under a tolerance, and by how much they moved.
template <class F, int groups> struct Watch {
    Integers<F> moving[groups];
    F change[groups];

    void begin() {
        for (int group = 0; group < groups; ++group) {
            moving[group] = Integers<F>{} - 1;
            change[group] = F{};
        }
    }
};

// Put an amplitude and its power in place. Under a tolerance a lane that has settled stays where it is.
template <bool watched, class Layout, class F>
GFM_RA_INLINE void move(Layout& layout, const Element<F>& element, F stored) {
    F power = power_of(stored);
    if constexpr (watched) {
        const Integers<F> moving = layout.watch.moving[element.group];
        const F before = load<F>(layout.state.power + element.at);
        stored = moving ? stored : load<F>(layout.state.stored + element.at);
        power = moving ? power : before;
        F& change = layout.watch.change[element.group];
        change = larger(change, absolute(power - before));
    }
    store(layout.state.stored + element.at, stored);
    store(layout.state.power + element.at, power);
}

// Iterate for a weighted sum of rates, whose utility never falls; the powers end in `state.power`.
template <bool watched, class Layout>
void iterate_sum_rate(Layout& layout, int64_t iterations, float tolerance) {
    using F = typename Layout::Vector;
    State& state = layout.state;
    layout.watch.begin();
    for (int64_t iteration = 0; iteration < iterations; ++iteration) {
        layout.forward([&](const Element<F>& element) GFM_RA_LAMBDA {
            const F signal = element.direct * load<F>(state.power + element.at), total = signal + element.sum;
            const auto response = respond(element.direct, signal, total, element.weight / (element.sum * total));
            store(state.push + element.at, response.push);
            store(state.pull + element.at, response.pull);
        });
        layout.backward([&](const Element<F>& element) GFM_RA_LAMBDA {
            const F divisor = fma(element.direct, load<F>(state.push + element.at), element.sum);
            const F pull = load<F>(state.pull + element.at);
            move<watched>(layout, element, advance(load<F>(state.stored + element.at), pull, divisor));
        });
        if (watched && layout.settled(tolerance)) break;
    }
}

// Utility of the powers that sum-rate iterations ended at, which are the best they met; [lanes] into `utility`.
template <class Layout> void weigh_sum_rate(Layout& layout, float* utility) {
    using F = typename Layout::Vector;
    State& state = layout.state;
    layout.clear_sums();
    layout.measure([&](const Element<F>& element) GFM_RA_LAMBDA {
        const F signal = element.direct * load<F>(state.power + element.at);
        float* sum = state.sums + element.part;
        store(sum, fma(element.weight, log2_of_one_plus(signal / element.sum), load<F>(sum)));
    });
    layout.sum_up(utility);
}

// Pushes and pulls under the goal's slopes at the present powers, whose utility is added up on the way.
template <Kind kind, class Layout> auto weigh(Layout& layout, Parameters goal) {
    using F = typename Layout::Vector;
    State& state = layout.state;
    return [&state, goal](const Element<F>& element) GFM_RA_LAMBDA {
        const F signal = element.direct * load<F>(state.power + element.at), total = signal + element.sum;
        const F inverse = 1.0f / (element.sum * total);  // one division for the rate and for the share
        const auto judged = judge<kind>(log2_of_one_plus(signal * (total * inverse)), goal);
        const auto response = respond(element.direct, signal, total, inverse * (element.weight * judged.slope));
        store(state.push + element.at, response.push);
        store(state.pull + element.at, response.pull);
        float* sum = state.sums + element.part;
        store(sum, fma(element.weight, judged.benefit, load<F>(sum)));
    };
}

// Iterate for any goal with damped steps; the best powers met end in `state.best`, their utility in `utility`.
template <Kind kind, bool watched, class Layout>
void iterate_damped(Layout& layout, int64_t iterations, float tolerance, Parameters goal, float* utility) {
    using F = typename Layout::Vector;
    State& state = layout.state;
    layout.watch.begin();
    layout.fill(state.step, 1.0f);
    layout.fill(state.direction, 0.0f);
    layout.begin_best(utility);
    for (int64_t iteration = 0;; ++iteration) {
        layout.clear_sums();
        if (iteration >= iterations) {
            layout.measure(weigh<kind>(layout, goal));
            layout.keep_best(utility);
            break;
        }
        layout.forward(weigh<kind>(layout, goal));
        layout.keep_best(utility);
        layout.backward([&](const Element<F>& element) GFM_RA_LAMBDA {
            const F divisor = fma(element.direct, load<F>(state.push + element.at), element.sum);
            const F stored = load<F>(state.stored + element.at), pull = load<F>(state.pull + element.at);
            const auto damped = damp(stored, advance(stored, pull, divisor), load<F>(state.step + element.at),
                                     load<F>(state.direction + element.at));
            store(state.step + element.at, damped.step);
            store(state.direction + element.at, damped.direction);
            move<watched>(layout, element, damped.stored);
        });
        if (watched && layout.settled(tolerance)) iterations = iteration + 1;
    }
}

}  // namespace gfm_ra
