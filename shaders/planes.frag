// Cuts the shown viewport from a picture of the whole sphere in the planes of its file.

uniform sampler2D luma;
uniform sampler2D blue;
uniform sampler2D red;
uniform vec2 chroma_scale;  // from places in luma to places in chroma
uniform vec2 chroma_offset;
uniform mat3 to_rgb;
uniform vec3 moved;
uniform mat3 shown_to_world;

in vec3 ray;
out vec4 colour;

void main() {
    vec2 place = equirectangular_place(shown_to_world * ray);
    vec2 chroma = place * chroma_scale + chroma_offset;
    float y = sample_place(luma, place, 0.0).r;
    float cb = sample_place(blue, chroma, 0.0).r;
    float cr = sample_place(red, chroma, 0.0).r;
    colour = vec4(to_rgb * vec3(y, cb, cr) + moved, 1.0);
}
