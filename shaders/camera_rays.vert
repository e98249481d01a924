#version 330 core
// Covers the window with one triangle and computes the camera ray through each pixel.

uniform vec2 half_extent;  // tangents of half the shown fields of view

out vec3 ray;

void main() {
    vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
    ray = vec3(corner * half_extent, 1.0);
    gl_Position = vec4(corner, 0.0, 1.0);
}
