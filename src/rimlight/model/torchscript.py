"""A patch network as TorchScript with two logits, for programs that run networks of others."""

import io
import warnings
from math import log

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rimlight.model.network import PatchNetwork, folded


class TwoLogits(nn.Module):
    """The network with its calibrated logit behind a fixed 0: softmax gives the probability.

    The softmax of ``[0, z]`` is ``[1 - p, p]`` with p the probability of z. A threshold other than
    0.5 is subtracted, so that the larger logit is the call.
    """

    def __init__(self, network: PatchNetwork, *, temperature: float, threshold: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature
        self.shift = log(threshold / (1 - threshold))

    def forward(self, light: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 2"]:
        """Return 0 and the log-odds of positive above the threshold, for each patch."""
        logits = self.network(light).unsqueeze(1) / self.temperature - self.shift
        return torch.cat([torch.zeros_like(logits), logits], dim=1)


def torchscript_of(network: PatchNetwork, *, temperature: float, threshold: float = 0.5) -> bytes:
    """Return a TorchScript file of a network: light 0..1 in, two logits a patch out.

    Tracing is old but still what such programs read; the network is convolutions and sums only,
    so that a trace holds for any number of patches.

    Args:
        network: Trained; its batch normalisations are folded into its convolutions.
        temperature: Divides the logit for a calibrated probability.
        threshold: Probability 0..1 above which a patch is positive.

    Raises:
        ValueError: The threshold or the temperature has no logit.
    """
    if not (0 < threshold < 1 and temperature > 0):
        raise ValueError(
            f"need a threshold in 0..1 and a temperature above 0, got {threshold}, {temperature}"
        )
    side = network.settings.size_px
    wrapped = TwoLogits(folded(network), temperature=temperature, threshold=threshold).eval()
    example = torch.full((2, 3, side, side), 0.7)
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.inference_mode(mode=False), torch.no_grad():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(wrapped, example)  # type: ignore[no-untyped-call]
        torch.jit.save(traced, file)
    return file.getvalue()
