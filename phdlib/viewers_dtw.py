"""The warping path under the pointer: point at a pair of frames in the matrix of costs, and see both bodies."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from phdlib.figures import RIGHT
from phdlib.figures_dtw import bone_lines, limits
from phdlib.mistiming import Alignment
from phdlib.palette import BLUE, TRUE_BODY

# Trace 2 is the ring about the pair, 3 and 4 are the bodies, 5 the true joints out of sight. Bones are one broken line.
_SCRIPT = """
var plot = document.getElementById('{plot_id}'), data = DATA;
function line(points) {
  var x = [], y = [];
  data.bones.forEach(function (bone) {
    bone.forEach(function (joint) { x.push(points[joint][0] / 1000); y.push(points[joint][1] / 1000); });
    x.push(null); y.push(null);
  });
  return {x: x, y: y};
}
function show(i, j) {
  var truth = line(data.truth[j]), body = line(data.placed[i][j]);
  var hidden = data.truth[j].filter(function (point, joint) { return !data.visible[j][joint]; });
  var rings = [0, 1].map(function (axis) { return hidden.map(function (point) { return point[axis] / 1000; }); });
  Plotly.restyle(plot, {
    x: [[j + 1], truth.x, body.x, rings[0]], y: [[i + 1], truth.y, body.y, rings[1]]
  }, [2, 3, 4, 5]);
  var error = data.error[i][j] === null ? '' : ': ' + data.error[i][j] + ' ' + data.unit;
  var text = 'true frame ' + (j + 1) + ' in grey, predicted frame ' + (i + 1) + error;
  Plotly.relayout(plot, {'annotations[1].text': text});
}
plot.on('plotly_hover', function (event) {
  var point = event.points[0];
  if (point.curveNumber < 2) show(Math.round(point.y) - 1, Math.round(point.x) - 1);
});
"""


class Scripted:
    """A plotly figure whose page also runs a script, as :func:`phdlib.publish.save_html` writes it."""

    def __init__(self, figure: go.Figure, script: str) -> None:
        self.figure, self.script = figure, script

    def to_html(self, **options: Any) -> str:
        return self.figure.to_html(post_script=self.script, **options)


def path_explorer(found: Alignment, title: str = "") -> Scripted:
    """The matrix of costs with the path; beside it the two frames under the pointer, the predicted one laid on the true
    one; rings are true joints out of sight, which do not count. Without a pointer, the pair of the path at which the
    two are farthest apart in time."""
    T, skeleton = len(found.cost), found.skeleton
    i, j = found.path[np.abs(found.path[:, 0] - found.path[:, 1]).argmax()]
    fig = make_subplots(1, 2, column_widths=[0.55, 0.45], horizontal_spacing=0.08,
                        subplot_titles=[title, _caption(found, i, j)])  # fmt: skip
    scale, unit = (1000, "mm") if found.unit == "mm" else (100, "% of the person's size")
    frames = list(range(1, T + 1))
    fig.add_heatmap(
        z=np.round(scale * found.cost, 2), x=frames, y=frames, colorscale="Greys", colorbar={"title": unit, "x": 0.5},
        hovertemplate="true %{x}, predicted %{y}: cost %{z} " + unit + "<extra></extra>", row=1, col=1,
    )  # fmt: skip
    fig.add_scatter(
        x=found.path[:, 1] + 1, y=found.path[:, 0] + 1, mode="lines+markers", line={"color": RIGHT, "width": 2},
        marker={"size": 5}, hovertemplate="on the path: true %{x}, predicted %{y}<extra></extra>", row=1, col=1,
    )  # fmt: skip
    fig.add_scatter(
        x=[j + 1], y=[i + 1], mode="markers", hoverinfo="skip", row=1, col=1,
        marker={"size": 13, "color": "rgba(0,0,0,0)", "line": {"color": BLUE, "width": 3}},
    )  # fmt: skip
    for points, color, width in ((found.truth[j], TRUE_BODY, 7), (found.placed[i, j], BLUE, 3)):
        line = bone_lines(points, skeleton).round(3)
        fig.add_scatter(x=line[:, 0], y=line[:, 1], mode="lines", line={"color": color, "width": width},
                        hoverinfo="skip", row=1, col=2)  # fmt: skip
    hidden = found.truth[j, ~found.visible[j]].round(3)
    fig.add_scatter(
        x=hidden[:, 0], y=hidden[:, 1], mode="markers", hoverinfo="skip", row=1, col=2,
        marker={"size": 11, "color": "white", "line": {"color": TRUE_BODY, "width": 2}},
    )  # fmt: skip
    low, high = limits(found)
    fig.update_xaxes(title="true frame", range=[0.5, T + 0.5], constrain="domain", row=1, col=1)
    fig.update_yaxes(title="predicted frame", range=[0.5, T + 0.5], scaleanchor="x", row=1, col=1)
    fig.update_xaxes(visible=False, range=[low[0], high[0]], row=1, col=2)
    fig.update_yaxes(visible=False, range=[low[1], high[1]], scaleanchor="x2", row=1, col=2)
    fig.update_annotations(font_size=12)
    fig.update_layout(showlegend=False, height=480, margin={"l": 50, "r": 10, "t": 40, "b": 40}, plot_bgcolor="white")
    return Scripted(fig, _SCRIPT.replace("DATA", json.dumps(_data(found), separators=(",", ":"))))


def _caption(found: Alignment, i: int, j: int) -> str:
    error = found.error[i, j]
    shown = "" if np.isnan(error) else f": {error:.1f} {found.unit}"
    return f"true frame {j + 1} in grey, predicted frame {i + 1}{shown}"


def _data(found: Alignment) -> dict[str, Any]:
    """What the script draws from: points in thousandths of the person's size."""
    error = [[None if np.isnan(value) else round(float(value), 1) for value in row] for row in found.error]
    return {
        "bones": [list(bone) for bone in found.skeleton.bones],
        "truth": (1000 * found.truth).round().astype(int).tolist(),
        "visible": found.visible.astype(int).tolist(),
        "placed": (1000 * found.placed).round().astype(int).tolist(),
        "error": error,
        "unit": found.unit,
    }
