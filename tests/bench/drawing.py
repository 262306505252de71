"""Drawings as SVG, readable on light and dark ground: text, bars, lines, marks, axes."""

import math
from xml.sax.saxutils import escape, quoteattr

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.faint { fill: #59636e }
.ground { fill: #ffffff }
.grid { stroke: #d1d9e0 }
.even { stroke: #59636e; stroke-dasharray: 4 3 }
.spread { stroke: #1f2328; stroke-width: 1.5 }
.trillium { fill: #0969da }
.peer { fill: #aab4be }
.limit { fill: #d4a72c }
.mark0 { fill: #0969da } .mark1 { fill: #bc4c00 } .mark2 { fill: #1a7f37 } .mark3 { fill: #8250df }
.mark4 { fill: #bf3989 } .mark5 { fill: #9a6700 } .mark6 { fill: #57606a } .mark7 { fill: #0b7285 }
.mark8 { fill: #cf222e } .mark9 { fill: #1f2328 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.faint { fill: #9198a1 }
.ground { fill: #0d1117 }
.grid { stroke: #3d444d }
.even { stroke: #9198a1 }
.spread { stroke: #e6edf3 }
.trillium { fill: #4493f8 }
.peer { fill: #656c76 }
.limit { fill: #9e7a1a }
.mark0 { fill: #4493f8 } .mark1 { fill: #f0883e } .mark2 { fill: #3fb950 } .mark3 { fill: #ab7df8 }
.mark4 { fill: #f778ba } .mark5 { fill: #d29922 } .mark6 { fill: #9198a1 } .mark7 { fill: #39c5cf }
.mark8 { fill: #ff7b72 } .mark9 { fill: #e6edf3 }
}
"""

# The outlines of marks about the origin, so that they differ by more than their colour.
MARKS = [
    "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0z",
    "M-4.5,-4.5h9v9h-9z",
    "M0,-6l6,6l-6,6l-6,-6z",
    "M0,-5.5l6,10h-12z",
    "M0,5.5l6,-10h-12z",
    "M-2,-6h4v4h4v4h-4v4h-4v-4h-4v-4h4z",
    "M-6,-2h12v4h-12z",
    "M-2,-6h4v12h-4z",
    "M-5,-3l2,-2l3,3l3,-3l2,2l-3,3l3,3l-2,2l-3,-3l-3,3l-2,-2l3,-3z",
    "M-5,-5h10v10h-10zM-3,-3v6h6v-6z",
]


class Axis:
    """Values to columns from `left` to `right`: from nothing on, or by magnitude."""

    def __init__(self, values, left, right, logarithmic):
        self.left = left
        self.logarithmic = logarithmic
        if logarithmic:
            self.low = 10 ** math.floor(math.log10(min(values)))
            self.high = 10 ** math.ceil(math.log10(max(values)))
            if self.high == self.low:
                self.high *= 10
            self.scale = (right - left) / math.log10(self.high / self.low)
        else:
            self.low, self.high = 0, max(values) or 1
            self.scale = (right - left) / self.high

    def column(self, value):
        if self.logarithmic:
            return self.left + self.scale * math.log10(max(value, self.low) / self.low)
        return self.left + self.scale * value

    def ticks(self):
        """By magnitude: its powers of ten, and twice and five times them where there are few."""
        if self.logarithmic:
            count = round(math.log10(self.high / self.low))
            factors = [1, 2, 5] if count <= 2 else [1]
            values = [self.low * 10**i * f for i in range(count + 1) for f in factors]
            return [value for value in values if value <= self.high * 1.0001]
        step = 10 ** math.floor(math.log10(self.high))
        step = next(s for s in (step / 5, step / 2, step, 2 * step) if self.high / s <= 6)
        return [step * i for i in range(int(self.high / step * 1.0001) + 1)]


class Drawing:
    def __init__(self, width, height, title):
        self.width = width
        self.height = height
        self.parts = [f"<title>{escape(title)}</title>", f"<style>{STYLE}</style>"]
        self.rectangle(0, 0, width, height, "ground")
        self.text(16, 28, title, "title")

    def text(self, x, y, text, kind="", anchor="start"):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class={quoteattr(kind)} text-anchor="{anchor}">'
            f"{escape(text)}</text>"
        )

    def rectangle(self, x, y, width, height, kind):
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.2f}" height="{height:.1f}" '
            f"class={quoteattr(kind)}/>"
        )

    def line(self, x1, y1, x2, y2, kind):
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f"class={quoteattr(kind)}/>"
        )

    def mark(self, x, y, number, what):
        """One of the marks, which says what it is to whoever points at it."""
        self.parts.append(
            f'<path d="{MARKS[number % len(MARKS)]}" transform="translate({x:.1f},{y:.1f})" '
            f'class="mark{number % len(MARKS)}"><title>{escape(what)}</title></path>'
        )

    def grid(self, axis, top, bottom):
        for value in axis.ticks():
            x = axis.column(value)
            self.line(x, top, x, bottom, "grid")
            text = f"{value:g}" if value < 100_000 else f"{value:.0f}"
            self.text(x, bottom + 16, text, "faint", "middle")

    def svg(self):
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" '
            f'height="{self.height}" viewBox="0 0 {self.width} {self.height}" role="img">\n'
            + "\n".join(self.parts)
            + "\n</svg>\n"
        )
