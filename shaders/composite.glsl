// Composites a decoded picture over the sphere behind it.

const int PICTURE_ALONE = 1;
const int SHARE = 2;

uniform sampler2D behind;   // the whole sphere, premultiplied; alpha 0 where unknown
uniform float detail;       // its mipmap level
uniform vec3 clear_colour;
uniform int compositing;

// The picture is not premultiplied; its reach is 1 inside it and 0 outside.
vec3 composite(vec4 picture, float reach, vec3 direction) {
    float cover = reach * (compositing == PICTURE_ALONE ? 1.0 : picture.a);
    if (compositing == SHARE)
        return vec3(cover);
    vec3 shown = cover * picture.rgb;
    if (cover < 1.0) {
        vec4 known = sample_equirectangular(behind, direction, detail);
        shown += (1.0 - cover) * (known.rgb + (1.0 - known.a) * clear_colour);
    }
    return shown;
}
