"""``nerv360 doctor``: requirements of the program, and which are missing here."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False,
) -> None:
    """Check what the program needs on this machine, and which engines are ready.

    A minus marks what is missing or cannot be used, with the reason and the remedy. Decoding on the
    CPU needs only torch.
    """
    from nerv360.progress import stage
    from nerv360.text import escaped, escaped_json
    from nerv360.viewer.commands.examination import examine

    with stage("looking for all that the program needs"):
        found = examine()
    if as_json:
        print(escaped_json([asdict(finding) for finding in found]))
        return
    width = max(len(finding.name) for finding in found)
    for finding in found:
        sign = "+" if finding.good else "-"
        print(f"{sign} {finding.name:{width}}  {escaped(finding.text)}")
