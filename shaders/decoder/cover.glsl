// Alpha of each pixel, interpolated between cells; only alpha is written.

uniform sampler2DArray gate;

layout(location = 0) out vec4 result0;

float gate_at(ivec2 cell) {
    return texelFetch(gate, ivec3(min(cell, SIZE - 1), 0), 0).r;
}

void main() {
    vec2 place = max(gl_FragCoord.xy / float(CELL) - 0.5, 0.0);
    ivec2 corner = ivec2(floor(place));
    vec2 share = place - vec2(corner);
    float upper = mix(gate_at(corner), gate_at(corner + ivec2(1, 0)), share.x);
    float lower = mix(gate_at(corner + ivec2(0, 1)), gate_at(corner + ivec2(1, 1)), share.x);
    result0 = vec4(mix(upper, lower, share.y));
}
