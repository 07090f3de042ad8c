"""The networks: sizes, ranges, and rebuilding them from their specification."""

import pytest
import torch
from torch import nn

from export.network import COORD_RESNET50, ConvNorm, NetworkSpec, build_network, settle_norms, with_height

NARROW_RESNET = NetworkSpec("coord_resnet50", 8, (128, 64, 32, 8), (384, 384))


def count_parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("spec", [NetworkSpec(), NARROW_RESNET], ids=lambda spec: spec.architecture)
@pytest.mark.parametrize("size_wh", [(96, 64), (32, 32), (64, 128)])
def test_alpha_has_the_pictures_size_and_lies_in_range(spec: NetworkSpec, size_wh: tuple[int, int]) -> None:
    network = build_network(spec).eval()
    with torch.no_grad():
        alpha = network(torch.rand(2, 3, size_wh[1], size_wh[0]))
    assert alpha.shape == (2, 1, size_wh[1], size_wh[0])
    assert 0.0 <= float(alpha.min()) <= float(alpha.max()) <= 1.0


def test_parameter_counts() -> None:
    assert 0.3e6 < count_parameters(build_network(NetworkSpec())) < 4e6
    # ResNet-50 without its classifier has 23.5 M; the decoder's five 3x3 layers add to it
    with torch.device("meta"):
        assert 40e6 < count_parameters(build_network(COORD_RESNET50)) < 60e6


def test_height_channel_runs_from_top_to_bottom_at_any_size() -> None:
    x = with_height(torch.zeros(1, 2, 4, 3))
    assert x.shape == (1, 3, 4, 3)
    assert x[0, 2, :, 0].tolist() == [-0.75, -0.25, 0.25, 0.75]
    assert torch.equal(x[0, 2, :, 0], x[0, 2, :, 2])


def test_spec_survives_json() -> None:
    assert NetworkSpec.from_json(NARROW_RESNET.to_json()) == NARROW_RESNET


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"decoder": [1], "working_size_wh": [1, 2], "x": 1}'])
def test_other_text_is_no_spec(text: str) -> None:
    with pytest.raises(ValueError):
        NetworkSpec.from_json(text)


def test_decoder_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        build_network(NetworkSpec("coord_resnet50", 16))


def test_settled_norms_give_what_the_norms_would() -> None:
    torch.manual_seed(2)
    layer = ConvNorm(3, 8, 3, stride=2, act=nn.ReLU())
    layer.train()
    for _ in range(3):
        layer(torch.randn(4, 3, 16, 16) * 2 + 1)
    layer.eval()
    settle_norms(layer)
    x = torch.randn(2, 3, 17, 16)
    expected = torch.relu(layer.norm(layer.conv(x)))
    layer.train()
    out = layer(x)
    assert torch.allclose(out, expected, atol=1e-5)
    out.sum().backward()
    for parameter in layer.parameters():
        assert parameter.grad is not None and bool((parameter.grad != 0).any())
