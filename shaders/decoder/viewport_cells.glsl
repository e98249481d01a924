// Difference of a viewport's cells from the still panorama, and the clip's motion there.
// Model: model/networks/coverage.py.

uniform sampler2D picture;
uniform sampler2D still;
uniform sampler2D motion;

layout(location = 0) out vec4 result0;

vec3 panorama_at(ivec2 pixel, ivec2 size) {
    ivec2 corner = on_sphere(pixel, size) * PANORAMA;
    vec3 sum = vec3(0.0);
    for (int y = 0; y < PANORAMA; ++y)
        for (int x = 0; x < PANORAMA; ++x)
            sum += texelFetch(still, corner + ivec2(x, y), 0).rgb;
    return sum / float(PANORAMA * PANORAMA);
}

float motion_at(ivec2 pixel, ivec2 size) {
    return texelFetch(motion, on_sphere(pixel, size), 0).r;
}

void main() {
    ivec2 cell = ivec2(gl_FragCoord.xy);
    vec3 mean = vec3(0.0);
    for (int y = 0; y < CELL; ++y)
        for (int x = 0; x < CELL; ++x)
            mean += texelFetch(picture, cell * CELL + ivec2(x, y), 0).rgb;
    vec3 direction = direction_of(cell, SIZE);

    ivec2 size = textureSize(still, 0) / PANORAMA;
    vec2 place = place_of(direction, size);
    ivec2 corner = ivec2(floor(place));
    vec2 share = place - vec2(corner);
    vec3 upper = mix(panorama_at(corner, size), panorama_at(corner + ivec2(1, 0), size), share.x);
    vec3 lower = mix(panorama_at(corner + ivec2(0, 1), size),
                     panorama_at(corner + ivec2(1, 1), size), share.x);
    vec3 compared = mix(upper, lower, share.y);

    size = textureSize(motion, 0);
    place = place_of(direction, size);
    corner = ivec2(floor(place));
    share = place - vec2(corner);
    float moved = mix(mix(motion_at(corner, size), motion_at(corner + ivec2(1, 0), size), share.x),
                      mix(motion_at(corner + ivec2(0, 1), size),
                          motion_at(corner + ivec2(1, 1), size), share.x), share.y);
    result0 = vec4(mean / float(CELL * CELL) - compared, moved);
}
