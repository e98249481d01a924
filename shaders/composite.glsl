// What is shown of a decoded picture and of what lies behind it in the same direction.

const int PICTURE_ALONE = 1;
const int SHARE = 2;

uniform sampler2D behind;   // the whole sphere, premultiplied; alpha 0 where nothing is known
uniform float detail;       // the level of it that is sampled
uniform vec3 clear_colour;
uniform int compositing;

// The picture is not premultiplied; its reach is 1 inside it, and 0 where it shows nothing.
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
