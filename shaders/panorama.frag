// Cuts the shown viewport from a picture of the whole sphere.

uniform sampler2D picture;
uniform mat3 shown_to_world;

in vec3 ray;
out vec4 colour;

void main() {
    colour = vec4(sample_equirectangular(picture, shown_to_world * ray).rgb, 1.0);
}
