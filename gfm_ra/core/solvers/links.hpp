// One WMMSE iteration as each link sees it: what the solvers compute between their matrix products.
//
// With g the direct gain, p = v^2 the power, I interference plus noise and S = g p the signal, the textbook's u, w and v
// reduce to (all phases cancel on single-antenna links)
//
//     w = beta'(R) (1 + SINR)
//     push = u^2 w = beta'(R) S / (I (S + I))
//     pull = w u sqrt(g) / v = beta'(R) g / I
//     v <- min(1, v pull_k / sum_j g_jk push_j)
//
// 1 + SINR stands for the textbook's 1 / (1 - u h v), which cancels in float32.
//
// A link that falls silent may come back once the neighbour that silenced it has fallen silent itself, dozens of
// iterations and as many decades of power later; setting it to 0 on the way changes one solution in fifty. float32 does
// not reach that far down, so an amplitude below 2^-40 is stored as minus 2^100 times itself. Nobody hears such a link:
// its power counts as 0, which also keeps every product clear of denormal numbers, which are slow.
//
// Source: Shi, Razaviyayn, Luo and He, An iteratively weighted MMSE approach, IEEE Trans. Signal Process. 2011.
#pragma once

#include "common/packs.hpp"

namespace gfm_ra {

// Noise power in the kernels' own unit: products of two received powers stay within float32's range.
constexpr float noise = 0x1p-32f;
// Smaller gains, in that unit, count as 0.
constexpr float least_gain = 1e-37f;
// Where the sum of pushes starts: it only keeps 0 / 0 away.
constexpr float least_divisor = 1e-36f;
constexpr float least_push = 1e-35f;
constexpr float audible = 0x1p-40f, deep_scale = 0x1p100f, surfacing = audible * deep_scale, least_stored = 1e-30f;
constexpr float shrink = 0.5f, grow = 1.2f, least_step = 0.01f;

// A gain in the kernels' unit.
template <class F> GFM_RA_INLINE F own_unit(F gain) {
    const F scaled = gain * noise;
    return select(scaled > least_gain, scaled, all<F>(0.0f));
}

template <class F> struct Response {
    F push, pull;
};

// Push and pull of a link under the slope beta'(R); `share` is 1 / (I (S + I)) times that slope.
template <class F> GFM_RA_INLINE Response<F> respond(F direct, F signal, F total, F share) {
    const F push = share * signal;
    return {select(push > least_push, push, all<F>(0.0f)), share * total * direct};
}

// The next stored amplitude: the present one times pull / divisor, at most 1.
template <class F> GFM_RA_INLINE F advance(F stored, F pull, F divisor) {
    const F scaled = larger(absolute(stored) * (pull / divisor), all<F>(least_stored));
    const F surfaced = select(scaled > surfacing, all<F>(1.0f / deep_scale), all<F>(-1.0f));
    const F sunk = select(scaled < audible, all<F>(-deep_scale), all<F>(1.0f));
    return smaller(scaled * select(stored < 0.0f, surfaced, sunk), all<F>(1.0f));
}

template <class F> struct Damping {
    F stored, step, direction;
};

// Move towards the target by a step that halves when the direction turns. The plain iteration swings for ever between
// two points under QoS and strong fairness: these bend more sharply there than the iteration's surrogate.
template <class F> GFM_RA_INLINE Damping<F> damp(F stored, F target, F step, F previous) {
    const F heard = larger(stored, all<F>(0.0f));
    const F direction = larger(target, all<F>(0.0f)) - heard;
    const F factor = select(direction * previous < 0.0f, all<F>(shrink), all<F>(grow));
    const F next = smaller(larger(step * factor, all<F>(least_step)), all<F>(1.0f));
    const F moved = fma(next, direction, heard);
    return {select(moved > audible, moved, target), next, direction};
}

// Stored amplitude of a power in [0, 1].
template <class F> GFM_RA_INLINE F stored_of(F power) {
    const F amplitude = root(power);
    return select(amplitude >= audible, amplitude, larger(amplitude * deep_scale, all<F>(least_stored)) * -1.0f);
}

// Power that others hear of a stored amplitude.
template <class F> GFM_RA_INLINE F power_of(F stored) {
    const F heard = larger(stored, all<F>(0.0f));
    return heard * heard;
}

}  // namespace gfm_ra
