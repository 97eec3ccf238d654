// Logarithm and exponential to base 2 in float32, without branches and without divisions.
#pragma once

#include "common/packs.hpp"

namespace gfm_ra {

constexpr float ln_2 = 0.69314718f;

// log2(1 + excess) / excess, highest power first: the polynomial of degree 8 with the least largest relative error
// (3e-8) on [sqrt(1/2) - 1, sqrt(2) - 1], rounded to float32.
constexpr float log2_series[] = {0.1258353739976883f,  -0.20726893842220306f, 0.21571584045886993f,
                                 -0.23894494771957397f, 0.28791624307632446f,  -0.3607036769390106f,
                                 0.48091062903404236f,  -0.7213473320007324f,  1.4426950216293335f};
// 2^x = 1 + x (..), highest power first, in r = x ln 2 with |r| <= ln(2) / 2: the series of e^r.
constexpr float exp_series[] = {1.0f / 720.0f, 1.0f / 120.0f, 1.0f / 24.0f, 1.0f / 6.0f, 0.5f, 1.0f, 1.0f};

// (e^r - 1) / r, highest power first: the series.
constexpr float exp_less_one_series[] = {1.0f / 5040.0f, 1.0f / 720.0f, 1.0f / 120.0f, 1.0f / 24.0f,
                                         1.0f / 6.0f,    0.5f,          1.0f};

constexpr int32_t root_half_bits = 0x3f3504f3, mantissa_bits = 23, exponent_bias = 127;

// Horner's rule: the fewest operations, one after the other.
template <class F, int terms> GFM_RA_INLINE F polynomial(const float (&coefficients)[terms], F x) {
    F value = all<F>(coefficients[0]);
    for (int term = 1; term < terms; ++term) value = fma(value, x, all<F>(coefficients[term]));
    return value;
}

// Estrin's scheme for nine terms: three operations more than Horner's rule in half the time that one waits for the other.
template <class F> GFM_RA_INLINE F polynomial(const float (&c)[9], F x) {
    const F x2 = x * x, x4 = x2 * x2;
    const F low = fma(fma(all<F>(c[5]), x, all<F>(c[6])), x2, fma(all<F>(c[7]), x, all<F>(c[8])));
    const F high = fma(fma(all<F>(c[1]), x, all<F>(c[2])), x2, fma(all<F>(c[3]), x, all<F>(c[4])));
    return fma(fma(all<F>(c[0]), x4, high), x4, low);
}

// Exponent e of a positive normal number m 2^e with m in [sqrt(1/2), sqrt(2)).
template <class F> GFM_RA_INLINE Integers<F> exponent_of(F value) {
    return (bits_of(value) - root_half_bits) >> mantissa_bits;
}

template <class F> GFM_RA_INLINE F log2_near_one(Integers<F> exponent, F excess) {
    return fma(excess, polynomial(log2_series, excess), to_float(exponent));
}

// log2 of a positive normal number.
template <class F> GFM_RA_INLINE F log2_of(F value) {
    const Integers<F> exponent = exponent_of(value);
    const F mantissa = float_of<F>(bits_of(value) - (exponent << mantissa_bits));
    return log2_near_one<F>(exponent, mantissa - 1.0f);
}

// log2(1 + value) for value >= 0, accurate relative to the result however small the value is.
template <class F> GFM_RA_INLINE F log2_of_one_plus(F value) {
    const F sum = value + 1.0f;
    const Integers<F> exponent = exponent_of(sum);
    const F mantissa = float_of<F>(bits_of(sum) - (exponent << mantissa_bits));
    return log2_near_one<F>(exponent, select(exponent == 0, value, mantissa - 1.0f));
}

// 2^whole and rest ln 2 with whole + rest = value, |rest| <= 1/2; exponents beyond +-125 count as that.
template <class F> struct Split {
    F power, rest;
};

template <class F> GFM_RA_INLINE Split<F> split(F value) {
    const F within = smaller(larger(value, all<F>(-125.0f)), all<F>(125.0f));
    const F shifted = within + 0.5f;
    const Integers<F> cut = to_integer(shifted);  // towards zero
    const F towards_zero = to_float(cut);
    const Integers<F> whole = cut + (towards_zero > shifted);  // a comparison that holds is -1: the floor
    return {float_of<F>((whole + exponent_bias) << mantissa_bits), (within - to_float(whole)) * ln_2};
}

// 2^value; exponents beyond +-125 count as that.
template <class F> GFM_RA_INLINE F exp2_of(F value) {
    const Split<F> found = split(value);
    return polynomial(exp_series, found.rest) * found.power;
}

// 2^value - 1, accurate relative to the result however small the value is; exponents as in `exp2_of`.
template <class F> GFM_RA_INLINE F exp2_less_one_of(F value) {
    const Split<F> found = split(value);
    return fma(found.power, found.rest * polynomial(exp_less_one_series, found.rest), found.power - 1.0f);
}

}  // namespace gfm_ra
