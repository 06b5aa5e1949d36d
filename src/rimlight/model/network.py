"""The patch classifier: settings to a small residual network that keeps the centre cell sharp.

Input is RGB light in 0..1; normalisation is the first layer, so that white, black and every
reference of an attribution mean colours.  Output is one logit a patch, positive above 0.
"""

import copy
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

ARCHITECTURE = "rimlight-cnn-1"

# Mean and spread of light over brightfield H-DAB tissue, rounded: fixed, so that a model never
# depends on the study that it was trained on. Own definition, see docs/method.md.
LIGHT_MEAN = (0.78, 0.72, 0.70)
LIGHT_SPREAD = (0.18, 0.20, 0.22)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSettings:
    """What a network is built from; kept in ``model.json``.

    size_px: side of a patch, a multiple of 8.
    width: channels of the first stage.
    shape: channels of the stem and of the four stages, in widths.
    """

    size_px: int = 64
    width: int = 16
    shape: tuple[float, ...] = (1, 1, 2, 4, 6)

    def __post_init__(self) -> None:
        if self.size_px < 16 or self.size_px % 8:
            raise ValueError(f"size_px must be a multiple of 8 of at least 16, got {self.size_px}")
        if len(self.shape) != 5 or min(self.channels) < 1:
            raise ValueError(
                f"width and shape must be five stages of a channel or more, got {self}"
            )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of the stem and of the four stages.

        >>> NetworkSettings().channels
        (16, 16, 32, 64, 96)
        """
        return tuple(round(share * self.width) for share in self.shape)

    def as_dict(self) -> dict[str, Any]:
        """Return plain numbers for ``model.json``."""
        return {**asdict(self), "shape": list(self.shape)}


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(n_channels, n_channels), *_convolution(n_channels, n_channels)[:2]
        )

    @property
    def last_scale(self) -> Tensor:
        """Scales of the last normalisation, one a channel."""
        scale = self.body[-1].weight
        if not isinstance(scale, Tensor):
            raise TypeError("the body of a residual block must end in a normalisation")
        return scale

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        changed: Tensor = self.body(x)
        return changed.add_(x).relu_()


class PatchNetwork(nn.Module):
    """Patches of RGB light to one logit each.

    No early stride and no max-pool: average pooling halves the plane three times after
    convolutions at full size, so that a membrane of one pixel is seen.  The head weighs each
    place of the last plane by its own learned weight, so that the network knows which cell
    is meant: the one in the centre.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, settings: NetworkSettings) -> None:
        super().__init__()
        self.settings = settings
        side = settings.size_px // 8
        stem, first, second, third, fourth = settings.channels
        self.register_buffer("mean", torch.tensor(LIGHT_MEAN).view(1, 3, 1, 1))
        self.register_buffer("spread", torch.tensor(LIGHT_SPREAD).view(1, 3, 1, 1))
        self.trunk = nn.Sequential(
            *_convolution(3, stem),
            *_convolution(stem, first),
            nn.AvgPool2d(2),
            *_convolution(first, second),
            Residual(second),
            nn.AvgPool2d(2),
            *_convolution(second, third),
            Residual(third),
            nn.AvgPool2d(2),
            *_convolution(third, fourth),
            Residual(fourth),
        )
        self.place = nn.Conv2d(fourth, fourth, side, groups=fourth, bias=False)
        self.head = nn.Sequential(nn.BatchNorm1d(fourth), nn.Dropout(0.2), nn.Linear(fourth, 1))
        _initialise(self)

    def forward(self, light: Float[Tensor, "n 3 h w"]) -> Float[Tensor, " n"]:
        """Return the logit of each patch, positive above 0, before calibration."""
        logits: Tensor = self.head(self.features(light)).squeeze(1)
        return logits

    def features(self, light: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n f"]:
        """Return what the last layer weighs: the last plane, each channel weighed by place."""
        planes = self.trunk((light - self.mean) / self.spread)
        found: Tensor = self.place(planes).flatten(1)
        return found


def new_network(settings: NetworkSettings, *, seed: int) -> PatchNetwork:
    """Return an untrained network in evaluation mode, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _channels_last(PatchNetwork(settings).eval())


def folded(network: PatchNetwork) -> PatchNetwork:
    """Return a frozen copy that gives the same logits with fewer operations.

    Each batch normalisation is folded into the convolution before it; exact up to rounding, in
    evaluation mode only.  Attribution walks this copy.
    """
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    lean = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
    rows = [lean.trunk, *(part.body for part in lean.modules() if isinstance(part, Residual))]
    for row in rows:
        for place in range(len(row) - 1):
            first, second = row[place], row[place + 1]
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                row[place] = fuse_conv_bn_eval(first, second)
                row[place + 1] = nn.Identity()
    return _channels_last(lean)


def untrained_network(
    settings: NetworkSettings, light: Float[Tensor, "n 3 h w"], *, seed: int
) -> PatchNetwork:
    """Return a network with random weights whose normalisation fits the given light.

    The control of every attribution: statistics are taken from real patches, so that its
    responses vary as much as those of a trained network.
    """
    network = new_network(settings, seed=seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
            module.momentum = None
    network.train()
    with torch.no_grad():
        network(light)
    return network.eval()


def n_multiplications(network: PatchNetwork) -> int:
    """Return the multiplications of one forward pass of one patch."""
    counts: list[int] = []

    def count(module: nn.Conv2d, _inputs: object, output: Tensor) -> None:
        counts.append(output[0].numel() * module.weight[0].numel())

    handles = [
        m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d)
    ]
    side = network.settings.size_px
    with torch.no_grad():
        network(torch.ones(1, 3, side, side))
    for handle in handles:
        handle.remove()
    return sum(counts)


def _channels_last(network: PatchNetwork) -> PatchNetwork:
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _convolution(n_in: int, n_out: int) -> list[nn.Module]:
    return [
        nn.Conv2d(n_in, n_out, 3, padding=1, padding_mode="zeros", bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    ]


def _initialise(network: PatchNetwork) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if isinstance(module, Residual):
            nn.init.constant_(module.last_scale, 0.5)
    nn.init.constant_(network.place.weight, 1.0 / network.place.weight[0].numel())
