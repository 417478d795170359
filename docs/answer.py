"""Draw docs/images/answer.svg, the tags of two real titles: `python docs/answer.py MODEL STORE`, after `make demo`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

import kgtag

OUT = Path(__file__).parent / "images" / "answer.svg"
TITLES = (
    "Nordvik merino crew socks, charcoal, 2 pairs",
    "小学生书包男减负护脊防水反光宇航员卡通一到三年级 Pikke 宝蓝色",
)


def table(title: str, tagging: kgtag.Tagging) -> Table:
    """The tags that the text states, most probable first, then mentions without a concept."""
    shown = Table(title=f"\n[bold]{title}[/]", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("attribute", "tag", "concept", "from", "probability"):
        shown.add_column(name, justify="right" if name == "probability" else "left")
    for tag in tagging.tags:
        if tag.surface is not None:
            shown.add_row(tag.attribute or tag.kind, tag.label, tag.concept, tag.surface, f"{tag.probability:.2f}")
    for nil in tagging.nil:
        shown.add_row(nil.attribute or "", "—", "[dim]NIL[/]", nil.surface, f"{nil.probability:.2f}")
    return shown


def main() -> None:
    shop = kgtag.load(sys.argv[1], store=sys.argv[2])
    console = Console(record=True, width=86, force_terminal=True)
    for title in TITLES:
        console.print(table(title, shop(title)))
    svg = console.export_svg(title="kgtag tag")
    # No font from elsewhere, and no width by the number of characters: Chinese ones are wide.
    OUT.write_text(re.sub(r'\s*@font-face \{.*?\}| textLength="[^"]*"', "", svg, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
