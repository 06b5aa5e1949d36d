"""Ki-67: which pixels make a nucleus positive?  python nuclear_stain.py FOLDER OUT.png

FOLDER holds X.png and X_segmentation.png (red: positive nuclei, blue: negative), as in DeepLIIF
(Ghahremani et al., 2022), 0.25 um a pixel.  The last tile is held out.
"""

import sys
from pathlib import Path

import torch
from skimage import io, measure
from small_network import fitted
from torch.utils.data import default_collate

from rimlight import explain


def nuclei(truth):
    tile, colours = io.imread(str(truth).replace("_segmentation", "")), io.imread(truth)
    for channel, is_positive in ((0, 1.0), (2, 0.0)):
        number = measure.label(colours[..., channel] > 150)
        for region in measure.regionprops(number):
            y, x = (int(part) for part in region.centroid)
            window = (slice(y - 28, y + 28), slice(x - 28, x + 28))
            if tile[window].shape == (56, 56, 3) and region.area > 100:
                patch = torch.tensor(tile[window]).permute(2, 0, 1) / 255
                yield patch, torch.tensor(number[window] == region.label), torch.tensor(is_positive)


*tiles, held_out = sorted(Path(sys.argv[1]).glob("*_segmentation.png"))
x, _, y = default_collate([nucleus for tile in tiles for nucleus in nuclei(tile)])
new, nucleus, truth = default_collate(list(nuclei(held_out)))
network = explain.response_of(fitted(x, y), name="logit of Ki-67 positive")
call, pool = network(new) > 0, x[y == 0][:8]
seen, own = new[call], nucleus[call]
found = explain.explanation_of(network, seen, references=pool, reference_name="8 negative nuclei")
share, gap = explain.share_inside(found.pooled, own).mean(), (found.gap / found.rise).abs().max()
print(f"{len(x)} nuclei trained, {len(new)} held out: {(call == truth).float().mean():.1%} right")
print(f"evidence in its own nucleus {share:.0%}, area {own.float().mean():.0%}, gap {gap:.1%}")
explain.picture_of(found, 0, outline=own[0]).save(sys.argv[2])
