// Samples an equirectangular texture (row 0 on top) in world directions, without seam or pinch.

const float PI = 3.14159265358979;

// Texture coordinates of a direction.
vec2 equirectangular_place(vec3 direction) {
    float longitude = atan(-direction.z, direction.x);
    float latitude = atan(direction.y, length(direction.xz));
    return vec2(longitude / (2.0 * PI) + 0.5, 0.5 - latitude / PI);
}

// The level is explicit, because the jump of u at 180 degrees would select a wrong one.
vec4 sample_place(sampler2D sphere, vec2 uv, float level) {
    float rows = float(textureSize(sphere, 0).y) / exp2(level);
    vec4 colour = textureLod(sphere, uv, level);
    // Beyond the centre of the outermost row, that row continues on the opposite meridian.
    float beyond = 0.5 - rows * min(uv.y, 1.0 - uv.y);
    if (beyond > 0.0)
        colour = mix(colour, textureLod(sphere, uv + vec2(0.5, 0.0), level), beyond);
    return colour;
}

vec4 sample_equirectangular(sampler2D sphere, vec3 direction, float level) {
    return sample_place(sphere, equirectangular_place(direction), level);
}
