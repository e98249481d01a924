// Draws the difference of two drawings of the window's size, per channel, amplified.

uniform sampler2D first;
uniform sampler2D second;
uniform float gain;

in vec3 ray;
out vec4 colour;

void main() {
    ivec2 pixel = ivec2(gl_FragCoord.xy);
    vec3 apart = abs(texelFetch(first, pixel, 0).rgb - texelFetch(second, pixel, 0).rgb);
    colour = vec4(min(gain * apart, 1.0), 1.0);
}
