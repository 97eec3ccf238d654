// The gains of one network as its passes read them: own ones, crossing ones by rows and by columns, couplings.
//
// NaN stands for a gain that is not known; an estimate takes its place (estimate.hpp). A known gain may be uncertain; then
// it is averaged with its estimate.
#pragma once

#include "common/elementary.hpp"
#include "common/products.hpp"
#include "common/workspace.hpp"
#include "network/layers.hpp"

namespace gfm_ra {

constexpr float least_network_gain = 1e-10f, largest_network_gain = 1e20f;  // -100 and 200 dB
// Decibels per octave, and the unit and limit of standardised gains (components/model/unrolled/estimate.py).
constexpr float db_per_octave = 3.01029996f, spread_db = 15.0f, standard_limit = 4.0f;

template <class F> GFM_RA_INLINE F within(F value, float least, float largest) {
    return smaller(larger(value, all<F>(least)), all<F>(largest));
}

template <class F> struct NetworkChannel {
    static constexpr bool may_hide = true;  // some gains may be unknown
    int64_t links, stride;        // stride: links rounded up to whole vectors; what is beyond them is silent
    float *own, *around;          // [stride]: own gains; 1 and the sum of couplings
    float *natural, *transposed;  // [K, stride] crossing gains: row = receiver; row = transmitter
    float* coupling;              // [K, stride]: how strongly two links touch each other
    float* unknown;               // [K, stride]: 1 where not known
    float* deviation_db;          // [K, stride]: of gains that are known, where any is uncertain
    bool any_unknown, any_uncertain;

    void place(Workspace& memory, int64_t count) {
        links = count;
        stride = (count + lanes<F> - 1) / lanes<F> * lanes<F>;
        for (float** array : {&own, &around}) *array = memory.array(stride);
        for (float** array : {&natural, &transposed, &coupling, &unknown, &deviation_db})
            *array = memory.array(links * stride);
    }

    // Copy a network's linear gains [K, K], and their standard deviations in dB, [K, K] or null.
    void read(const float* gain, const float* uncertainty_db) {
        any_unknown = false;
        any_uncertain = uncertainty_db != nullptr;
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
        if (any_uncertain) {
            std::memset(deviation_db, 0, links * stride * sizeof(float));
            for (int64_t k = 0; k < links; ++k)
                std::memcpy(deviation_db + k * stride, uncertainty_db + k * links, links * sizeof(float));
        }
        if (!any_unknown && !any_uncertain) derive();
    }

    // Put standardised estimates [K, stride] in the place of unknown gains, and average uncertain ones with them;
    // estimate_deviation: standardised, of the estimates.
    void fill(const float* estimates, float mean_db, const float* estimate_deviation) {
        for (int64_t at = 0; at < links * stride; at += lanes<F>) {
            const F guess_db = within(load<F>(estimates + at), -standard_limit, standard_limit) * spread_db + mean_db;
            const F known = load<F>(natural + at);
            F filled_db = guess_db;
            if (any_uncertain) {
                // What is empty stays empty, the diagonal too.
                const F known_db = log2_of(larger(known, all<F>(least_network_gain))) * db_per_octave;
                const F own = load<F>(deviation_db + at), other = load<F>(estimate_deviation + at) * spread_db;
                const F averaged = known_db + own * own / (own * own + other * other) * (guess_db - known_db);
                filled_db = select(load<F>(unknown + at) > 0.0f, guess_db, averaged);
            }
            const F filled = exp2_of(filled_db * (1.0f / db_per_octave));
            const F kept = any_uncertain ? select(known > 0.0f, filled, known) : known;
            store(natural + at, select(load<F>(unknown + at) > 0.0f, filled, kept));
        }
        derive();
    }

    // Mean of values [stride] over a link and its neighbours, these by how strongly they are coupled to it.
    void mean_around(const float* values, float* out) const {
        multiply_columns<F>(values, coupling, stride, links, 0.0f, out);
        for (int64_t k = 0; k < stride; k += lanes<F>)
            store(out + k, (load<F>(out + k) + load<F>(values + k)) / load<F>(around + k));
    }

    // What every link hears of `sent` [K], noise included, and what all that hear it send back.
    void hear(const float* sent, float* out) const {
        multiply_columns<F>(sent, transposed, stride, links, 1.0f, out);
    }
    void hear_back(const float* sent, float* out) const {
        multiply_columns<F>(sent, natural, stride, links, 0.0f, out);
    }

    // Sums and maxima of every link's row and column.
    void measure(float* row_sum, float* row_max, float* column_sum, float* column_max) const {
        for (int64_t k = 0; k < stride; ++k) row_sum[k] = row_max[k] = column_sum[k] = column_max[k] = 0.0f;
        for (int64_t j = 0; j < links; ++j)
            for (int64_t k = 0; k < stride; k += lanes<F>) {
                const F heard = load<F>(transposed + j * stride + k);
                const F harmed = load<F>(natural + j * stride + k);
                store(row_sum + k, load<F>(row_sum + k) + heard);
                store(row_max + k, larger(load<F>(row_max + k), heard));
                store(column_sum + k, load<F>(column_sum + k) + harmed);
                store(column_max + k, larger(load<F>(column_max + k), harmed));
            }
    }

    // What every link receives of what all send, [K, padded] with `rows` used: by what it hears, by who hears it, and by
    // how strongly two are coupled. Handed to hand_on(row, vector's first link, sum).
    static constexpr int64_t padded_to = rows_per_block;
    template <class HandOn>
    GFM_RA_INLINE void gather_heard(const float* sent, int64_t rows, int64_t padded, const HandOn& hand_on) {
        gather<F>(sent, rows, padded, transposed, links, stride, hand_on);
    }
    template <class HandOn>
    GFM_RA_INLINE void gather_harmed(const float* sent, int64_t rows, int64_t padded, const HandOn& hand_on) {
        gather<F>(sent, rows, padded, natural, links, stride, hand_on);
    }
    template <class HandOn>
    GFM_RA_INLINE void gather_near(const float* sent, int64_t rows, int64_t padded, const HandOn& hand_on) {
        gather<F>(sent, rows, padded, coupling, links, stride, hand_on);
    }

  private:
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
