// The gains of one network as its passes read them: own ones, crossing ones by rows and by columns, couplings.
//
// NaN stands for a gain that is not known: the mean of the visible ones at first, in dB, then estimates.
#pragma once

#include "common/elementary.hpp"
#include "common/workspace.hpp"

namespace gfm_ra {

constexpr float least_network_gain = 1e-10f, largest_network_gain = 1e20f;  // -100 and 200 dB
// Decibels per octave, and the unit and limit of an estimate (components/model/unrolled/estimate.py).
constexpr float db_per_octave = 3.01029996f, spread_db = 15.0f, estimate_limit = 4.0f;

template <class F> GFM_RA_INLINE F within(F value, float least, float largest) {
    return smaller(larger(value, all<F>(least)), all<F>(largest));
}

template <class F> struct NetworkChannel {
    int64_t links, stride;        // stride: links rounded up to whole vectors; what is beyond them is silent
    float *own, *around;          // [stride]: own gains; 1 and the sum of couplings
    float *natural, *transposed;  // [K, stride] crossing gains: row = receiver; row = transmitter
    float* coupling;              // [K, stride]: how strongly two links touch each other
    float *unknown, *reverse;     // [K, stride]: 1 where not known; standardised gain of the other direction if known
    bool any_unknown;
    float mean_db;                // of the visible crossing gains

    void place(Workspace& memory, int64_t count) {
        links = count;
        stride = (count + lanes<F> - 1) / lanes<F> * lanes<F>;
        for (float** array : {&own, &around}) *array = memory.array(stride);
        for (float** array : {&natural, &transposed, &coupling, &unknown, &reverse}) *array = memory.array(links * stride);
    }

    // Copy a network's linear gains [K, K].
    void read(const float* gain) {
        any_unknown = false;
        for (int64_t k = 0; k < links; ++k) {
            float* row = natural + k * stride;
            std::memcpy(row, gain + k * links, links * sizeof(float));
            for (int64_t j = links; j < stride; ++j) row[j] = 0.0f;
            Integers<F> missing{};
            for (int64_t j = 0; j < stride; j += lanes<F>) {
                const F value = load<F>(row + j);
                const Integers<F> nan = ~(value >= 0.0f);
                missing |= nan;
                store(unknown + k * stride + j, select(nan, all<F>(1.0f), all<F>(0.0f)));
                store(row + j, within(select(nan, all<F>(1.0f), value), least_network_gain, largest_network_gain));
            }
            any_unknown |= any(missing);
            for (int64_t j = links; j < stride; ++j) row[j] = 0.0f;
            own[k] = row[k];
            row[k] = 0.0f;
        }
        for (int64_t k = links; k < stride; ++k) own[k] = 1.0f;
        if (any_unknown) look();
        derive();
    }

    // Put estimates [K, stride] in the place of unknown gains.
    void fill(const float* estimates) {
        for (int64_t at = 0; at < links * stride; at += lanes<F>)
            replace(at, within(load<F>(estimates + at), -estimate_limit, estimate_limit) * spread_db + mean_db);
        derive();
    }

  private:
    // Mean of what is visible, and what the other direction says of an unknown gain.
    void look() {
        float sum = 0.0f;
        int64_t count = 0;
        for (int64_t k = 0; k < links; ++k)
            for (int64_t j = 0; j < stride; j += lanes<F>) {
                const int64_t at = k * stride + j;
                // The diagonal is empty; any positive number stands in for it.
                const F gain = larger(load<F>(natural + at), all<F>(least_network_gain));
                store(transposed + at, log2_of(gain) * db_per_octave);
            }
        for (int64_t k = 0; k < links; ++k)
            for (int64_t j = 0; j < links; ++j)
                if (j != k && unknown[k * stride + j] == 0.0f) {
                    sum += transposed[k * stride + j];
                    ++count;
                }
        mean_db = count > 0 ? sum / static_cast<float>(count) : 0.0f;
        for (int64_t k = 0; k < links; ++k)
            for (int64_t j = 0; j < stride; ++j) {
                float known = 0.0f;
                if (j < links && j != k && unknown[j * stride + k] == 0.0f)
                    known = (transposed[j * stride + k] - mean_db) * (1.0f / spread_db);
                known = known < estimate_limit ? known : estimate_limit;
                reverse[k * stride + j] = known > -estimate_limit ? known : -estimate_limit;
            }
        for (int64_t at = 0; at < links * stride; at += lanes<F>) replace(at, all<F>(mean_db));
    }

    GFM_RA_INLINE void replace(int64_t at, F guess_db) {
        const F guess = exp2_of(guess_db * (1.0f / db_per_octave));
        store(natural + at, select(load<F>(unknown + at) > 0.0f, guess, load<F>(natural + at)));
    }

    // What follows from `natural`.
    void derive() {
        for (int64_t j = 0; j < links; ++j)
            for (int64_t k = 0; k < stride; ++k) transposed[j * stride + k] = k < links ? natural[k * stride + j] : 0.0f;
        for (int64_t k = 0; k < stride; ++k) around[k] = 1.0f;
        for (int64_t j = 0; j < links; ++j)
            for (int64_t k = 0; k < stride; k += lanes<F>) {
                const int64_t at = j * stride + k;
                const F heard = load<F>(natural + at), harmed = load<F>(transposed + at);
                const F sum = heard / (heard + 1.0f) + harmed / (harmed + 1.0f);
                store(coupling + at, sum);
                store(around + k, load<F>(around + k) + sum);
            }
    }
};

}  // namespace gfm_ra
