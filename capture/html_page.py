"""The frame of every page that ortwin writes: self-contained, nothing from outside."""

from __future__ import annotations

from html import escape

STYLE = """
:root { --ink: #26303a; --pale: #66727f; --line: #dde2e7; --paper: #fbfcfd; --card: #ffffff; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
h1 { font-size: 26px; margin: 0; } h2 { font-size: 19px; margin: 40px 0 8px; text-transform: capitalize; }
h3 { font-size: 14px; margin: 20px 0 4px; color: var(--pale); font-weight: 600; }
p { margin: 4px 0; color: var(--pale); } section { border-top: 1px solid var(--line); margin-top: 28px; }
.cards { display: flex; flex-wrap: wrap; gap: 10px; margin: 24px 0 8px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; }
.card b { display: block; font-size: 21px; font-variant-numeric: tabular-nums; }
.card span { color: var(--pale); font-size: 13px; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(235px, 1fr)); gap: 2px 24px; margin: 8px 0; }
dl div { display: flex; justify-content: space-between; gap: 12px; border-bottom: 1px dotted var(--line); }
dt { color: var(--pale); } dd { margin: 0; white-space: nowrap; font-variant-numeric: tabular-nums; text-align: right; }
.wide { overflow-x: auto; } table { border-collapse: collapse; margin: 4px 0 12px; font-size: 14px; }
th, td { padding: 3px 14px 3px 0; border-bottom: 1px solid var(--line); text-align: left; }
th { color: var(--pale); font-weight: 600; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
.plots { display: flex; flex-wrap: wrap; gap: 16px; } .plots svg { max-width: 100%; height: auto; }
nav a { color: inherit; margin-right: 12px; } .absent td:first-child { font-weight: 600; }
.key i { display: inline-block; width: 12px; height: 12px; margin: 0 5px 0 14px; vertical-align: -1px; }
"""


def html_page(title: str, body: str) -> str:
    """A whole page.

    Args:
        title: of the window; escaped here.
        body: HTML.
    """
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body><main>\n{body}\n</main></body></html>\n"
    )
