// Difference of a whole frame's cells from the still panorama, and the clip's motion there.
// Model: model/networks/coverage.py.

uniform sampler2D picture;
uniform sampler2D still;
uniform sampler2D motion;

layout(location = 0) out vec4 result0;

float motion_at(ivec2 pixel, ivec2 size) {
    return texelFetch(motion, clamp(pixel, ivec2(0), size - 1), 0).r;
}

void main() {
    ivec2 cell = ivec2(gl_FragCoord.xy);
    vec3 apart = vec3(0.0);
    for (int y = 0; y < CELL; ++y)
        for (int x = 0; x < CELL; ++x) {
            ivec2 pixel = cell * CELL + ivec2(x, y);
            apart += texelFetch(picture, pixel, 0).rgb - texelFetch(still, pixel, 0).rgb;
        }
    ivec2 size = textureSize(motion, 0);
    vec2 place = max((vec2(cell) + 0.5) / vec2(SIZE) * vec2(size) - 0.5, 0.0);
    ivec2 corner = ivec2(floor(place));
    vec2 share = place - vec2(corner);
    float moved = mix(mix(motion_at(corner, size), motion_at(corner + ivec2(1, 0), size), share.x),
                      mix(motion_at(corner + ivec2(0, 1), size),
                          motion_at(corner + ivec2(1, 1), size), share.x), share.y);
    result0 = vec4(apart / float(CELL * CELL), moved);
}
