// Pixels of a crop of the frame, which may continue beyond the frame's right edge at its left.

uniform ivec4 crop;  // left, top, width and height, in pixels of the coarsest embedding

ivec2 crop_size() {
    return SCALE * crop.zw;
}

// Pixel of the whole frame's map of this size.
ivec2 on_frame(ivec2 pixel, ivec2 size) {
    pixel += SCALE * crop.xy;
    return ivec2(pixel.x % size.x, pixel.y);
}

// Place in the crop of a place in the frame, which has this many columns.
vec2 in_crop(vec2 place, int columns) {
    place -= vec2(SCALE * crop.xy);
    return vec2(mod(place.x, float(columns)), place.y);
}
