"""Small networks of several kinds, seeded, for the tests of explanation."""

import torch
from torch import nn

from rimlight.explain.responses import log_odds


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


def two_channels():
    return Last(conv_and_mean(nn.Conv2d(2, 4, 3), nn.ELU()), nn.Linear(4, 1))


class FiveChannelsOneOfFour(nn.Module):
    """Four classes from five channels; the response is the log-odds of one."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            conv_and_mean(nn.Conv2d(5, 6, 3), nn.LeakyReLU()), nn.Linear(6, 4)
        )

    def forward(self, x):
        return log_odds(self.layers(x), index=2)


class SecondOfThreeRegressions(nn.Module):
    """Three numbers an item, the second explained; one ReLU used twice, in place."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(12, 9), nn.Linear(9, 9), nn.Linear(9, 3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.last(self.relu(self.second(self.relu(self.first(x)))))[:, 1]


class Recurrent(nn.Module):
    """A GRU over a signal."""

    def __init__(self):
        super().__init__()
        self.gru, self.last = nn.GRU(3, 5, batch_first=True), nn.Linear(5, 1)

    def forward(self, x):
        return self.last(self.gru(x.transpose(1, 2))[0][:, -1])[:, 0]


class Attending(nn.Module):
    """Pieces of an image, one transformer block with dropout and layer norm, the mean of all."""

    def __init__(self):
        super().__init__()
        self.pieces = nn.Conv2d(3, 8, 4, stride=4)
        self.block = nn.TransformerEncoderLayer(8, 2, 12, dropout=0.3, batch_first=True)
        self.last = nn.Linear(8, 1)

    def forward(self, x):
        pieces = self.pieces(x).flatten(2).transpose(1, 2)
        return self.last(self.block(pieces).mean(1))[:, 0]


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
    two_channels: (2, 9, 7),
    FiveChannelsOneOfFour: (5, 4, 5),
    SecondOfThreeRegressions: (12,),
    Recurrent: (3, 11),
    Attending: (3, 8, 8),
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
