"""Errors sorted into groups of a kind: by their cause first, by their maps where those differ.

Few errors are grouped by a rule that anyone can follow: one cause, one group.  From 30 on, the
cells of one cause are parted further, but only where their maps fall into kinds that are wider
apart than the kinds k-means finds in a single cloud of points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Int

LEAST_CELLS = 30
"""Errors in all, from which maps are compared."""
LEAST_OF_CAUSE = 24
"""Cells of one cause, from which it may be parted."""
LEAST_OF_KIND = 8
MOST_KINDS = 5
N_RADII, N_ANGLES = 8, 16
N_CLOUDS = 19
LEAST_MARGIN = 0.05
"""How much wider apart kinds must stand than in any of those clouds, in silhouette."""
LEAST_SILHOUETTE = 0.25
"""Below it there is no substantial structure (Kaufman and Rousseeuw 1990)."""
N_EXAMPLES = 3
_FINER = 4
_MOST_COMPONENTS = 10
_KEPT_VARIANCE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Cells of one kind.

    name: begins with the cause; cause: as handed in.
    rows: the cells, in the order handed in; examples: the most typical of them, first one first.
    words: what tells the kind from others of its cause; empty for a group made by cause alone.
    """

    name: str
    cause: str
    rows: Int[np.ndarray, " m"]
    examples: Int[np.ndarray, " e"]
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Groups:
    """All groups, largest first; names: the group of each cell; rule: how they were made."""

    names: tuple[str, ...]
    groups: tuple[Group, ...]
    rule: str


def grouped(
    maps: Float[np.ndarray, "n s s"],
    shares: Float[np.ndarray, "n k"],
    logits: Float[np.ndarray, " n"],
    causes: Sequence[str],
) -> Groups:
    """Return the cells in groups of like errors.

    Turning or mirroring a patch changes no group, and the order of the cells changes nothing but
    which equal cell is named first.  The same input always gives the same groups.

    Args:
        maps: Attribution, signed, in logits, stains summed.
        shares: Evidence by zone and stain, or any other numbers that do not change with a turn.
        logits: The network's answer to each cell.
        causes: Main cause of each cell.

    Raises:
        ValueError: Lengths differ, or a number is not finite.

    Source:
        Own definition, see docs/method.md.  Grouping of maps: Lapuschkin et al. (2019), Nature
        Communications 10, 1096.  Silhouette: Rousseeuw (1987), J. Comput. Appl. Math. 20, 53-65.
    """
    traits = _traits(maps, shares, logits, causes)
    is_compared = len(causes) >= LEAST_CELLS
    found: list[Group] = []
    for cause in sorted(set(causes)):
        rows = np.flatnonzero([one == cause for one in causes])
        kinds = [rows]
        if is_compared and len(rows) >= LEAST_OF_CAUSE:
            kinds = _kinds(traits, rows)
        found += _named(cause, kinds, traits, maps=maps, logits=logits)
    found.sort(key=lambda group: (-len(group.rows), group.name))
    names = [""] * len(causes)
    for group in found:
        for row in group.rows:
            names[row] = group.name
    return Groups(names=tuple(names), groups=tuple(found), rule=_rule(len(causes)))


def polar(maps: Float[np.ndarray, "n s s"]) -> Float64[np.ndarray, "n 8 9"]:
    """Return what of each map does not change when its patch is turned or mirrored.

    The map is averaged in 8 rings out to the edge of the patch, 16 sectors each; along the
    sectors the sizes of the 9 frequencies are kept, so that where a sector begins is lost.  The
    first, the mean of the ring, keeps its sign.

    >>> one = np.zeros((1, 16, 16)); one[0, 2, 9] = 1
    >>> bool(np.allclose(polar(one), polar(np.rot90(one, axes=(1, 2)))))
    True
    """
    from scipy.ndimage import map_coordinates

    middle = (maps.shape[-1] - 1) / 2
    radius = (np.arange(N_RADII * _FINER) + 0.5) / (N_RADII * _FINER) * middle
    angle = (np.arange(N_ANGLES * _FINER) + 0.5) / (N_ANGLES * _FINER) * 2 * np.pi
    at = np.stack([np.outer(radius, np.sin(angle)), np.outer(radius, np.cos(angle))]) + middle
    fine = np.stack([map_coordinates(one, at, order=1) for one in maps.astype(np.float64)])
    parts = fine.reshape(len(maps), N_RADII, _FINER, N_ANGLES, _FINER).mean(axis=(2, 4))
    waves = np.fft.rfft(parts, axis=2) / N_ANGLES
    sizes = np.abs(waves)
    sizes[..., 0] = waves[..., 0].real
    return sizes


def _traits(
    maps: np.ndarray, shares: np.ndarray, logits: np.ndarray, causes: Sequence[str]
) -> Float64[np.ndarray, "n f"]:
    """Numbers that cells are compared by: maps, shares and logit weigh alike, as blocks."""
    lengths = {len(maps), len(shares), len(logits), len(causes)}
    if len(lengths) > 1:
        raise ValueError(f"maps, shares, logits and causes must be equally many, got {lengths}")
    if not all(np.isfinite(part).all() for part in (maps, shares, logits)):
        raise ValueError("maps, shares and logits must be finite; leave cells without a map out")
    if not len(causes):
        return np.zeros((0, 1))
    area = (np.arange(N_RADII) + 0.5)[None, :, None]
    sizes = polar(maps) * area
    whole = np.abs(sizes).sum(axis=(1, 2), keepdims=True)
    shape = (sizes / np.where(whole > 0, whole, 1)).reshape(len(maps), -1)
    blocks = [_block(part) for part in (shape, shares, logits[:, None])]
    return np.concatenate(blocks, axis=1).round(9)


def _block(values: np.ndarray) -> np.ndarray:
    """A block of total variance 1, columns as they weigh; too few for a kind are held back."""
    n_held = min(LEAST_OF_KIND // 2, len(values) // 10)
    ends = np.sort(values, axis=0)
    held = values.clip(ends[n_held], ends[len(values) - 1 - n_held]) - np.median(values, axis=0)
    size = float(held.var(axis=0).sum()) ** 0.5
    is_flat = size <= 1e-9 * max(1.0, float(np.abs(values).max()))
    scaled: np.ndarray = np.zeros(held.shape) if is_flat else held / size
    return scaled


def _kinds(traits: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
    """Rows of one cause in as many kinds as stand out; one list of all where none do."""
    # A fixed order, so that the order handed in decides nothing.
    ordered = rows[np.lexsort(traits[rows].T[::-1])]
    if not traits[ordered].var(axis=0).any():
        return [rows]
    scores = _components(traits[ordered])
    best, kind = _best_parting(scores)
    if best < LEAST_SILHOUETTE:
        return [rows]
    rng = np.random.default_rng(0)
    for _ in range(N_CLOUDS):
        cloud = rng.normal(0, scores.std(axis=0), scores.shape)
        if _best_parting(cloud)[0] > best - LEAST_MARGIN:
            return [rows]
    return [np.sort(ordered[kind == number]) for number in np.unique(kind)]


def _components(values: np.ndarray) -> np.ndarray:
    """The first principal components, enough to hold nine tenths of the variance."""
    from sklearn.decomposition import PCA

    n_most = min(_MOST_COMPONENTS, *values.shape)
    found = PCA(n_components=n_most, svd_solver="full").fit(values)
    held = np.cumsum(found.explained_variance_ratio_)
    n_kept = 1 + int(np.searchsorted(held, _KEPT_VARIANCE))
    scores: np.ndarray = found.transform(values)[:, :n_kept]
    return scores


def _best_parting(scores: np.ndarray) -> tuple[float, np.ndarray]:
    """The highest silhouette over numbers of kinds, and the kind of each row; -1 if none serves."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    best, kind = -1.0, np.zeros(len(scores), dtype=int)
    n_distinct = len(np.unique(scores, axis=0))
    for n_kinds in range(2, min(MOST_KINDS, len(scores) // LEAST_OF_KIND, n_distinct - 1) + 1):
        found = KMeans(n_clusters=n_kinds, n_init=5, random_state=0).fit(scores).labels_
        if np.bincount(found, minlength=n_kinds).min() < LEAST_OF_KIND:
            continue
        height = float(silhouette_score(scores, found))
        if height > best + 1e-9:
            best, kind = height, found
    return best, kind


def _named(
    cause: str, kinds: list[np.ndarray], traits: np.ndarray, *, maps: np.ndarray, logits: np.ndarray
) -> list[Group]:
    """Groups of one cause, larger kinds first; each with its most typical cells."""
    plain = cause.replace("_", " ")
    reach = _reach(maps)
    kinds = sorted(kinds, key=lambda rows: (-len(rows), float(np.median(reach[rows]))))
    groups = []
    for number, rows in enumerate(kinds, start=1):
        away = ((traits[rows] - np.median(traits[rows], axis=0)) ** 2).sum(axis=1).round(9)
        is_parted = len(kinds) > 1
        groups.append(
            Group(
                name=f"{plain}, kind {number} of {len(kinds)}" if is_parted else plain,
                cause=cause,
                rows=rows,
                examples=rows[np.argsort(away, kind="stable")[:N_EXAMPLES]],
                words=_words(maps[rows], reach[rows], logits[rows]) if is_parted else "",
            )
        )
    return groups


def _words(maps: np.ndarray, reach: np.ndarray, logits: np.ndarray) -> str:
    sizes = np.abs(polar(np.abs(maps)))
    ring, first = sizes[..., 0].sum(axis=1), sizes[..., 1].sum(axis=1)
    is_one_sided = float(np.median(first / np.where(ring > 0, ring, 1))) > 1 / 3
    where = "mostly on one side of" if is_one_sided else "spread around"
    return (
        f"logits around {np.median(logits):+.1f}; evidence {where} the click, "
        f"{100 * np.median(reach):.0f} % of the way to the patch's edge"
    )


def _reach(maps: np.ndarray) -> np.ndarray:
    """How far from the click the evidence lies on average, 0 at the click to 1 at the edge."""
    along = np.arange(maps.shape[-1]) - (maps.shape[-1] - 1) / 2
    far = np.hypot(along[:, None], along[None, :]) / max(along[-1], 1)
    size = np.abs(maps.astype(np.float64))
    total = size.sum(axis=(1, 2))
    reach: np.ndarray = (size * far).sum(axis=(1, 2)) / np.where(total > 0, total, 1)
    return reach


def _rule(n_cells: int) -> str:
    if n_cells < LEAST_CELLS:
        return (
            f"One group a cause: {n_cells} cells are fewer than the {LEAST_CELLS} from which "
            "their maps are compared."
        )
    return (
        "One group a cause, parted where the maps, the evidence by zone and the logits fall into "
        f"kinds of at least {LEAST_OF_KIND} cells that stand wider apart than in {N_CLOUDS} clouds "
        "without kinds (k-means, silhouette)."
    )
