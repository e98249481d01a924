// Cuts the shown viewport from a picture of the whole sphere.

uniform sampler2D picture;
uniform mat3 shown_to_world;

in vec3 ray;
out vec4 colour;

void main() {
    vec3 direction = shown_to_world * ray;
    vec4 decoded = sample_equirectangular(picture, direction, 0.0);
    colour = vec4(composite(decoded, 1.0, direction), 1.0);
}
