"""The loss: right answers cost nothing, ignored pixels do not count, edges count more."""

import dataclasses

import pytest
import torch

from training.losses import EDGE_PX, LossWeights, edges, gradient_distance, laplacian_distance, matte_loss

USUAL = LossWeights()


@pytest.fixture
def alpha() -> torch.Tensor:
    alpha = torch.zeros(2, 1, 32, 32)
    alpha[..., :12, :] = 1.0
    return alpha


def test_right_answer_costs_almost_nothing_and_wrong_one_much(alpha: torch.Tensor) -> None:
    valid = torch.ones_like(alpha)
    right, wrong = (40 * alpha - 20), (20 - 40 * alpha)
    assert float(matte_loss(right, alpha, valid, USUAL)) < 1e-3
    assert float(matte_loss(wrong, alpha, valid, USUAL)) > 10


def test_ignored_pixels_do_not_count(alpha: torch.Tensor) -> None:
    valid = torch.ones_like(alpha)
    valid[..., 20:, :] = 0
    logits = torch.zeros_like(alpha)
    other = logits.clone()
    other[..., 20:, :] = 9.0
    assert torch.equal(matte_loss(logits, alpha, valid, USUAL), matte_loss(other, alpha, valid, USUAL))


def test_ignored_pixels_get_no_gradient(alpha: torch.Tensor) -> None:
    valid = torch.ones_like(alpha)
    valid[..., 20:, :] = 0
    logits = torch.randn(alpha.shape, generator=torch.Generator().manual_seed(0), requires_grad=True)
    matte_loss(logits, alpha, valid, USUAL).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert float(logits.grad[..., 20:, :].abs().max()) == 0.0
    assert float(logits.grad[..., :20, :].abs().min()) > 0.0


def test_nothing_valid_is_no_loss_but_a_number(alpha: torch.Tensor) -> None:
    assert float(matte_loss(torch.zeros_like(alpha), alpha, torch.zeros_like(alpha), USUAL)) == 0.0


def test_edges_lie_within_the_window(alpha: torch.Tensor) -> None:
    rows = edges(alpha)[0, 0, :, 0].nonzero().flatten().tolist()
    half = EDGE_PX // 2
    assert rows == list(range(12 - half, 12 + half))


def test_gradient_distance_ignores_a_constant_error(alpha: torch.Tensor) -> None:
    valid = torch.ones_like(alpha)
    assert float(gradient_distance(alpha * 0.5 + 0.5 * alpha, alpha, valid)) == 0.0
    assert float(gradient_distance(1.0 - alpha, alpha, valid)) > 0.0


def test_laplacian_distance_sees_blur_more_than_a_faint_error_everywhere(alpha: torch.Tensor) -> None:
    valid = torch.ones_like(alpha)
    blurred = torch.nn.functional.avg_pool2d(alpha, 9, 1, 4, count_include_pad=False)
    faint = alpha + (blurred - alpha).abs().mean()
    assert float(laplacian_distance(alpha, alpha, valid)) == 0.0
    assert float(laplacian_distance(faint, alpha, valid)) < 1e-5
    assert float(laplacian_distance(blurred, alpha, valid)) > 0.01


@pytest.mark.parametrize("term", ["cross_entropy", "distance", "gradient", "laplacian", "overlap"])
def test_each_term_counts_by_its_weight(alpha: torch.Tensor, term: str) -> None:
    valid = torch.ones_like(alpha)
    logits = torch.randn(alpha.shape, generator=torch.Generator().manual_seed(0))
    none = LossWeights(0, 0, 0, 0, 0)
    one, two = (
        float(matte_loss(logits, alpha, valid, dataclasses.replace(none, **{term: weight})))
        for weight in (1.0, 2.0)
    )
    assert one > 0.0
    assert two == pytest.approx(2 * one)
    assert float(matte_loss(logits, alpha, valid, none)) == 0.0
