// Alpha of each cell, from the mean difference of 3x3 cells and the motion in it; 0 without motion.

uniform sampler2DArray cells;
uniform vec4 learnt;  // sharpness and threshold of the difference, then of the motion

layout(location = 0) out vec4 result0;

void main() {
    ivec2 cell = ivec2(gl_FragCoord.xy);
    vec3 sum = vec3(0.0);
    float count = 0.0;
    for (int y = -1; y <= 1; ++y)
        for (int x = -1; x <= 1; ++x) {
            ivec2 near = cell + ivec2(x, y);
            if (WRAPS)
                near = on_sphere(near, SIZE);
            else if (any(lessThan(near, ivec2(0))) || any(greaterThanEqual(near, SIZE)))
                continue;
            sum += texelFetch(cells, ivec3(near, 0), 0).rgb;
            count += 1.0;
        }
    float apart = dot(abs(sum / count), vec3(1.0 / 3.0));
    float moved = texelFetch(cells, ivec3(cell, 0), 0).a;
    float gate = STEEPNESS * learnt.x * (apart - THRESHOLD * learnt.y);
    float above = STEEPNESS * learnt.z * (MOST_MOTION * moved - THRESHOLD * learnt.w);
    float bounded = BOUND * (2.0 * logistic(vec4(2.0 * above)).x - 1.0);
    result0 = logistic(vec4(gate + bounded)) * min(MOTION_LEVELS * moved, 1.0);
}
