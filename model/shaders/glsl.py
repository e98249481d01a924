"""Texts of fragment shaders, valid as GLSL 3.30 core and GLSL ES 3.00."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from nerv360.shaders.limits import MATRIX_BYTES
from nerv360.shaders.plan import WEIGHTS_WIDTH

_HERE = Path(__file__).resolve().parent
_FOLDERS = (_HERE / "decoder", _HERE.parents[1] / "shaders" / "decoder")
"""Candidates for the folder of the pieces: inside the installed package, or in a checkout."""

SINE, GELU, COLOUR, NONE = "sine", "gelu", "colour", "none"
"""Activations; the colour head's is tanh(x)·0.5 + 0.5, the logistic function of 2x."""

_ACTIVATED = {
    SINE: "sine({0})",
    GELU: "gelu({0})",
    COLOUR: "vec4(logistic(2.0 * {0}).rgb, 1.0)",
    NONE: "{0}",
}


Constant = int | float | bool | tuple[int, int]


@cache
def piece(name: str) -> str:
    """Return the text of ``shaders/decoder/NAME``."""
    folder = next((folder for folder in _FOLDERS if folder.exists()), _FOLDERS[-1])
    return (folder / name).read_text(encoding="utf-8")


@dataclass(frozen=True)
class FeatureReader:
    """GLSL that reads features, four channels per group.

    Attributes:
        groups: of each pixel.
        stride: of a pixel shuffle done on reading; each texel then holds stride² pixels, row by
            row, with `groups` groups each.
        split: layers of the first of two texture arrays; 0 if there is only one.
        cut: the map is of the whole frame, and pixels are those of a crop.
    """

    groups: int
    stride: int = 1
    split: int = 0
    cut: bool = False

    def text(self, name: str) -> str:
        """Return the function ``NAME_at(pixel, group)`` and its uniforms.

        The samplers are NAME and, with two arrays, NAME_more.
        """
        place, layer = f"pixel - ivec2(0, {name}_first)", "group"
        if self.stride > 1:
            s = self.stride
            place = f"pixel / {s} - ivec2(0, {name}_first)"
            layer = f"((pixel.y % {s}) * {s} + pixel.x % {s}) * {self.groups} + group"
        if self.cut:
            place = f"on_frame(pixel, textureSize({name}, 0).xy)"
        samplers, lines = [name], [f"return texelFetch({name}, ivec3({place}, {layer}), 0);"]
        if self.split:
            samplers.append(f"{name}_more")
            lines = [
                f"ivec3 at = ivec3({place}, {layer});",
                f"if (at.z < {self.split}) return texelFetch({name}, at, 0);",
                f"return texelFetch({name}_more, at - ivec3(0, 0, {self.split}), 0);",
            ]
        return (
            "".join(f"uniform sampler2DArray {sampler};\n" for sampler in samplers)
            + f"uniform int {name}_first;\n\nvec4 {name}_at(ivec2 pixel, int group) {{\n"
            + "".join(f"    {line}\n" for line in lines)
            + "}\n"
        )


@dataclass(frozen=True)
class Layer:
    """One convolution and additions to it, for some groups of its outputs.

    Attributes:
        size: height and width of the whole map, in and out.
        targets: groups of outputs.
        source: features to convolve; None if the layer only adds.
        kernel: 1, 3, 5 or 7.
        wraps: features continue across the seam and the poles; otherwise zeros surround them.
        affine: the source is scaled and shifted first.
        activation: of the convolution, before the additions.
        base: features to add unchanged.
        finer: groups of a finer embedding to add by a 1×1 convolution; 0 for none.
        projected: the finer embedding is sampled along the look instead of pixel by pixel.
        scale: pixels per pixel of the coarsest embedding in a crop of the frame, whose size is
            known only when it is drawn; 0 elsewhere.
    """

    size: tuple[int, int] = (0, 0)
    targets: int = 1
    source: FeatureReader | None = None
    kernel: int = 1
    wraps: bool = False
    affine: bool = False
    activation: str = NONE
    base: FeatureReader | None = None
    finer: int = 0
    projected: bool = False
    scale: int = 0

    @property
    def products(self) -> int:
        """Number of matrices it multiplies with."""
        groups = self.kernel**2 * self.source.groups if self.source else 0
        return (groups + self.finer) * self.targets

    @property
    def matrices(self) -> int:
        """Number of matrices including those that hold its biases."""
        biases = self.targets * ((self.source is not None) + (self.finer > 0))
        return self.products + -(-biases // 4)

    @property
    def bounds(self) -> dict[str, int]:
        """Uniforms with the ends of its loops.

        With constants compilers would unroll the loops, which takes some of them a second per
        program.
        """
        bounds = {"taps": self.kernel**2, "groups": self.source.groups} if self.source else {}
        return {**bounds, "finer_groups": self.finer} if self.finer else bounds

    def text(self, *, in_block: bool) -> str:
        """Return the program, with its weights in a uniform block or in a texture.

        The matrices are in this order: the convolution's, by tap, group of inputs and target; the
        finer embedding's, by group and target; the biases of both, four targets per matrix.
        """
        height, width = self.size
        parts = [f"const ivec2 SIZE = ivec2({width}, {height});\n"]
        if self.scale:
            parts = [f"const int SCALE = {self.scale};\n", piece("crop.glsl")]
        if self.wraps or self.projected:
            parts.append(piece("sphere.glsl"))
        if self.activation != NONE:
            parts.append(piece("activations.glsl"))
        if self.activation != COLOUR:
            parts.append(piece("rounding.glsl"))
        parts.append(_block_text(self.matrices) if in_block else _TEXTURE_TEXT)
        if self.source:
            parts += [self.source.text("source"), "uniform int taps;\nuniform int groups;\n"]
        if self.affine and self.source:
            parts.append(f"uniform vec4 affine[{2 * self.source.groups}];\n")
        if self.base:
            parts.append(self.base.text("base"))
        if self.finer:
            parts.append("uniform sampler2DArray finer;\nuniform int finer_groups;\n")
        if self.base or self.finer:
            parts.append("uniform int group;  // of the first target\n")
        parts += ["uniform int first;\n", targets_text(self.targets), self._main()]
        return "\n".join(parts)

    def _main(self) -> str:
        lines = ["ivec2 pixel = ivec2(gl_FragCoord.xy) + ivec2(0, first);"]
        if self.scale:
            lines.append("ivec2 SIZE = crop_size();")
        names = [f"sum{k}" for k in range(self.targets)]
        biases = self.products
        if self.source:
            lines += [
                f"vec4 {n} = weight({biases + k // 4})[{k % 4}];" for k, n in enumerate(names)
            ]
            lines += self._convolution(names, self.source)
            lines += [f"{n} = {_ACTIVATED[self.activation].format(n)};" for n in names]
        else:
            lines += [f"vec4 {n} = vec4(0.0);" for n in names]
        if self.base:
            lines += [f"{n} += base_at(pixel, group + {k});" for k, n in enumerate(names)]
        if self.finer:
            lines += self._finer(names, biases)
        stored = "{0}" if self.activation == COLOUR else "rounded({0})"
        lines += [f"result{k} = {stored.format(n)};" for k, n in enumerate(names)]
        return "void main() {\n" + "".join(f"    {line}\n" for line in lines) + "}\n"

    def _convolution(self, names: list[str], source: FeatureReader) -> list[str]:
        kernel, radius = self.kernel, self.kernel // 2
        value = "source_at(near, k)"
        if self.affine:
            value = f"{value} * affine[2 * k] + affine[2 * k + 1]"
        lines = [
            "int next = 0;",
            "for (int tap = 0; tap < taps; ++tap) {",
            f"    ivec2 near = pixel + ivec2(tap % {kernel}, tap / {kernel}) - {radius};",
        ]
        if radius and self.wraps:
            lines.append("    near = on_sphere(near, SIZE);")
        elif radius:
            lines += [
                "    if (any(lessThan(near, ivec2(0))) || any(greaterThanEqual(near, SIZE))) {",
                f"        next += groups * {self.targets};",
                "        continue;",
                "    }",
            ]
        return [
            *lines,
            "    for (int k = 0; k < groups; ++k) {",
            f"        vec4 value = {value};",
            *(f"        {n} += weight(next + {k}) * value;" for k, n in enumerate(names)),
            f"        next += {self.targets};",
            "    }",
            "}",
        ]

    def _finer(self, names: list[str], biases: int) -> list[str]:
        begin = biases - self.finer * self.targets
        after = self.targets if self.source else 0
        bias = [(biases + (after + k) // 4, (after + k) % 4) for k in range(self.targets)]
        seen = "texelFetch(finer, ivec3(pixel, k), 0)"
        if self.scale:
            seen = "texelFetch(finer, ivec3(on_frame(pixel, textureSize(finer, 0).xy), k), 0)"
        lines = [f"{n} += weight({at})[{k}];" for n, (at, k) in zip(names, bias, strict=True)]
        if self.projected:
            lines.append("vec3 direction = direction_of(pixel, SIZE);")
            seen = "sample_sphere(finer, k, direction)"
        return [
            *lines,
            "for (int k = 0; k < finer_groups; ++k) {",
            f"    vec4 value = {seen};",
            *(
                f"    {n} += weight({begin} + k * {self.targets} + {t}) * value;"
                for t, n in enumerate(names)
            ),
            "}",
        ]


def projection_text(
    size: tuple[int, int], targets: int, source: FeatureReader, crop: tuple[int, int] | None
) -> str:
    """Return the program that samples groups of features along the look.

    Args:
        crop: the features are of a crop: their `Layer.scale`, and rows of the whole frame's.
    """
    height, width = size
    parts = [f"const ivec2 SIZE = ivec2({width}, {height});\n", piece("sphere.glsl")]
    lines = [
        "ivec2 pixel = ivec2(gl_FragCoord.xy) + ivec2(0, first);",
        "vec3 direction = direction_of(pixel, SIZE);",
    ]
    sampled = "sample_sphere(source, {0}, direction)"
    texture = "uniform sampler2DArray source;\n"
    if crop is not None:
        scale, rows = crop
        parts += [f"const int SCALE = {scale};\n", piece("crop.glsl")]
        texture = source.text("source")
        lines += [
            f"vec2 place = in_crop(place_of(direction, ivec2({2 * rows}, {rows})), {2 * rows});",
            "ivec2 corner = ivec2(floor(place));",
            "vec2 share = place - vec2(corner);",
            *(
                f"ivec2 near{k} = on_sphere(corner + ivec2({k % 2}, {k // 2}), crop_size());"
                for k in range(4)
            ),
        ]
        upper, lower = (
            f"mix(source_at(near{k}, {{0}}), source_at(near{k + 1}, {{0}}), share.x)"
            for k in (0, 2)
        )
        sampled = f"mix({upper}, {lower}, share.y)"
    lines += [f"result{k} = rounded({sampled.format(f'group + {k}')});" for k in range(targets)]
    return "\n".join(
        [
            *parts,
            piece("rounding.glsl"),
            texture,
            "uniform int group;\nuniform int first;\n",
            targets_text(targets),
            "void main() {\n" + "".join(f"    {line}\n" for line in lines) + "}\n",
        ]
    )


def fixed_text(constants: Mapping[str, Constant], *names: str) -> str:
    """Join pieces after the constants that they use; a size is (height, width) as in `Layer`."""
    return "\n".join([*_constants(constants), "", *(piece(name) for name in names)])


def targets_text(count: int) -> str:
    """Return the declarations of a program's results."""
    return "".join(f"layout(location = {k}) out vec4 result{k};\n" for k in range(count))


def _constants(values: Mapping[str, Constant]) -> Iterable[str]:
    for name, value in values.items():
        if isinstance(value, tuple):
            yield f"const ivec2 {name} = ivec2({value[1]}, {value[0]});"
        elif isinstance(value, bool):
            yield f"const bool {name} = {str(value).lower()};"
        elif isinstance(value, int):
            yield f"const int {name} = {value};"
        else:
            yield f"const float {name} = {value!r};"


def _block_text(matrices: int) -> str:
    return (
        f"layout(std140) uniform Weights {{\n    mat4 matrices[{matrices}];  // {MATRIX_BYTES} "
        "bytes each\n};\n\nmat4 weight(int index) {\n    return matrices[index];\n}\n"
    )


_TEXTURE_TEXT = f"""uniform sampler2D weights;
uniform int matrix;

mat4 weight(int index) {{
    int at = matrix + index;
    ivec2 texel = ivec2(at % {WEIGHTS_WIDTH // 4} * 4, at / {WEIGHTS_WIDTH // 4});
    return mat4(texelFetch(weights, texel, 0), texelFetch(weights, texel + ivec2(1, 0), 0),
                texelFetch(weights, texel + ivec2(2, 0), 0),
                texelFetch(weights, texel + ivec2(3, 0), 0));
}}
"""
