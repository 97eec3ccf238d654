// Multi-channel WMMSE: each start of each network by itself.
//
// An iteration is that of solvers/links.hpp in every band, with the goal's slope at a link's rate over all bands and with
// the price of its power (prices.hpp) beside the pushes of others. For weighted sums of rates the utility never falls.
//
// Sources: Shi, Razaviyayn, Luo and He, An iteratively weighted MMSE approach, IEEE Trans. Signal Process. 2011;
// Papandriopoulos and Evans, SCALE: a low-complexity distributed protocol for spectrum balancing in multiuser DSL
// networks, IEEE Trans. Inf. Theory 2009 (the bound by a logarithm).
#pragma once

#include "bands/sharing.hpp"
#include "efforts/merit.hpp"

namespace gfm_ra {

template <class F> class BandsWmmse {
  public:
    explicit BandsWmmse(const BandsTask& task) : task_(task) {}

    bool prepare() {
        place();
        if (!memory_.allocate()) return false;
        place();
        return true;
    }

    // Start `item % N` of network `item / N`.
    void solve(int64_t item) {
        const int64_t index = item / task_.starts, start = item % task_.starts;
        if (index != read_) state_.read(task_, index);
        read_ = index;
        draw(index, start);
        const int64_t relaxed = task_.shared > 0 ? task_.iterations / 2 : task_.iterations;
        const float* last = iterate(relaxed);
        if (task_.shared > 0) {
            share<F>(state_, task_);
            last = iterate(task_.iterations - relaxed);
        }
        finish(item, index, last);
    }

  private:
    void place() {
        state_.place(memory_, task_);
        for (double** array : {&rate_, &sum_}) *array = reinterpret_cast<double*>(memory_.array(2 * task_.links));
    }

    // The powers of a start: given, full, or drawn, brought within the limits.
    void draw(int64_t index, int64_t start) {
        BandsState<F>& s = state_;
        s.room.reopen();
        const int64_t entries = task_.entries(), drawn = start - task_.given_starts;
        const float* given = drawn < 0 ? task_.given + (index * task_.given_starts + start) * entries : nullptr;
        const uint64_t key = start_key(task_.seed, task_.first_index + static_cast<uint64_t>(index),
                                       static_cast<uint64_t>(std::max<int64_t>(drawn, 0)));
        for (int64_t f = 0; f < s.bands; ++f)
            for (int64_t k = 0; k < s.links; ++k) {
                const int64_t at = f * s.stride + k, entry = f * s.links + k;
                const float part = drawn > 0 ? uniform(key, static_cast<uint64_t>(entry)) : 1.0f;
                s.power[at] = given ? given[entry] : s.room.cap[at] * part;
            }
        s.begin();
    }

    // Returns the powers that iterations end at, the best they met.
    const float* iterate(int64_t iterations) {
        switch (task_.kind) {
            case Kind::sum_rate: return iterate_sum_rate(iterations);
            case Kind::proportional_fair: return iterate_goal<Kind::proportional_fair, false>(iterations);
            case Kind::qos: return iterate_goal<Kind::qos, false>(iterations);
            case Kind::alpha_fair: break;
        }
        if (is_strong(task_.kind, task_.goal)) return iterate_goal<Kind::alpha_fair, true>(iterations);
        return iterate_goal<Kind::alpha_fair, false>(iterations);
    }

    const float* iterate_sum_rate(int64_t iterations) {
        BandsState<F>& s = state_;
        std::memcpy(s.factor, s.weight, s.stride * sizeof(float));
        for (int64_t iteration = 0; iteration < iterations; ++iteration) {
            s.forward();
            s.template respond_all<true>();
            s.backward();
            s.template move<false>();
        }
        return s.power;
    }

    template <Kind kind, bool strong> const float* iterate_goal(int64_t iterations) {
        BandsState<F>& s = state_;
        s.fill(s.step, s.size, 1.0f);
        s.fill(s.direction, s.size, 0.0f);
        s.fill(s.best_exponent, s.stride, FLT_MAX);
        best_ = strong ? 0.0f : -std::numeric_limits<float>::infinity();
        std::memcpy(s.best, s.power, s.size * sizeof(float));
        for (int64_t iteration = 0;; ++iteration) {
            s.forward();
            weigh<kind, strong>();
            keep_best<strong>();
            if (iteration >= iterations) return s.best;
            s.template respond_all<false>();
            s.backward();
            s.template move<true>();
        }
    }

    // Rates over all bands, their slopes in the goal, and what they are worth, added up in 16 parts.
    template <Kind kind, bool strong> void weigh() {
        BandsState<F>& s = state_;
        s.fill(s.sums, parts, 0.0f);
        for (int64_t at = 0; at < s.stride; at += lanes<F>) {
            F rate = all<F>(0.0f);
            for (int64_t i = at; i < s.size; i += s.stride)
                rate = rate + log2_of_one_plus(load<F>(s.direct + i) * load<F>(s.power + i) / load<F>(s.sum + i));
            const auto judged = judge<kind, strong>(rate, task_.goal);
            const F weight = load<F>(s.weight + at);
            store(s.factor + at, weight * judged.slope);
            if constexpr (strong) store(s.exponent + at, judged.exponent);
            else add(at, weight, judged.benefit);
        }
        if constexpr (strong) add_saved();
    }

    void add(int64_t at, F weight, F benefit) {
        float* sum = state_.sums + at % parts;
        store(sum, fma(weight, benefit, load<F>(sum)));
    }

    // By how much less the links lose than at the best powers met: solvers/iteration.hpp.
    void add_saved() {
        BandsState<F>& s = state_;
        F units = all<F>(-FLT_MAX);
        for (int64_t at = 0; at < s.stride; at += lanes<F>)
            units = unit_with(units, load<F>(s.weight + at), load<F>(s.best_exponent + at), load<F>(s.exponent + at));
        float unit = -FLT_MAX;
        for (int lane = 0; lane < lanes<F>; ++lane) unit = units[lane] > unit ? units[lane] : unit;
        for (int64_t at = 0; at < s.stride; at += lanes<F>)
            add(at, load<F>(s.weight + at),
                saved(all<F>(unit), load<F>(s.best_exponent + at), load<F>(s.exponent + at)));
    }

    template <bool strong> void keep_best() {
        BandsState<F>& s = state_;
        for (int half = parts / 2; half > 0; half /= 2)
            for (int part = 0; part < half; ++part) s.sums[part] += s.sums[half + part];
        if (!(s.sums[0] > best_)) return;
        if (!strong) best_ = s.sums[0];
        std::memcpy(s.best, s.power, s.size * sizeof(float));
        if (strong) std::memcpy(s.best_exponent, s.exponent, s.stride * sizeof(float));
    }

    // Write the powers, within the limits, and their rates in double precision.
    void finish(int64_t item, int64_t index, const float* last) {
        BandsState<F>& s = state_;
        if (last != s.power) std::memcpy(s.power, last, s.size * sizeof(float));
        s.room.fit(s.power);
        float* power = task_.power + item * task_.entries();
        std::fill(sum_, sum_ + s.links, 0.0);
        for (int64_t f = 0; f < s.bands; ++f) {
            float* of_band = power + f * s.links;
            std::memcpy(of_band, s.power + f * s.stride, s.links * sizeof(float));
            exact_rates(task_.gain + (index * s.bands + f) * s.links * s.links, of_band, s.links, rate_);
            for (int64_t k = 0; k < s.links; ++k) sum_[k] += rate_[k];
        }
        std::memcpy(task_.rate + item * s.links, sum_, s.links * sizeof(double));
    }

    const BandsTask& task_;
    Workspace memory_;
    BandsState<F> state_;
    int64_t read_ = -1;
    float best_ = 0.0f;
    double *rate_ = nullptr, *sum_ = nullptr;
};

}  // namespace gfm_ra
