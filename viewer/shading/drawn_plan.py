"""A plan in a context: its textures, and drawing a picture."""

from __future__ import annotations

import weakref
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from OpenGL import GL

from nerv360.geometry import Look
from nerv360.networks import FrameCrop
from nerv360.shaders import Band, Kind, Moment, Pass, ShaderPlan
from nerv360.viewer.shading.context import ShaderContext
from nerv360.viewer.shading.failure import GraphicsError, graphics_errors
from nerv360.viewer.shading.programs import PassProgram, unit_of
from nerv360.viewer.shading.textures import Framebuffer, MapTexture, WeightStore

RING = 3
"""Number of pictures that stay unchanged at a time."""

_NO_TIMEOUT = 0xFFFF_FFFF_FFFF_FFFF
"""OpenGL's GL_TIMEOUT_IGNORED; PyOpenGL defines a different number."""

_SLICE_NS = 500_000_000
_PATIENCE_S = 120.0


class DrawnPlan:
    """A plan that draws pictures; every method needs the context held."""

    def __init__(self, context: ShaderContext, plan: ShaderPlan) -> None:
        """Compile the programs and allocate the textures.

        Raises:
            GraphicsError: the driver refuses a program or a target, or memory runs out.
        """
        self.plan, self._context = plan, context
        self._programs = []
        for program in plan.programs:
            self._programs.append(PassProgram(program))
            weakref.finalize(self._programs[-1], context.drop, "Program", self._programs[-1].id)
        self._vertices = int(GL.glGenVertexArrays(1))
        weakref.finalize(self, context.drop, "VertexArrays", self._vertices)
        textured = any(program.texture for program in plan.programs)
        self._weights = WeightStore(context, plan.weights, textured)
        self.pictures = [MapTexture(context, plan.maps[plan.picture]) for _ in range(RING)]
        self._maps = {
            name: MapTexture(context, map_)
            for name, map_ in plan.maps.items()
            if name != plan.picture
        }
        self._targets = {
            (each.target, each.layer): Framebuffer(
                context, self._maps[each.target], each.layer, plan.programs[each.program].targets
            )
            for each in plan.passes
            if each.target != plan.picture
        }
        self._picture_targets = [Framebuffer(context, texture) for texture in self.pictures]
        self._crop: FrameCrop | None = None

    def give(self, name: str, values: npt.NDArray[np.float32] | npt.NDArray[np.uint8]) -> None:
        """Fill one of the plan's input maps; see `MapTexture.put`."""
        self._maps[name].put(values)

    @property
    def given(self) -> Mapping[str, Kind]:
        """Kinds of the plan's input maps, by name."""
        return {name: map_.kind for name, map_ in self.plan.maps.items() if map_.given}

    def draw_crop(self, crop: FrameCrop, affines: npt.NDArray[np.float32]) -> FrameCrop:
        """Draw the features of a crop of the frame, for pictures of looks within it; return it.

        Args:
            affines: from `Conditions.of`, for any look.

        Raises:
            GraphicsError: the driver fails.
        """
        with graphics_errors():
            self._begin()
            self._crop = crop
            for program in self._programs:
                program.use()
                program.set_integers("crop", crop.left, crop.top, crop.width, crop.height)
            for each in self._of(Moment.CROP):
                self._pass(each, 0, affines, None)
            GL.glFlush()
        return crop

    def draw(
        self, index: int, look: Look, affines: npt.NDArray[np.float32], *, frame_is_new: bool
    ) -> MapTexture:
        """Draw a picture into a texture of the ring and wait for it.

        Args:
            index: of the texture.
            look: of the viewport; whole frames ignore it.
            affines: from `Conditions.of`.
            frame_is_new: input maps have changed since the last picture.

        Raises:
            GraphicsError: the driver fails or does not answer.
        """
        texture = self.pictures[index]
        with graphics_errors():
            if texture.released is not None:
                GL.glWaitSync(texture.released, 0, _NO_TIMEOUT)
                GL.glDeleteSync(texture.released)
                texture.released = None
            self._begin()
            self._set_look(look)
            if frame_is_new:
                for each in self._of(Moment.FRAME):
                    self._pass(each, index, affines, None)
            for band in self.plan.bands:
                for each in self._of(Moment.BAND):
                    self._pass(each, index, affines, band)
                GL.glFlush()
            for each in self._of(Moment.PICTURE):
                self._pass(each, index, affines, None)
            GL.glColorMask(True, True, True, True)
        self._wait()
        return texture

    def read(self, index: int) -> npt.NDArray[np.uint8]:
        """Return the pixels of a picture of the ring, height×width×4, row 0 on top."""
        height, width = self.plan.size
        with graphics_errors():
            GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, self._picture_targets[index].id)
            GL.glPixelStorei(GL.GL_PACK_ALIGNMENT, 1)
            data = GL.glReadPixels(0, 0, width, height, GL.GL_RGBA, GL.GL_UNSIGNED_BYTE)
        return np.frombuffer(data, np.uint8).reshape(height, width, 4)

    def _begin(self) -> None:
        GL.glDisable(GL.GL_BLEND)
        GL.glDisable(GL.GL_DITHER)
        GL.glBindVertexArray(self._vertices)
        self._weights.bind_texture(unit_of("weights"))

    def _of(self, moment: Moment) -> list[Pass]:
        return [each for each in self.plan.passes if each.moment is moment]

    def _set_look(self, look: Look) -> None:
        height, width = self.plan.size
        tangent = look.half_extent
        for program in self._programs:
            program.use()
            program.set_matrix("look", look.rotation())
            program.set_vector("half_extent", tangent, tangent * height / width)

    def _pass(
        self, each: Pass, index: int, affines: npt.NDArray[np.float32], band: Band | None
    ) -> None:
        plan = self.plan
        program, text = self._programs[each.program], plan.programs[each.program]
        program.use()
        rows, width, first = (0, each.height), each.width, 0
        if each.moment is Moment.CROP:
            assert self._crop is not None
            assert plan.crops is not None
            rows = (0, each.height * self._crop.height // plan.crops.height)
            width = width * self._crop.width // plan.crops.width
        if band is not None:
            rows = band.rows[each.target]
            first = rows[0] if plan.maps[each.target].banded else 0
        program.set_integer("first", first)
        for sampler, name in each.reads.items():
            texture = self.pictures[index] if name == plan.picture else self._maps[name]
            texture.bind(unit_of(sampler))
            begin = band.rows[name][0] if band is not None and plan.maps[name].banded else 0
            program.set_integer(f"{sampler}_first", begin)
        for name, value in each.integers.items():
            program.set_integer(name, value)
        if text.block:
            self._weights.bind_block(each.weights, text.block)
        elif text.texture:
            program.set_integer("matrix", each.weights)
        if each.affine is not None:
            begin, count = each.affine
            program.set_vectors("affine", affines[begin : begin + count])
        if each.learnt is not None:
            program.set_vectors("learnt", np.asarray([each.learnt], np.float32))
        if each.target == plan.picture:
            target = self._picture_targets[index]
        else:
            target = self._targets[each.target, each.layer]
        GL.glBindFramebuffer(GL.GL_FRAMEBUFFER, target.id)
        GL.glColorMask(*3 * [not each.alpha], True)
        GL.glViewport(0, rows[0] - first, width, rows[1] - rows[0])
        GL.glDrawArrays(GL.GL_TRIANGLES, 0, 3)

    def _wait(self) -> None:
        with graphics_errors():
            fence = GL.glFenceSync(GL.GL_SYNC_GPU_COMMANDS_COMPLETE, 0)
            waited = 0.0
            while True:
                state = GL.glClientWaitSync(fence, GL.GL_SYNC_FLUSH_COMMANDS_BIT, _SLICE_NS)
                if state != GL.GL_TIMEOUT_EXPIRED or waited > _PATIENCE_S:
                    break
                waited += _SLICE_NS / 1e9
            GL.glDeleteSync(fence)
        if state not in (GL.GL_ALREADY_SIGNALED, GL.GL_CONDITION_SATISFIED):
            raise GraphicsError("the graphics driver does not finish a picture")
