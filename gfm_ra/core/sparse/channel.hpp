// The gains of one sparse network as a pass of the unrolled network reads them: sums over listed neighbours and cells.
//
// What NetworkChannel does with a matrix. A far transmitter sends the mean of its cell, a far receiver is charged alike.
#pragma once

#include "network/channel.hpp"
#include "sparse/rows.hpp"

namespace gfm_ra {

// Linear gains in units of noise, of a network all of whose listed gains are known.
struct SparseGains {
    const float* own;  // [K]
    Rows by_receiver, by_transmitter;
    FarField far;
};

template <class F> struct SparseChannel {
    static constexpr bool may_hide = false;
    static constexpr int64_t padded_to = lanes<F>;

    SparseGains gains;  // set before memory is taken
    int64_t links, stride;
    float *own, *around;  // [stride]: own gains; 1 and the sum of couplings

    void place(Workspace& memory, int64_t count) {
        links = count;
        stride = (count + lanes<F> - 1) / lanes<F> * lanes<F>;
        const int64_t cells = gains.far.padded, listed = gains.by_receiver.start[links];
        for (float** array : {&own, &around, &ones_}) *array = memory.array(stride);
        for (float** array : {&heard_, &harmed_}) *array = memory.array(listed);
        far_ = memory.array(links * cells);
        for (float** array : {&mean_, &charge_}) *array = memory.array(cells);
        for (float** array : {&means_, &charges_}) *array = memory.array(cells * most_padded);
        block_ = memory.array(lanes<F> * most_padded);
    }

    // Derive couplings; the argument stands for the matrix of other channels.
    void read(const float*) {
        const auto couple = [](float gain) { return gain / (gain + 1.0f); };
        const int64_t listed = gains.by_receiver.start[links];
        for (int64_t entry = 0; entry < listed; ++entry) {
            heard_[entry] = couple(gains.by_receiver.gain[entry]);
            harmed_[entry] = couple(gains.by_transmitter.gain[entry]);
        }
        // Of a far sum only the mean gain of the cell's transmitters is known.
        const FarField& far = gains.far;
        for (int64_t at = 0; at < links * far.padded; ++at)
            far_[at] = far.gain[at] / (far.gain[at] * far.share[at % far.padded] + 1.0f);
        strong_from_ = {gains.by_receiver.start, gains.by_receiver.other, heard_};
        strong_to_ = {gains.by_transmitter.start, gains.by_transmitter.other, harmed_};
        coupled_ = {far_, far.cell, far.share, far.padded};
        for (int64_t k = 0; k < stride; ++k) {
            own[k] = k < links ? gains.own[k] : 1.0f;
            around[k] = ones_[k] = 1.0f;
        }
        mean_around(ones_, around);
    }

    // Mean of values [stride] over a link and its neighbours, these by how strongly they are coupled to it. `around`
    // is 1 while it is made by this.
    void mean_around(const float* values, float* out) const {
        find_cells(coupled_, values, values);
        for (int64_t k = 0; k < links; ++k) {
            const float sum = row_sum(strong_from_, k, values, values[k] + far_of(coupled_, k));
            out[k] = row_sum(strong_to_, k, values, sum + charge_of(k)) / around[k];
        }
        for (int64_t k = links; k < stride; ++k) out[k] = values[k];
    }

    // What every link hears of `sent` [K], noise included, and what all that hear it send back.
    void hear(const float* sent, float* out) const {
        if (gains.far.padded > 0) mean_by_cell(gains.far, links, sent, mean_);
        for (int64_t k = 0; k < links; ++k)
            out[k] = row_sum(gains.by_receiver, k, sent, 1.0f + far_of(gains.far, k));
        for (int64_t k = links; k < stride; ++k) out[k] = 1.0f;
    }
    void hear_back(const float* sent, float* out) const {
        if (gains.far.padded > 0) charge_by_cell<F>(gains.far, links, sent, charge_);
        for (int64_t k = 0; k < links; ++k) out[k] = row_sum(gains.by_transmitter, k, sent, charge_of(k));
        for (int64_t k = links; k < stride; ++k) out[k] = 0.0f;
    }

    // Sums and maxima of every link's gains as a receiver and as a transmitter; the far field has no maxima.
    void measure(float* row_sum_to, float* row_max, float* column_sum, float* column_max) const {
        hear(ones_, row_sum_to);
        hear_back(ones_, column_sum);
        for (int64_t k = 0; k < stride; ++k) {
            row_sum_to[k] -= 1.0f;
            row_max[k] = k < links ? largest(gains.by_receiver, k) : 0.0f;
            column_max[k] = k < links ? largest(gains.by_transmitter, k) : 0.0f;
        }
    }

    template <class HandOn>
    GFM_RA_INLINE void gather_heard(const float* sent, int64_t rows, int64_t padded, const HandOn& hand_on) {
        find_means(sent, padded);
        each_vector(rows, padded, hand_on, [&](int64_t k, float* sum) {
            add_far(gains.far, k, padded, sum);
            add_row(gains.by_receiver, k, sent, padded, sum);
        });
    }
    template <class HandOn>
    GFM_RA_INLINE void gather_harmed(const float* sent, int64_t rows, int64_t padded, const HandOn& hand_on) {
        find_charges(gains.far, sent, padded);
        each_vector(rows, padded, hand_on, [&](int64_t k, float* sum) {
            add_charge(k, padded, sum);
            add_row(gains.by_transmitter, k, sent, padded, sum);
        });
    }
    template <class HandOn>
    GFM_RA_INLINE void gather_near(const float* sent, int64_t rows, int64_t padded, const HandOn& hand_on) {
        find_means(sent, padded);
        find_charges(coupled_, sent, padded);
        each_vector(rows, padded, hand_on, [&](int64_t k, float* sum) {
            add_far(coupled_, k, padded, sum);
            add_charge(k, padded, sum);
            add_row(strong_from_, k, sent, padded, sum);
            add_row(strong_to_, k, sent, padded, sum);
        });
    }

  private:
    static constexpr int64_t most_padded = 64;  // numbers that a link sends, at most

    static float largest(const Rows& rows, int64_t k) {
        float found = 0.0f;
        for (int64_t entry = rows.start[k]; entry < rows.start[k + 1]; ++entry)
            found = rows.gain[entry] > found ? rows.gain[entry] : found;
        return found;
    }

    // Numbers of one value per link.
    void find_cells(const FarField& far, const float* forward, const float* backward) const {
        if (far.padded == 0) return;
        mean_by_cell(far, links, forward, mean_);
        charge_by_cell<F>(far, links, backward, charge_);
    }
    float far_of(const FarField& far, int64_t k) const { return far.padded > 0 ? far_sum<F>(far, k, mean_) : 0.0f; }
    float charge_of(int64_t k) const { return gains.far.padded > 0 ? charge_[gains.far.cell[k]] : 0.0f; }

    // Numbers of `padded` values per link: the same, cell by cell.
    void find_means(const float* sent, int64_t padded) const {
        const FarField& far = gains.far;
        std::memset(means_, 0, far.padded * padded * sizeof(float));
        if (far.padded == 0) return;
        for (int64_t k = 0; k < links; ++k) add_scaled(far.share[far.cell[k]], sent + k * padded, padded, means_ + far.cell[k] * padded);
    }
    void find_charges(const FarField& far, const float* sent, int64_t padded) const {
        std::memset(charges_, 0, far.padded * padded * sizeof(float));
        for (int64_t k = 0; k < links; ++k)
            for (int64_t c = 0; c < far.padded; ++c)
                add_scaled(far.gain[k * far.padded + c] * far.share[c], sent + k * padded, padded, charges_ + c * padded);
    }

    static GFM_RA_INLINE void add_scaled(float factor, const float* values, int64_t padded, float* sum) {
        for (int64_t at = 0; at < padded; at += lanes<F>)
            store(sum + at, fma(all<F>(factor), load<F>(values + at), load<F>(sum + at)));
    }
    GFM_RA_INLINE void add_row(const Rows& rows, int64_t k, const float* sent, int64_t padded, float* sum) const {
        for (int64_t at = 0; at < padded; at += lanes<F>) {
            F total = load<F>(sum + at);
            for (int64_t entry = rows.start[k]; entry < rows.start[k + 1]; ++entry)
                total = fma(all<F>(rows.gain[entry]), load<F>(sent + rows.other[entry] * padded + at), total);
            store(sum + at, total);
        }
    }
    GFM_RA_INLINE void add_far(const FarField& far, int64_t k, int64_t padded, float* sum) const {
        for (int64_t at = 0; at < padded; at += lanes<F>) {
            F total = load<F>(sum + at);
            for (int64_t c = 0; c < far.padded; ++c)
                total = fma(all<F>(far.gain[k * far.padded + c]), load<F>(means_ + c * padded + at), total);
            store(sum + at, total);
        }
    }
    GFM_RA_INLINE void add_charge(int64_t k, int64_t padded, float* sum) const {
        if (gains.far.padded > 0) add_scaled(1.0f, charges_ + gains.far.cell[k] * padded, padded, sum);
    }

    // Sums of every link by fill(link, sums [padded]), turned so that links stand side by side.
    template <class HandOn, class Fill>
    GFM_RA_INLINE void each_vector(int64_t rows, int64_t padded, const HandOn& hand_on, const Fill& fill) {
        for (int64_t first = 0; first < stride; first += lanes<F>) {
            std::memset(block_, 0, lanes<F> * padded * sizeof(float));
            for (int64_t k = first; k < first + lanes<F> && k < links; ++k) fill(k, block_ + (k - first) * padded);
            for (int64_t row = 0; row < rows; ++row) {
                float turned[lanes<F>];
                for (int lane = 0; lane < lanes<F>; ++lane) turned[lane] = block_[lane * padded + row];
                hand_on(row, first, load<F>(turned));
            }
        }
    }

    Rows strong_from_, strong_to_;  // couplings by receivers and by transmitters
    FarField coupled_;
    float *heard_, *harmed_, *far_, *ones_;  // what these point to; [stride]
    float *mean_, *charge_;                  // [padded cells]
    float *means_, *charges_;                // [padded cells, padded]
    float* block_;                           // [lanes, padded]
};

}  // namespace gfm_ra
