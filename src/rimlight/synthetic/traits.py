"""What each painted cell looks like: sizes, densities and where its membrane has gaps."""

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float32, Float64, Int64

from rimlight.synthetic.appearance import Look
from rimlight.synthetic.settings import SynthSettings
from rimlight.synthetic.tissue import Kind, Points

N_ANGLES = 128
LEVEL_WIDTH_UM = (0.0, 0.5, 0.75, 1.25)
# Width on the cell's own side; a neighbour of the same level adds as much. The 0.6, 1.0 and 2.1 um
# measured on 120 HER2 biopsies (Scheel et al. 2018, PMC5848460) lie between one and two of these.
_LEAST_COMPLETE = (1.0, 0.5, 0.6, 0.75)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """One row a painted cell; lengths in micrometres, densities to base 10.

    index: the point in ``Points``.
    gate: 0..1, how much membrane there is in each direction.
    turn: angle of the nucleus, radians.
    """

    index: Int64[np.ndarray, " c"]
    reach_um: Float32[np.ndarray, " c"]
    membrane_od: Float32[np.ndarray, " c"]
    width_um: Float32[np.ndarray, " c"]
    gate: Float32[np.ndarray, "c a"]
    blush_od: Float32[np.ndarray, " c"]
    cytoplasm_od: Float32[np.ndarray, " c"]
    nucleus_od: Float32[np.ndarray, " c"]
    nucleus_u_um: Float32[np.ndarray, " c"]
    nucleus_v_um: Float32[np.ndarray, " c"]
    long_um: Float32[np.ndarray, " c"]
    short_um: Float32[np.ndarray, " c"]
    turn: Float32[np.ndarray, " c"]
    vesicular: Float32[np.ndarray, " c"]
    nucleolus_u_um: Float32[np.ndarray, "c 2"]
    nucleolus_v_um: Float32[np.ndarray, "c 2"]
    nucleolus_um: Float32[np.ndarray, "c 2"]

    def part(self, rows: slice) -> "Traits":
        """Return some of the rows."""
        return Traits(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    @property
    def completeness(self) -> Float32[np.ndarray, " c"]:
        """Share of directions in which there is membrane; 0 for a cell without any."""
        share = (self.gate > 0.5).mean(axis=1, dtype=np.float32)
        return np.where(self.membrane_od > 0, share, np.float32(0))


def traits_of(
    cells: Points,
    index: Int64[np.ndarray, " c"],
    look: Look,
    *,
    settings: SynthSettings,
    rng: np.random.Generator,
) -> Traits:
    """Draw the traits of the cells named by ``index``."""
    n_cells = len(index)
    level, is_tumour = cells.level[index], cells.kind[index] == Kind.TUMOUR
    own_od = np.array(settings.level_od)[level] * np.exp(rng.normal(0, settings.od_spread, n_cells))
    width = np.array(LEVEL_WIDTH_UM)[level] * np.exp(rng.normal(0, 0.12, n_cells))
    drawn = {
        "reach_um": 0.72 * look.cell_um * np.exp(rng.normal(0, 0.05, n_cells)),
        "membrane_od": np.where(is_tumour, own_od, 0),
        "width_um": np.maximum(width, 0.3),
        "gate": _gate(level, settings.completeness_loss, rng),
        "blush_od": _blush(level, is_tumour, settings.blush_share, rng),
        "cytoplasm_od": 0.1 * np.exp(rng.normal(0, 0.3, n_cells)),
        "nucleus_od": 0.47 * np.exp(rng.normal(0, 0.2, n_cells)),
        "turn": rng.uniform(0, np.pi, n_cells),
        "vesicular": np.clip(look.vesicular + rng.normal(0, 0.2, n_cells), 0, 1),
    }
    drawn |= _nucleus(is_tumour, look.cell_um, rng)
    return Traits(index=index, **{name: value.astype(np.float32) for name, value in drawn.items()})


def _nucleus(
    is_tumour: np.ndarray, cell_um: float, rng: np.random.Generator
) -> dict[str, Float64[np.ndarray, "..."]]:
    n_cells = len(is_tumour)
    long = np.where(is_tumour, 0.3, 0.22) * cell_um * np.exp(rng.normal(0, 0.12, n_cells))
    short = long * rng.uniform(0.62, 0.98, n_cells)
    offset = np.where(is_tumour, 0.07, 0.16) * cell_um
    spot_um = short[:, None] * rng.uniform(-0.45, 0.45, (n_cells, 2))
    size = rng.uniform(0.7, 1.25, (n_cells, 2))
    size[:, 1] *= np.where(rng.random(n_cells) < 0.4, 0.8, 0.05)
    return {
        "nucleus_u_um": rng.normal(0, 1, n_cells) * offset,
        "nucleus_v_um": rng.normal(0, 1, n_cells) * offset,
        "long_um": long,
        "short_um": short,
        "nucleolus_u_um": spot_um,
        "nucleolus_v_um": short[:, None] * rng.uniform(-0.45, 0.45, (n_cells, 2)),
        "nucleolus_um": size,
    }


def _blush(
    level: Int64[np.ndarray, " c"],
    is_tumour: np.ndarray,
    blush_share: float,
    rng: np.random.Generator,
) -> Float64[np.ndarray, " c"]:
    """Brown of the cytoplasm: faint in positive cells, stronger in some negative ones."""
    n_cells = len(level)
    faint = 0.02 * np.exp(rng.normal(0, 0.5, n_cells)) * (1 + level)
    blushed = rng.uniform(0.05, 0.18, n_cells)
    is_blushed = rng.random(n_cells) < np.where(level == 0, blush_share, 0.3 * blush_share)
    macrophage = rng.uniform(0.2, 0.65, n_cells)
    return np.where(is_tumour, np.where(is_blushed, blushed, faint), macrophage)


def _gate(
    level: Int64[np.ndarray, " c"], loss: float, rng: np.random.Generator
) -> Float64[np.ndarray, "c a"]:
    """Membrane by direction: a smooth random curve, cut where the rest is to be a gap."""
    n_cells = len(level)
    angle = 2 * np.pi * np.arange(N_ANGLES) / N_ANGLES
    curve = np.zeros((n_cells, N_ANGLES))
    for wave in range(1, 6):
        height, phase = rng.normal(0, 1 / wave, n_cells), rng.uniform(0, 2 * np.pi, n_cells)
        curve += height[:, None] * np.cos(wave * angle + phase[:, None])
    least = np.array(_LEAST_COMPLETE)[level]
    complete = 1 - loss * (1 - least) * rng.random(n_cells) ** 1.3
    order = np.sort(curve, axis=1)
    cut = np.clip(np.rint((1 - complete) * N_ANGLES), 0, N_ANGLES - 1).astype(int)
    height = np.take_along_axis(order, cut[:, None], axis=1)
    gate = 1 / (1 + np.exp(-np.clip((curve - height) / 0.12, -30, 30)))
    gate[cut == 0] = 1
    return gate * (1 + 0.12 * np.tanh(curve))
