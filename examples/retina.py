"""A photograph of the eye: which pixels make a patch diseased?  python retina.py OUT.png

The photograph ships in scikit-image.  The small haemorrhages are painted on it, so that the truth
is known: the photograph is real, the disease is not.  The right third of it is held out.
"""

import sys

import torch
from skimage.data import retina
from small_network import fitted

from rimlight import explain

photograph = torch.tensor(retina()).permute(2, 0, 1) / 255
row, column = torch.meshgrid(torch.arange(48), torch.arange(48), indexing="ij")


def patches(n, left, right, seed):
    torch.manual_seed(seed)
    y, x = torch.randint(350, 1000, (n,)), torch.randint(left, right, (n,))
    eye = torch.stack([photograph[:, y[k] : y[k] + 48, x[k] : x[k] + 48] for k in range(n)])
    spot, is_sick = torch.randint(8, 40, (n, 2, 1, 1)), (torch.arange(n) % 2).float()
    far = ((row - spot[:, 0]) ** 2 + 2 * (column - spot[:, 1]) ** 2).sqrt()
    blood = torch.sigmoid(4 - far)[:, None] * torch.tensor([0.5, 0.75, 0.6])[:, None, None]
    return eye * (1 - blood * is_sick[:, None, None, None]), far < 4, is_sick


x, _, y = patches(400, 200, 850, seed=0)
new, spot, truth = patches(100, 900, 1150, seed=1)
network = explain.response_of(fitted(x, y), name="logit of haemorrhage")
is_right = (network(new) > 0) == (truth > 0)
seen, own = new[is_right & (truth > 0)], spot[is_right & (truth > 0)]
print(f"{len(x)} patches trained, {len(new)} held out: {is_right.float().mean():.1%} right")
for method in (explain.by_gradient(), explain.by_occlusion(window_px=6), explain.by_path()):
    found = explain.explanation_of(network, seen, references="blur", method=method)
    share, area = explain.share_inside(found.pooled, own).mean(), own.float().mean()
    print(f"{method.name}: {share:.0%} of the evidence on the spot, {area:.1%} of the area")
print(f"largest gap {(found.gap / found.rise).abs().max():.1%} of the rise, {len(seen)} explained")
explain.picture_of(found, 0, outline=own[0]).save(sys.argv[1])
