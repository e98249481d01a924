// Turns the newest picture from the look it was decoded for to the look that is shown, over the
// background: a small picture of the whole sphere.

uniform sampler2D picture;
uniform sampler2D background;     // premultiplied; alpha 0 where nothing is known yet
uniform mat3 shown_to_picture;    // camera axes (right, up, forward)
uniform mat3 shown_to_world;
uniform vec2 picture_half_extent; // tangents of half the picture's fields of view
uniform vec2 feather;             // width of the border's blend, in texture coordinates
uniform vec3 clear_colour;

in vec3 ray;
out vec4 colour;

void main() {
    vec3 seen = shown_to_picture * ray;
    vec2 plane = seen.xy / max(seen.z, 1e-6) / picture_half_extent;
    vec2 uv = vec2(0.5, 0.5) + vec2(0.5, -0.5) * plane;
    vec2 depth = (0.5 - abs(uv - 0.5)) / feather;
    float share = seen.z > 0.0 ? smoothstep(0.0, 1.0, min(depth.x, depth.y)) : 0.0;
    vec3 shown = vec3(0.0);
    if (share > 0.0)
        shown = share * textureLod(picture, uv, 0.0).rgb;
    if (share < 1.0) {
        vec4 known = sample_equirectangular(background, shown_to_world * ray);
        shown += (1.0 - share) * (known.rgb + (1.0 - known.a) * clear_colour);
    }
    colour = vec4(shown, 1.0);
}
