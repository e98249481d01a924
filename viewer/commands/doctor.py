"""``nerv360 doctor``: what the program needs, and what of it is missing here."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False,
) -> None:
    """Tell what this machine has of all that the program needs, and which engines are ready.

    A line with a minus is missing or cannot be used, with the reason and what would help. Nothing
    of it is needed to decode on the CPU but torch.
    """
    from model.progress import stage
    from model.text import escaped, escaped_json
    from viewer.doctor import examine

    with stage("looking for all that the program needs"):
        found = examine()
    if as_json:
        print(escaped_json([asdict(finding) for finding in found]))
        return
    width = max(len(finding.name) for finding in found)
    for finding in found:
        sign = "+" if finding.good else "-"
        print(f"{sign} {finding.name:{width}}  {escaped(finding.text)}")
