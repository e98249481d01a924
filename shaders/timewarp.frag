// Re-projects the newest picture from the look it was decoded for to the look shown.

uniform sampler2D picture;
uniform mat3 shown_to_picture;    // camera axes (right, up, forward)
uniform mat3 shown_to_world;
uniform vec2 picture_half_extent; // tangents of half the picture's fields of view
uniform vec2 feather;             // width of the blend at the border, in texture coordinates
uniform bool layered;             // blended over other pictures, by its reach

in vec3 ray;
out vec4 colour;

void main() {
    vec3 seen = shown_to_picture * ray;
    vec2 plane = seen.xy / max(seen.z, 1e-6) / picture_half_extent;
    vec2 uv = vec2(0.5, 0.5) + vec2(0.5, -0.5) * plane;
    vec2 depth = (0.5 - abs(uv - 0.5)) / feather;
    float reach = seen.z > 0.0 ? smoothstep(0.0, 1.0, min(depth.x, depth.y)) : 0.0;
    vec4 decoded = reach > 0.0 ? textureLod(picture, uv, 0.0) : vec4(0.0);
    vec3 shown = composite(decoded, layered ? 1.0 : reach, shown_to_world * ray);
    colour = vec4(shown, layered ? reach : 1.0);
}
