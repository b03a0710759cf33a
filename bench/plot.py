"""A picture of memory over time, as SVG: a line, a limit, and axes with a few round numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

_WIDTH: Final = 760
_HEIGHT: Final = 300
_LEFT: Final = 62
_RIGHT: Final = 18
_TOP: Final = 34
_BOTTOM: Final = 44
_POINTS: Final = 600
"""More than these make a larger file, not a better picture."""


def draw_memory(samples: Sequence[tuple[float, float]], limit: float, title: str) -> str:
    """Draw resident memory: ``samples`` are seconds and MB, ``limit`` is a line to stay below."""
    step = max(1, len(samples) // _POINTS)
    # Of each step the greatest: a peak must not be lost between two points.
    points = [
        max(samples[at : at + step], key=lambda sample: sample[1]) for at in range(0, len(samples), step)
    ]
    longest = max(seconds for seconds, _ in points)
    highest = max(limit, *(megabytes for _, megabytes in points)) * 1.1

    def across(seconds: float) -> float:
        return _LEFT + seconds / longest * (_WIDTH - _LEFT - _RIGHT)

    def up(megabytes: float) -> float:
        return _HEIGHT - _BOTTOM - megabytes / highest * (_HEIGHT - _TOP - _BOTTOM)

    line = " ".join(f"{across(seconds):.1f},{up(megabytes):.1f}" for seconds, megabytes in points)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="20" fill="#222222" font-size="14">{title}</text>',
    ]
    for megabytes in _round_numbers(highest):
        y = up(megabytes)
        parts.append(
            f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>'
        )
        parts.append(
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" fill="#555555" text-anchor="end">{megabytes:g} MB</text>'
        )
    for seconds in _round_numbers(longest):
        x, y = across(seconds), _HEIGHT - _BOTTOM + 18
        parts.append(f'<text x="{x:.1f}" y="{y}" fill="#555555" text-anchor="middle">{seconds:g} s</text>')
    y = up(limit)
    parts += [
        f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - _RIGHT}" y2="{y:.1f}" stroke="#c0392b" stroke-dasharray="6 4"/>',
        f'<text x="{_WIDTH - _RIGHT}" y="{y - 6:.1f}" fill="#c0392b" text-anchor="end">{limit:g} MB: the limit</text>',
        f'<polyline points="{line}" fill="none" stroke="#1f5f99" stroke-width="1.5"/>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _round_numbers(largest: float) -> list[float]:
    """Give about five round numbers from zero up to ``largest``."""
    rough = largest / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [step * index for index in range(int(largest / step) + 1)]
