"""One torch thread: small networks gain nothing from more, and other tests run beside."""

import torch

torch.set_num_threads(1)
