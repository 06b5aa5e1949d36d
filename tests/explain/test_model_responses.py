"""From the output of a network to the number that is explained."""

import pytest
import torch
from torch import nn

from rimlight.explain.model_responses import response_of
from rimlight.explain.responses import log_odds, modules_of

X = torch.arange(12.0).reshape(3, 4) / 10


def of(output):
    return lambda x: output


def test_one_number_an_item_is_taken_with_and_without_its_column():
    numbers = torch.tensor([1.0, 2.0, 3.0])
    assert response_of(of(numbers))(X) is numbers
    assert response_of(of(numbers[:, None]))(X).tolist() == [1, 2, 3]


def test_a_class_is_explained_by_its_log_odds():
    logits = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    response = response_of(of(logits), class_index=3)
    torch.testing.assert_close(response(X), log_odds(logits, index=3))
    assert response.name == "log-odds of class 3"
    assert response_of(of(logits), class_index=3, name="log-odds of cat").name == "log-odds of cat"


def test_a_regression_is_explained_as_it_is():
    numbers = torch.arange(6.0).reshape(3, 2)
    assert response_of(of(numbers), output_index=1)(X).tolist() == [1, 3, 5]


def test_any_other_output_is_turned_into_a_number_by_the_caller():
    maps = torch.arange(3 * 2 * 4.0).reshape(3, 2, 2, 2)
    response = response_of(of({"out": maps}), scalar=lambda o: o["out"][:, 1].mean((1, 2)))
    assert response(X).tolist() == [5.5, 13.5, 21.5]


@pytest.mark.parametrize(
    ("output", "choice", "match"),
    [
        (torch.zeros(3, 5), {}, r"returns 5 numbers an item; say which.*class_index.*0\.\.4"),
        (torch.zeros(3, 5), {"class_index": 5}, r"class_index=5, but .* 5 numbers.*0\.\.4"),
        (torch.zeros(3, 5), {"output_index": -6}, "output_index=-6"),
        (torch.zeros(3, 1), {"class_index": 0}, "leave class_index out"),
        (torch.full((3, 2), 0.5), {"class_index": 1}, "probabilities.*without its softmax"),
        (torch.zeros(3, 2, 4, 4), {}, r"\(3, 2, 4, 4\), not one row.*mean\(\(1, 2\)\)"),
        (torch.zeros(3, 2, 4, 4), {"class_index": 1}, "not one row an item"),
        ((torch.zeros(3), 1), {}, "returns a tuple, not a tensor; pick"),
    ],
)
def test_an_output_that_does_not_fit_is_refused_with_what_would(output, choice, match):
    with pytest.raises(ValueError, match=match):
        response_of(of(output), **choice)(X)


def test_log_probabilities_have_the_log_odds_of_their_logits():
    logits = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    found = response_of(of(logits.log_softmax(1)), class_index=0)(X)
    torch.testing.assert_close(found, log_odds(logits, index=0))


def test_two_choices_at_once_are_refused():
    with pytest.raises(ValueError, match="give one of class_index"):
        response_of(nn.Linear(4, 3), class_index=1, output_index=1)


def test_the_network_inside_is_found_for_its_mode_and_device():
    network = nn.Linear(4, 3)
    assert modules_of(response_of(network, class_index=1)) == [network]
