"""A volume: which voxels make it hold a nodule?  python volume.py OUT.png

Synthetic, no scan: noise, crossed by tubes that are as bright as the nodule, a ball.
"""

import sys

import torch
from small_network import fitted

from rimlight import explain

place = torch.stack(torch.meshgrid(*[torch.arange(24.0)] * 3, indexing="ij"))


def volumes(n, seed):
    torch.manual_seed(seed)
    has_nodule, shape = (torch.arange(n) % 2).float(), (n, 3, 1, 1, 1)
    way = place - torch.randint(6, 18, shape)
    ball = way.square().sum(1) < 12
    along = torch.nn.functional.normalize(torch.randn(shape), dim=1)
    off = place - torch.randint(4, 20, shape)
    tube = (off.square().sum(1) - (off * along).sum(1).square()) < 3
    light = torch.where(ball & (has_nodule > 0)[:, None, None, None] | tube, 0.7, 0.2)
    return (light + 0.1 * torch.randn(light.shape))[:, None].clamp(0, 1), ball, has_nodule


x, _, y = volumes(240, seed=0)
new, ball, truth = volumes(60, seed=1)
network = explain.response_of(fitted(x, y, n_steps=120), name="logit of nodule")
is_right = (network(new) > 0) == (truth > 0)
seen, own = new[is_right & (truth > 0)], ball[is_right & (truth > 0)]
pool = x[y == 0][:8]
found = explain.explanation_of(network, seen, references=pool, reference_name="8 without nodule")
share, area = explain.share_inside(found.pooled, own).mean(), own.float().mean()
print(f"{len(x)} volumes trained, {len(new)} held out: {is_right.float().mean():.1%} right")
gap = (found.gap / found.rise).abs().max()
print(f"evidence in the nodule {share:.0%}, its share of the volume {area:.1%}, gap {gap:.1%}")
middle = own[0].nonzero()[16].tolist()
explain.picture_of(found, 0, outline=own[0], through_px=middle).save(sys.argv[1])
