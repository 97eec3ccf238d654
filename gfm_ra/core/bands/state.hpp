// One start of one network with bands: its links stand side by side, band after band.
#pragma once

#include "bands/prices.hpp"
#include "common/products.hpp"
#include "solvers/iteration.hpp"

namespace gfm_ra {

template <class F> struct BandsState {
    int64_t links, bands, stride, size;  // size: of [F, stride]; what is beyond the links is silent
    Room room;
    Prices<F> prices;
    float *natural, *transposed;  // [F, K, stride] with a zero diagonal
    float *direct, *sum;          // [F, stride]: own gains; interference plus noise
    float *stored, *power, *push, *pull, *step, *direction, *best;  // [F, stride]
    float *weight, *rate, *factor, *exponent, *best_exponent;       // [stride]; factor: weight times slope
    float *sums, *column;                                           // [parts], [stride]

    void place(Workspace& memory, const BandsTask& task) {
        room.place(memory, task, lanes<F>);
        prices.place(memory, room);
        links = task.links;
        bands = task.bands;
        stride = room.stride;
        size = bands * stride;
        natural = memory.array(links * size);
        transposed = memory.array(links * size);
        for (float** array : {&direct, &sum, &stored, &power, &push, &pull, &step, &direction, &best})
            *array = memory.array(size);
        for (float** array : {&weight, &rate, &factor, &exponent, &best_exponent, &column}) *array = memory.array(stride);
        sums = memory.array(parts);
        prices.power = power;
    }

    // Copy the gains, weights and limits of a network.
    void read(const BandsTask& task, int64_t index) {
        room.read(task, index);
        std::memcpy(weight, task.weights_of(index), links * sizeof(float));
        for (int64_t f = 0; f < bands; ++f) {
            const float* gain = task.gain + (index * bands + f) * links * links;
            float *rows = natural + f * links * stride, *columns = transposed + f * links * stride;
            for (int64_t k = 0; k < links; ++k)
                for (int64_t j = 0; j < links; ++j) {
                    const float scaled = gain[k * links + j] * noise, value = scaled > least_gain ? scaled : 0.0f;
                    if (j == k) direct[f * stride + k] = value;
                    rows[k * stride + j] = columns[j * stride + k] = j == k ? 0.0f : value;
                }
        }
    }

    // Start from the powers [F, stride] that `power` holds.
    void begin() {
        room.fit(power);
        prices.begin();
        store_amplitudes();
    }
    void store_amplitudes() {
        for (int64_t at = 0; at < size; at += lanes<F>) store(stored + at, stored_of(load<F>(power + at)));
    }

    // Interference plus noise of every link.
    void forward() {
        for (int64_t f = 0; f < bands; ++f)
            multiply_columns<F>(power + f * stride, transposed + f * links * stride, stride, links, noise, sum + f * stride);
    }

    void fill(float* array, int64_t count, float value) const {
        for (int64_t at = 0; at < count; ++at) array[at] = value;
    }

    // Push and pull of every link under the factors of the rates' utility.
    template <bool is_sum_rate> void respond_all() {
        for (int64_t at = 0; at < stride; at += lanes<F>) {
            const F worth = load<F>(factor + at);
            for (int64_t i = at; i < size; i += stride) {
                const F own = load<F>(direct + i), heard = load<F>(sum + i);
                const F signal = own * load<F>(power + i), total = signal + heard;
                const F share = is_sum_rate ? worth / (heard * total) : 1.0f / (heard * total) * worth;
                const auto response = respond(own, signal, total, share);
                store(push + i, response.push);
                store(pull + i, smaller(response.pull, all<F>(largest_numerator)));
            }
        }
    }

    // What each link's next powers are at every price. Where a limit of its sum bites and the signal is above
    // interference and noise, the bound of the rate by a logarithm of the power is nearer than WMMSE's by a square of
    // the amplitude: the next power is p_f q_f, and a step there is as long as many of WMMSE's.
    void backward() {
        for (int64_t f = 0; f < bands; ++f) {
            const int64_t first = f * stride;
            float* divisor = prices.divisor + first;
            multiply_columns<F>(push + first, natural + f * links * stride, stride, links, least_divisor, divisor);
            for (int64_t at = 0; at < stride; at += lanes<F>) {
                const int64_t i = first + at;
                const F own = load<F>(direct + i), heard = load<F>(sum + i), others = load<F>(divisor + at);
                const F signal = own * load<F>(power + i), drive = load<F>(pull + i);
                const auto linear = (load<F>(prices.price + at) > 0.0f) & (signal > heard);
                store(prices.is_linear + i, select(linear, all<F>(1.0f), all<F>(0.0f)));
                store(prices.numerator + i, select(linear, drive * (heard / (signal + heard)), drive));
                store(divisor + at, select(linear, others, fma(own, load<F>(push + i), others)));
            }
        }
    }

    // Move to the next powers, all the way or, `damped`, in steps that halve where the direction turns.
    template <bool damped> void move() {
        prices.find();
        for (int64_t at = 0; at < stride; at += lanes<F>) {
            const F x = load<F>(prices.price + at);
            for (int64_t i = at; i < size; i += stride) {
                const F ratio = load<F>(prices.numerator + i) / (load<F>(prices.divisor + i) + x);
                const F before = load<F>(stored + i), cap = load<F>(room.cap + i);
                F drawn = select(load<F>(prices.is_linear + i) > 0.0f, root(ratio), ratio);
                F next = smaller(advance(before, drawn, all<F>(1.0f)), root(cap));
                if constexpr (damped) {
                    const auto step_to = damp(before, next, load<F>(step + i), load<F>(direction + i));
                    store(step + i, step_to.step);
                    store(direction + i, step_to.direction);
                    next = step_to.stored;
                }
                store(stored + i, next);
                store(power + i, smaller(power_of(next), cap));
            }
        }
        if constexpr (damped) shrink();
    }

  private:
    // Steps of different lengths may leave the limits of sums: scale what does.
    void shrink() {
        for (int64_t at = 0; at < stride; at += lanes<F>) {
            F used = all<F>(0.0f);
            for (int64_t i = at; i < size; i += stride) used = used + load<F>(power + i);
            store(prices.used + at, used);
            store(column + at, smaller(load<F>(room.total + at) / larger(used, all<F>(least_power)), all<F>(1.0f)));
        }
        for (int64_t g = 0; g < room.groups; ++g) room.sums[g] = 0.0;
        for (int64_t k = 0; k < links; ++k)
            if (room.group[k] >= 0) room.sums[room.group[k]] += static_cast<double>(prices.used[k] * column[k]);
        for (int64_t k = 0; k < links; ++k) {
            if (room.group[k] < 0) continue;
            const double most = static_cast<double>(room.group_total[room.group[k]]), now = room.sums[room.group[k]];
            if (now > most) column[k] *= static_cast<float>(most / now);
        }
        for (int64_t at = 0; at < stride; at += lanes<F>) {
            const F part = load<F>(column + at);
            if (!any(part < 1.0f)) continue;
            const F amplitude = root(part);
            for (int64_t i = at; i < size; i += stride) {
                const F now = load<F>(stored + i);
                store(stored + i, select((part < 1.0f) & (now > 0.0f), now * amplitude, now));
                store(power + i, smaller(power_of(load<F>(stored + i)), load<F>(room.cap + i)));
            }
        }
    }
};

}  // namespace gfm_ra
