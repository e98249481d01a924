// Features as half floats hold them.

// To nearest: OpenGL lets a driver cut off instead, as Mesa does, and what is cut off adds up.
vec4 rounded(vec4 x) {
    return uintBitsToFloat((floatBitsToUint(x) + 0x1000u) & 0xFFFFE000u);
}
