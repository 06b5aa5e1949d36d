"""The gate on responses whose answer is known, and rows whose verdict follows from numbers."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from rimlight.explain.attribution import PathSettings
from rimlight.explain.estimates import Cases
from rimlight.explain.quality import Beside, GateSettings, quality_of
from rimlight.explain.quality_rows import (
    completeness_row,
    consistency_row,
    deletion_row,
    randomised_row,
    reference_row,
)
from rimlight.explain.scorecard import CODES, stamp_of
from rimlight.explain.zone_mass import Zoned

N = 12
CASES = Cases(case=np.repeat(np.arange(6), 2), n_resamples=200, seed=0)
QUICK = GateSettings(n_random_networks=2, n_stages=2, n_few=4, n_checked=4, n_resamples=100)


class Detector(nn.Module):
    """Positive where something dark lies in the middle; what lies at the rim does not count."""

    def __init__(self):
        super().__init__()
        self.look = nn.Conv2d(3, 4, 3, padding=1)
        self.head = nn.Linear(4 * 64, 1)
        with torch.no_grad():
            self.look.weight.zero_()
            self.look.weight[:, :, 1, 1] = -1.0
            self.look.bias.fill_(2.5)
            middle = torch.zeros(8, 8)
            middle[2:6, 2:6] = 1.0
            self.head.weight.copy_(0.1 * middle.flatten().repeat(4)[None])
            self.head.bias.fill_(-4.0)

    def forward(self, x):
        return self.head(torch.relu(self.look(x)).flatten(1))


def dark_in_the_middle():
    """White images, a dark ring in the middle and darker spots at the rim, the same for nobody."""
    random = torch.Generator().manual_seed(0)
    images = 1 - 0.02 * torch.rand((N, 3, 8, 8), generator=random)
    images[:, :, 2:6, 2:6] -= 0.5 + 0.3 * torch.rand((N, 1, 4, 4), generator=random)
    images[:, :, :, 0] -= 0.9 * torch.rand((N, 1, 8), generator=random)
    images[:, :, 7] -= 0.6 * torch.rand((N, 1, 8), generator=random)
    return images.clamp(0, 1)


def zones():
    own, beside = np.zeros((N, 8, 8)), np.zeros((N, 8, 8))
    own[:, 2:6, 2:6] = 1
    beside[:, :, 0] = beside[:, 7] = 1
    return Zoned(own=own, neighbour=beside)


def test_a_response_images_and_a_reference_are_enough():
    card = quality_of(Detector().eval(), dark_in_the_middle(), references="white", settings=QUICK)
    assert [check.code for check in card.checks] == list(CODES)
    verdicts = {check.code: check.verdict for check in card.checks}
    assert {code: verdicts[code] for code in ("E1", "E2", "E5")} == dict.fromkeys(
        ("E1", "E2", "E5"), "pass"
    )
    assert verdicts["E3"] in ("pass", "fail")
    assert all(verdicts[code] == "not run" for code in ("E4", "E6", "E7", "E9", "E10", "E12"))
    assert all(check.reason.endswith(".") for check in card.checks)
    json.dumps(card.as_dict(), allow_nan=False)


def test_a_good_detector_passes_with_zones_and_one_of_the_rim_fails():
    images = dark_in_the_middle()
    good = Detector().eval()
    beside = Beside(zones=zones(), case=CASES.case)
    card = quality_of(good, images, references="white", beside=beside, settings=QUICK)
    check = card.of("E6")
    assert (check.verdict, check.value) == ("printed", pytest.approx(1.0))
    margins = [control for control in card.of("E3").controls if "margin" in control.name]
    assert margins[0].low > 0

    rim = Detector().eval()
    with torch.no_grad():
        rim.head.weight.copy_(0.4 * (rim.head.weight == 0))
        rim.head.bias.fill_(-60.0)
    shortcut = quality_of(rim, images, references="white", beside=beside, settings=QUICK)
    assert "E3" in shortcut.failed
    assert shortcut.of("E6").value == pytest.approx(0.0)
    assert "E3 model randomisation" in shortcut.stamp


def test_the_network_is_as_it_was_after_the_gate():
    network = Detector().eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    quality_of(network, dark_in_the_middle()[:3], references="white", settings=QUICK)
    assert all(before[name].equal(tensor) for name, tensor in network.state_dict().items())


def test_one_point_a_path_is_caught_even_where_its_own_tolerance_is_wide():
    class Bent(Detector):
        def forward(self, x):
            return 8 * torch.tanh(super().forward(x) ** 3 / 8)

    coarse = PathSettings(n_first=1, n_most=1, tolerance=9.0, tolerance_spread=9.0)
    settings = GateSettings(path=coarse, n_random_networks=1, n_stages=2, n_few=2)
    card = quality_of(Bent().eval(), dark_in_the_middle(), references="white", settings=settings)
    assert "E1" in card.failed


def test_a_black_reference_is_refused_and_fails_where_it_is_forced():
    images = dark_in_the_middle()
    with pytest.raises(ValueError, match="refused"):
        quality_of(Detector().eval(), images, references="black", settings=QUICK)
    card = quality_of(Detector().eval(), images, references="black", settings=QUICK, forced=True)
    assert "forced" in card.of("E2").reason
    assert "E2 reference validity" in card.stamp


def test_what_a_caller_knows_is_used():
    network, images = Detector().eval(), dark_in_the_middle()
    other = Detector().eval()
    with torch.no_grad():
        other.head.weight.normal_(generator=torch.Generator().manual_seed(1))
    beside = Beside(
        case=CASES.case,
        shuffled=[lambda x: other(x)[:, 0]],
        untrained=[lambda x: other(x)[:, 0]],
        is_reference_right={"white": np.ones(N), "without stain": np.zeros(N)},
    )
    card = quality_of(network, images, references="white", beside=beside, settings=QUICK)
    assert card.of("E4").verdict != "not run"
    assert card.of("E4").value == card.of("E3").value
    assert card.of("E2").verdict == "fail"
    assert card.of("E1").n_cases == 6


def test_a_response_without_layers_says_so_and_volumes_have_no_plane_changes():
    volumes = torch.rand((3, 1, 4, 4, 4), generator=torch.Generator().manual_seed(0))
    card = quality_of(
        lambda x: 4 * x.flatten(1).sum(1), volumes, references="no_signal", settings=QUICK
    )
    assert card.of("E3").verdict == card.of("E8").verdict == "not run"
    assert card.of("E1").verdict == "pass"


def test_curves_and_cascade_are_kept_for_figures():
    card = quality_of(Detector().eval(), dark_in_the_middle(), references="white", settings=QUICK)
    assert [stage.n_layers for stage in card.cascade] == [1, 2]
    assert [curve.order for curve in card.curves] == [
        "map",
        "random",
        "amount",
        "map without smoothing",
    ]
    assert all(len(curve.most_first) == 21 for curve in card.curves)
    assert card.curves[0].most_first[-1] == pytest.approx(0, abs=1e-5)


def _complete(**changes):
    values = {
        "gap": np.zeros(12),
        "allowed": np.full(12, 0.05),
        "is_converged": np.ones(12, dtype=bool),
        "map_change": np.full(4, 0.02),
        "cases": CASES,
    }
    return completeness_row(**(values | changes))


def test_completeness_fails_for_a_stamped_map_for_a_hidden_one_and_for_maps_that_still_change():
    assert _complete().verdict == "pass"
    gap = np.zeros(12)
    gap[3] = -0.06
    stamped = np.arange(12) != 3
    assert _complete(gap=gap, is_converged=stamped).verdict == "fail"
    assert "no stamp" in _complete(gap=gap).reason
    assert "change the median map" in _complete(map_change=np.full(4, 0.6)).reason


def test_references_fail_where_the_interval_of_any_kind_lies_below_ninety_five_percent():
    right, nearly = np.ones(12), np.r_[np.ones(6), np.zeros(6)]
    assert reference_row({"white": right}, is_forced=False, cases=CASES).verdict == "pass"
    found = reference_row({"white": right, "bare": nearly}, is_forced=False, cases=CASES)
    assert found.verdict == "fail"
    assert "Of bare only 50 %" in found.reason
    one_wrong = np.r_[np.ones(11), 0.0]
    assert reference_row({"bare": one_wrong}, is_forced=False, cases=CASES).verdict == "pass"
    unknown = reference_row({"white": np.full(12, np.nan)}, is_forced=False, cases=CASES)
    assert unknown.verdict == "not run"


def _shares(own, undone, amount):
    return {name: np.full(12, value) for name, value in
            (("map", own), ("undone", undone), ("amount", amount))}  # fmt: skip


@pytest.mark.parametrize(
    ("correlation", "shares", "verdict", "words"),
    [
        (0.05, _shares(0.6, 0.3, 0.35), "pass", ""),
        (0.05, None, "pass", ""),
        (0.30, _shares(0.6, 0.3, 0.35), "fail", "stays alike"),
        (0.05, _shares(0.3, 0.3, 0.35), "fail", "no better than when"),
        (0.05, _shares(0.2, 0.3, 0.35), "fail", "no better than when"),
        (0.05, _shares(0.6, 0.4, 0.35), "fail", "better than the amount"),
    ],
)
def test_randomisation_wants_another_map_and_a_better_place(correlation, shares, verdict, words):
    found = randomised_row(
        "E3", correlation=np.full(12, correlation), own_shares=shares, cases=CASES
    )
    assert found.verdict == verdict
    assert words in found.reason.lower()


def test_one_case_gives_no_interval_and_so_no_conclusion():
    one = Cases(case=np.zeros(12), n_resamples=50, seed=0)
    shares = _shares(0.6, 0.3, 0.35)
    found = randomised_row("E3", correlation=np.full(12, 0.05), own_shares=shares, cases=one)
    assert found.verdict == "not run"
    areas = {name: np.ones(12) for name in ("map", "random", "amount")}
    assert deletion_row(areas, cases=one).verdict == "not run"


def test_deletion_must_beat_random_and_amount_in_pairs():
    random = np.random.default_rng(0)
    level = random.normal(0, 5, 12)  # differs far more between items than the orders do
    areas = {"map": level + 1, "random": level - 1, "amount": level + 0.5}
    assert deletion_row(areas, cases=CASES).verdict == "pass"
    assert deletion_row(areas | {"amount": level + 1.5}, cases=CASES).verdict == "fail"


def test_consistency_alarms_for_the_worst_change():
    good, bad = np.full(12, 0.9), np.full(12, 0.5)
    alike = {"flipped": good}
    assert consistency_row({"flipped": good}, alike, cases=CASES).verdict == "pass"
    found = consistency_row({"flipped": good, "saved again": bad}, alike, cases=CASES)
    assert (found.verdict, found.value, found.reason) == ("alarm", 0.5, "Lowest for: saved again.")


def test_only_the_first_four_stamp():
    assert stamp_of([("E5", "deletion", "fail"), ("E8", "consistency", "alarm")]) == ""
    assert stamp_of([("E4", "label randomisation", "fail")]).endswith("E4 label randomisation")


def test_intervals_resample_cases_and_a_cell_copied_within_its_case_leaves_them():
    values = np.array([0.0, 0.0, 1.0, 1.0, 2.0, 2.0])
    once = Cases(case=np.array(list("abcdef")), n_resamples=500, seed=1).mean(values)
    twice = Cases(case=np.array(list("aabbcc")), n_resamples=500, seed=1).mean(values)
    assert once.value == twice.value == 1
    assert twice.high - twice.low > once.high - once.low
    unknown = np.r_[values, np.nan]
    more = Cases(case=np.array(list("aabbccd")), n_resamples=500, seed=1).mean(unknown)
    assert (more.value, more.low) == (twice.value, twice.low)
