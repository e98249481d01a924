// Activations of four channels at once.

// A GPU's own sine is inaccurate far from zero. So full turns are subtracted in two steps, the
// first of them exact.
vec4 sine(vec4 x) {
    vec4 turns = floor(x * 0.15915494309 + 0.5);
    return sin((x - turns * 6.28125) - turns * 0.00193530717958647);
}

// Uses the error function of Abramowitz and Stegun, 7.1.26, accurate to 1.5e-7.
vec4 gelu(vec4 x) {
    vec4 a = abs(x) * 0.70710678118655;
    vec4 t = 1.0 / (1.0 + 0.3275911 * a);
    vec4 tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t
                 + 0.254829592) * t * exp(-a * a);
    return max(x, 0.0) - 0.5 * abs(x) * tail;
}

// The bound keeps the exponential finite.
vec4 logistic(vec4 x) {
    return 1.0 / (1.0 + exp(-clamp(x, -80.0, 80.0)));
}
