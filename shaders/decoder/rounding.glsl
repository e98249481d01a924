// Features rounded to half floats.

// Rounds to nearest. OpenGL lets a driver truncate, as Mesa does, and truncation adds up.
vec4 rounded(vec4 x) {
    return uintBitsToFloat((floatBitsToUint(x) + 0x1000u) & 0xFFFFE000u);
}
