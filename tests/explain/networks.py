"""Small networks of several kinds, seeded, for the tests of explanation."""

import torch
from torch import nn


class Last(nn.Module):
    """A network whose only output is the response."""

    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)[:, 0]


def linear():
    return Last(nn.Flatten(), nn.Linear(40, 1))


def relu():
    return Last(nn.Flatten(), nn.Linear(3 * 8 * 8, 16), nn.ReLU(), nn.Linear(16, 1))


def in_place_relu_first():
    return Last(nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(3 * 8 * 8, 1))


def conv_norm_pool():
    return Last(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 1),
    )


def conv_sigmoid():
    return Last(conv_and_mean(nn.Conv2d(3, 4, 3), nn.Tanh()), nn.Linear(4, 1), nn.Sigmoid())


def signal():
    return Last(
        nn.Conv1d(2, 4, 5), nn.GELU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 1)
    )


def volume():
    return Last(
        nn.Conv3d(1, 3, 3), nn.SiLU(), nn.AdaptiveMaxPool3d(1), nn.Flatten(), nn.Linear(3, 1)
    )


def conv_and_mean(conv, activation):
    return nn.Sequential(conv, activation, nn.AdaptiveAvgPool2d(1), nn.Flatten())


SHAPE_OF_NETWORK = {
    linear: (40,),
    relu: (3, 8, 8),
    in_place_relu_first: (3, 8, 8),
    conv_norm_pool: (3, 12, 12),
    conv_sigmoid: (3, 9, 9),
    signal: (2, 30),
    volume: (1, 6, 7, 8),
}


def made(kind, *, dtype=torch.float64, seed=0):
    """Return the network in evaluation mode, with weights large enough to bend."""
    torch.manual_seed(seed)
    network = kind()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(3)
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.uniform_(-0.5, 0.5)
            part.running_var.uniform_(0.5, 2)
    return network.to(dtype).eval()


def items(shape, n, *, dtype=torch.float64, seed=1):
    """Return n items of values 0..1."""
    return torch.rand((n, *shape), generator=torch.Generator().manual_seed(seed), dtype=dtype)
