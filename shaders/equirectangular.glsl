// Samples an equirectangular texture (row 0 on top) in world directions, without seam or pinch.

const float PI = 3.14159265358979;

// The level is explicit, because the jump of u at 180 degrees would select a wrong one.
vec4 sample_equirectangular(sampler2D sphere, vec3 direction, float level) {
    float rows = float(textureSize(sphere, 0).y) / exp2(level);
    float longitude = atan(-direction.z, direction.x);
    float latitude = atan(direction.y, length(direction.xz));
    vec2 uv = vec2(longitude / (2.0 * PI) + 0.5, 0.5 - latitude / PI);
    vec4 colour = textureLod(sphere, uv, level);
    // Beyond the centre of the outermost row, that row continues on the opposite meridian.
    float beyond = 0.5 - rows * min(uv.y, 1.0 - uv.y);
    if (beyond > 0.0)
        colour = mix(colour, textureLod(sphere, uv + vec2(0.5, 0.0), level), beyond);
    return colour;
}
