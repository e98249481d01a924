"""The report: one self-contained HTML file."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from nerv360.lab.benchmarks import PROCESSES, SpeedResult
from nerv360.lab.evaluation.pictures import opening_pictures, stills
from nerv360.lab.evaluation.plan import EvaluationPlan
from nerv360.lab.evaluation.plots import over_sphere, over_time, speed_and_memory
from nerv360.lab.evaluation.results import Evaluation, write_text
from nerv360.lab.evaluation.tables import (
    in_short,
    path_table,
    summary,
    unequal_training,
)
from nerv360.lab.evaluation.view_consistency import STEP_DEG
from nerv360.metrics import THRESHOLD
from nerv360.text import escaped

STILLS_OF = 2

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#1c1c1c;max-width:1080px;
 margin:2.2rem auto;padding:0 1.2rem}
h1{font-size:1.7rem;margin:0}h2{font-size:1.15rem;margin:2.2rem 0 .5rem}p{max-width:46rem}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.88rem}
th,td{padding:.28rem .7rem;text-align:right;border-bottom:1px solid #ddd}
th:first-child,td:first-child{text-align:left}th{border-bottom:2px solid #333}
.facts td{border:0;text-align:left;padding:.05rem .9rem .05rem 0}.facts td:first-child{color:#666}
figure{margin:.6rem 0}figcaption{font-size:.8rem;color:#555}img{max-width:100%;height:auto}
.stills{display:grid;grid-template-columns:repeat(2,1fr);gap:.7rem}.stills figure{margin:0}
.stills figure:first-child{grid-column:1/-1;width:50%}
.wide{overflow-x:auto}.small{font-size:.85rem;color:#444}
"""


def write_report(plan: EvaluationPlan, evaluation: Evaluation, folder: Path) -> Path:
    """Write ``report.html`` and its figures to ``folder``.

    Raises:
        InputError: a file cannot be written.
    """
    names = list(plan.paths)
    looks = {
        name: [step.look.degrees()[:2] for step in steps] for name, steps in plan.paths.items()
    }
    figures = {
        f"over-time-{name}": over_time([p for p in evaluation.paths if p.path == name])
        for name in names
    }
    figures["over-sphere"] = over_sphere(evaluation.spheres, looks)
    figures["speed-and-memory"] = speed_and_memory(evaluation)
    plots = folder / "plots"
    plots.mkdir(exist_ok=True)
    for name, png in figures.items():
        (plots / f"{name}.png").write_bytes(png)
    body = [
        f"<h1>{_html(evaluation.title)}</h1>",
        "<div class=stills>",
        *(_figure(jpeg, caption, "jpeg") for caption, jpeg in opening_pictures(plan)),
        "</div>",
        f"<p>{_html(in_short(evaluation))}</p>",
        _table((), evaluation.facts.items(), "facts"),
        "<h2>Summary</h2>",
        _table(*summary(evaluation)),
        _explanation(evaluation),
        "<h2>Quality along each path</h2>",
        "<p>Mean PSNR in dB / PSNR in dB where it moves / MS-SSIM of the viewports.</p>",
        _table(*path_table(evaluation)),
        *(_figure(figures[f"over-time-{name}"], name) for name in names),
        "<h2>Quality over the sphere</h2>",
        _figure(
            figures["over-sphere"], "Equirectangular, yaw across and pitch up; lines: the paths"
        ),
        "<h2>Speed and memory</h2>",
        _figure(figures["speed-and-memory"], ""),
        _table(
            ("decoder", "measured on", "memory is", "lowest and highest MiB"),
            [(s.name, s.machine, s.memory_kind, _range(s)) for s in evaluation.speeds],
        ),
    ]
    for name in names[:STILLS_OF]:
        body.append(f"<h2>Pictures: middle of {_html(name)}</h2><div class=stills>")
        body += [_figure(jpeg, caption, "jpeg") for caption, jpeg in stills(plan, name)]
        body.append("</div>")
    target = folder / "report.html"
    title = _html(f"{evaluation.title}: evaluation")
    write_text(
        target,
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width">\n<style>{_STYLE}</style>\n'
        + "\n".join(body)
        + "\n</html>\n",
    )
    return target


def _explanation(evaluation: Evaluation) -> str:
    items = [f"<li><b>{_html(n)}</b>: {_html(t)}" for n, t in evaluation.notes.items()]
    reference = evaluation.original
    unequal = unequal_training(evaluation.trainings)
    warning = f"<p><b>{_html(unequal)}</b></p>" if unequal else ""
    return f"""{warning}<ul class=small>{"".join(items)}</ul>
<p class=small>MB: a scene file of this decoder alone, header and all; an encoded file,
container and all. PSNR and MS-SSIM compare the decoded viewport with the one cut from the original
(bilinear) at the same look, level; roll and zoom are re-projections that the display makes.
They are means over the pictures, then over the paths. Moving: PSNR of the pixels that
differ from the clip's temporal median by more than {THRESHOLD} of full scale in one of their
colours, their squared errors averaged over all pictures of all paths before the logarithm.
Every picture is rounded to 8 bits first, as a display shows it. WS-PSNR is of the whole
sphere, over {len(reference.frames)} pictures; a viewport decoder's sphere is composed of
overlapping decoded viewports, blended towards their edges. Speed and memory are
the medians of {PROCESSES} processes, each of which loads this decoder alone.</p>
<p class=small>Shimmer: PSNR between pictures decoded {STEP_DEG}° apart, both turned to the
look between them; seam: the same across ±180°. Higher is steadier. The original, cut in the
same way, reaches {reference.shimmer_db:.1f} and {reference.seam_db:.1f} dB, which is what
interpolation and its detail leave. A value above the original's is no merit: the picture
then has less fine detail than there is, for blur hides what interpolation does.</p>"""


def _html(text: str) -> str:
    """Return text that files may have brought, as a page shows it."""
    return html.escape(escaped(text))


def _range(speed: SpeedResult) -> str:
    return " to ".join(f"{bytes_ / 2**20:.0f}" for bytes_ in speed.memory_range)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], style: str = "") -> str:
    cells = "".join(f"<th>{_html(cell)}" for cell in head)
    lines = ["<tr>" + "".join(f"<td>{_html(cell)}" for cell in row) for row in rows]
    first = f"<tr>{cells}" if cells else ""
    return f'<div class=wide><table class="{style}">{first}{"".join(lines)}</table></div>'


def _figure(data: bytes, caption: str, kind: str = "png") -> str:
    text = _html(caption)
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
    label = f"<figcaption>{text}</figcaption>" if text else ""
    return f'<figure><img alt="{text}" src="{source}">{label}</figure>'
