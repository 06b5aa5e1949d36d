"""Contributing pixels against nuclei that people outlined: Ki-67 tiles with masks.

    python benchmarks/ki67_overlap.py --tiles FOLDER

FOLDER holds tiles as ``NAME.png`` with ``NAME_segmentation.png``, and strips of six panels of which
the first is the stain and the last the mask (red: positive, blue: negative, green: border).  The
data is not part of this repository.  Each tile is held out once: a small network learns positive
against negative from the nuclei of the other tiles, and the held-out nuclei that are labelled and
called positive are explained.  Few tiles: the numbers say how the parts work together on a real
nuclear stain, and no more.  Intervals resample quarters of tiles.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import label

from rimlight.core.clustered import mean_of
from rimlight.core.edits import turned
from rimlight.core.overlap import average_precision, dice
from rimlight.core.stains import HDAB, dab_density
from rimlight.core.zones import disc
from rimlight.explain.attribution import PathSettings, attributions
from rimlight.explain.contributing import evidence, gaussian_prior, mean_of_others, thresholded
from rimlight.explain.membranes import joint_claim
from rimlight.explain.references import white_references
from rimlight.explain.stain_space import stain_removed_attributions, stain_space
from rimlight.model.network import NetworkSettings, folded, new_network
from rimlight.workflows.blocks import bootstrap

MPP, SIZE_PX = 0.5, 48
HEADS = ("average precision", "margin", "Dice", "margin")
WHITE = (255.0, 255.0, 255.0)
SIGMA_UM, MIN_AREA_UM2 = 1.75, 0.5
RADII_UM = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
CLICK_SIGMA_UM = 0.8
"""Scatter of the click, as in the synthetic study; without it a disc would know the nucleus."""
N_STEPS, N_BATCH, SEED = 250, 32, 20261124


@dataclass(frozen=True, slots=True, kw_only=True)
class Nuclei:
    """Nuclei of all tiles: patches, own masks, labels, and where each lies."""

    patches: np.ndarray
    masks: np.ndarray
    is_positive: np.ndarray
    tile: np.ndarray
    quarter: np.ndarray

    def gates(self) -> np.ndarray:
        """DAB density above the palest fifth of each tile's patches."""
        dab = np.stack([dab_density(p, white=WHITE, stains=HDAB) for p in self.patches])
        floor = {t: np.quantile(dab[self.tile == t], 0.2) for t in np.unique(self.tile)}
        lowest = np.array([floor[t] for t in self.tile])[:, None, None]
        return np.clip(dab - lowest, 0, 2.5).astype(np.float32)


def read_tiles(folder: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return stain and mask of each tile."""
    found = {}
    for path in sorted(folder.glob("*.png")):
        image = np.asarray(Image.open(path).convert("RGB"))
        mask_path = path.with_name(f"{path.stem}_segmentation.png")
        if image.shape[1] == 6 * image.shape[0]:
            side = image.shape[0]
            found[path.stem] = (image[:, :side], image[:, -side:])
        elif mask_path.is_file():
            found[path.stem] = (image, np.asarray(Image.open(mask_path).convert("RGB")))
    return found


def nuclei_of(tiles: dict[str, tuple[np.ndarray, np.ndarray]]) -> Nuclei:
    """Return every outlined nucleus of at least 12 um2, at 0.5 um per pixel, with its surround."""
    half, random = SIZE_PX // 2, np.random.default_rng(SEED)
    rows = []
    for name, (stain, mask) in tiles.items():
        small = np.asarray(Image.fromarray(stain).resize((256, 256), Image.Resampling.BOX))
        wide = np.pad(small, ((half, half), (half, half), (0, 0)), constant_values=255)
        classes = mask.astype(int)[::2, ::2]
        for is_positive, channel in ((True, 0), (False, 2)):
            parts, n = label((classes[..., channel] > 128) & (classes[..., 1] < 128))
            for number in range(1, n + 1):
                own = parts == number
                if own.sum() < 12 / MPP**2:
                    continue
                y, x = (clicked(at, random) for at in np.nonzero(own))
                cut = (slice(y, y + SIZE_PX), slice(x, x + SIZE_PX))
                rows.append(
                    (
                        wide[cut],
                        np.pad(own, half)[cut],
                        is_positive,
                        name,
                        f"{name} {y // 128}{x // 128}",
                    )
                )
    patches, masks, positive, tile, quarter = zip(*rows, strict=True)
    return Nuclei(
        patches=np.stack(patches),
        masks=np.stack(masks),
        is_positive=np.array(positive),
        tile=np.array(tile),
        quarter=np.array(quarter),
    )


def clicked(at: np.ndarray, random: np.random.Generator) -> int:
    """Return where a reader clicks along one axis: near the middle of the nucleus."""
    return int(np.clip(round(at.mean() + random.normal(0, CLICK_SIGMA_UM / MPP)), 0, 255))


def light(patches: np.ndarray) -> torch.Tensor:
    """Return patches as light 0..1, channels first."""
    return torch.from_numpy(patches.astype(np.float32) / 255).permute(0, 3, 1, 2).contiguous()


def trained(patches: np.ndarray, is_positive: np.ndarray) -> torch.nn.Module:
    """Return a small network, fitted on these patches under random turns, frozen."""
    random = np.random.default_rng(SEED)
    network = new_network(NetworkSettings(size_px=SIZE_PX, width=8), seed=SEED).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=0.02)
    classes = [np.flatnonzero(is_positive == value) for value in (True, False)]
    for _ in range(N_STEPS):
        rows = np.concatenate([random.choice(rows, N_BATCH // 2) for rows in classes])
        batch = turned(patches[rows], turn=random.integers(0, 8, len(rows)))
        goal = torch.from_numpy(is_positive[rows].astype(np.float32))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(light(batch)), goal)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return folded(network.eval())


def claims(network: torch.nn.Module, patches: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """Return joint claims of maps against negative nuclei, clear glass and the stain removed."""
    images, path = light(patches), PathSettings()
    white = torch.tensor([WHITE]).expand(len(images), 3)
    found = [
        attributions(
            network, images, references=light(negatives), reference_name="opposite", settings=path
        ),
        attributions(
            network,
            images,
            references=white_references(images, white=white),
            reference_name="white",
            settings=path,
        ),
        stain_removed_attributions(
            network,
            images,
            space=stain_space(HDAB, white=white),
            background_od=torch.full((len(images),), 0.05),
            settings=path,
        ),
    ]
    maps = np.stack([each.values.sum(1).numpy() for each in found])
    return np.stack([joint_claim(maps[:, i]) for i in range(len(images))]).astype(np.float32)


def best_prior(nuclei: Nuclei, gates: np.ndarray, rows: np.ndarray, *, is_disc: bool) -> np.ndarray:
    """Return the disc or bell whose product with the stain is best on these nuclei."""

    def prior(um: float) -> np.ndarray:
        if is_disc:
            return disc(SIZE_PX, mpp=MPP, radius_um=um).astype(np.float32)
        return gaussian_prior(SIZE_PX, sigma_px=um / MPP)

    def worth(um: float) -> float:
        found = [average_precision(gates[i] * prior(um), nuclei.masks[i]) for i in rows]
        return float(np.mean(found))

    return prior(max(RADII_UM, key=worth))


def held_out_scores(nuclei: Nuclei, tile: str) -> tuple[np.ndarray, dict[str, np.ndarray], float]:
    """Return rows of explained nuclei, AP and Dice of each system, and the accuracy."""
    gates, is_held = nuclei.gates(), nuclei.tile == tile
    fit = np.flatnonzero(~is_held)
    network = trained(nuclei.patches[fit], nuclei.is_positive[fit])
    with torch.no_grad():
        logit = network(light(nuclei.patches)).numpy()
    accuracy = float(((logit > 0) == nuclei.is_positive)[is_held].mean())
    rows = np.flatnonzero(is_held & nuclei.is_positive & (logit > 0))
    pool = fit[~nuclei.is_positive[fit] & (logit[fit] < 0)][:: max(1, len(fit) // 12)][:8]
    own = claims(network, nuclei.patches[rows], nuclei.patches[pool])
    others, another = mean_of_others(own), np.roll(own, 1, axis=0)
    positive = fit[nuclei.is_positive[fit]]
    round_, bell = (best_prior(nuclei, gates, positive, is_disc=it) for it in (True, False))
    sigma_px = SIGMA_UM / MPP
    products = {
        "attribution x DAB": [
            evidence(m, gate=gates[i], sigma_px=sigma_px) for m, i in zip(own, rows, strict=True)
        ],
        "mean map of the others x DAB": [
            evidence(m, gate=gates[i], sigma_px=sigma_px) for m, i in zip(others, rows, strict=True)
        ],
        "another nucleus's map x DAB": [
            evidence(m, gate=gates[i], sigma_px=sigma_px)
            for m, i in zip(another, rows, strict=True)
        ],
        "Gaussian bell x DAB": [gates[i] * bell for i in rows],
        "disc x DAB": [gates[i] * round_ for i in rows],
        "DAB threshold": [gates[i] for i in rows],
    }
    scores = {
        name: np.array(
            [score(p, gates[i], nuclei.masks[i]) for p, i in zip(values, rows, strict=True)]
        )
        for name, values in products.items()
    }
    return rows, scores, accuracy


def score(product: np.ndarray, gate: np.ndarray, own: np.ndarray) -> tuple[float, float]:
    """Return average precision, and Dice of the mask by Otsu's threshold."""
    mask = thresholded(product, gate=gate, floor=0.05, min_area_px=MIN_AREA_UM2 / MPP**2)
    return average_precision(product, own), dice(mask, own)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiles", type=Path, required=True)
    tiles = read_tiles(parser.parse_args().tiles)
    torch.set_num_threads(1)
    nuclei = nuclei_of(tiles)
    parts = []
    for tile in tiles:
        rows, scores, accuracy = held_out_scores(nuclei, tile)
        held = nuclei.tile == tile
        print(
            f"{tile}: {held.sum()} nuclei, {nuclei.is_positive[held].sum()} positive; held-out "
            f"accuracy {accuracy:.3f}; {len(rows)} explained"
        )
        parts.append((rows, scores))
    rows = np.concatenate([part[0] for part in parts])
    quarter = nuclei.quarter[rows]
    draws = bootstrap(quarter, n_resamples=2000, seed=SEED)
    everyone = np.ones(len(rows), dtype=bool)
    print(f"{len(rows)} positive nuclei of {len(tiles)} tiles, {len(np.unique(quarter))} quarters")
    print(
        "own nucleus".ljust(32),
        "average precision".ljust(24),
        "margin".ljust(26),
        "Dice".ljust(24),
        "margin",
    )
    names = list(parts[0][1])
    joined = {name: np.concatenate([part[1][name] for part in parts]) for name in names}
    for name in names:
        cells = [name.ljust(32)]
        for at in (0, 1):
            mine, method = (
                draws.sample(mean_of(joined[it][:, at], draws.clusters), everyone)
                for it in (name, names[0])
            )
            cells.append(words(mine.interval).ljust(25))
            cells.append(("" if name == names[0] else words((method - mine).interval)).ljust(25))
        print(" ".join(cells).rstrip())


def words(interval: object) -> str:
    """Return value and interval."""
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


if __name__ == "__main__":
    main()
