// Positions on an equirectangular map, row 0 on top.

const float PI = 3.14159265358979;

uniform mat3 look;         // from camera axes (right, up, forward) to world axes
uniform vec2 half_extent;  // tangents of half the viewport's fields of view

// The pixel that continues a map across the seam and the poles: row -1-k is row k on the opposite
// meridian.
ivec2 on_sphere(ivec2 pixel, ivec2 size) {
    if (pixel.y < 0 || pixel.y >= size.y) {
        pixel.y = pixel.y < 0 ? -1 - pixel.y : 2 * size.y - 1 - pixel.y;
        pixel.x -= size.x / 2;
    }
    return ivec2((pixel.x + 2 * size.x) % size.x, pixel.y);
}

// World direction, of any length, of a pixel's centre in a viewport of this size.
vec3 direction_of(ivec2 pixel, ivec2 size) {
    vec2 corner = (vec2(pixel) + 0.5) / vec2(size) * 2.0 - 1.0;
    return look * vec3(corner * vec2(1.0, -1.0) * half_extent, 1.0);
}

// Column and row of a direction in a map of this size, 0 at the first pixel's centre.
vec2 place_of(vec3 direction, ivec2 size) {
    float longitude = atan(-direction.z, direction.x);
    float latitude = atan(direction.y, length(direction.xz));
    return vec2(longitude / (2.0 * PI) + 0.5, 0.5 - latitude / PI) * vec2(size) - 0.5;
}

// Four channels of a map in a direction, bilinear.
vec4 sample_sphere(sampler2DArray map, int layer, vec3 direction) {
    ivec2 size = textureSize(map, 0).xy;
    vec2 place = place_of(direction, size);
    ivec2 corner = ivec2(floor(place));
    vec2 share = place - vec2(corner);
    vec4 upper = mix(texelFetch(map, ivec3(on_sphere(corner, size), layer), 0),
                     texelFetch(map, ivec3(on_sphere(corner + ivec2(1, 0), size), layer), 0),
                     share.x);
    vec4 lower = mix(texelFetch(map, ivec3(on_sphere(corner + ivec2(0, 1), size), layer), 0),
                     texelFetch(map, ivec3(on_sphere(corner + ivec2(1, 1), size), layer), 0),
                     share.x);
    return mix(upper, lower, share.y);
}
