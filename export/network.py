"""The matting networks, written once and traced as they are.

Both take `image` float32 (N, 3, H, W), RGB in [0, 1], H and W multiples of 32, and give `alpha` float32
(N, 1, H, W) in [0, 1], 1 = sky. Normalisation happens inside. The vertical coordinate as an extra channel is
SkyAR's idea (Zou, "Castle in the Sky", arXiv 2010.11800, section 3.1): the sky is up.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 32
"""Both networks need heights and widths that are multiples of this."""

_NORM_EPS = 1e-3
"""Keras' value, which the encoder's ImageNet weights were trained with."""
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclasses.dataclass(frozen=True)
class NetworkSpec:
    """The hyper-parameters that rebuild a network; kept as JSON in the metadata of its weights.

    `decoder` are the channels at strides 16, 8, 4 and 2. `width` is the encoder's: a multiplier for `matte`
    (MobileNetV2, channels rounded to multiples of 8), the stem's channels for `coord_resnet50` (64 in the
    paper). `working_size_wh` is the input size (width, height) for 16:9 pictures.
    """

    architecture: Literal["matte", "coord_resnet50"] = "matte"
    width: float = 0.35
    decoder: tuple[int, int, int, int] = (64, 48, 32, 16)
    working_size_wh: tuple[int, int] = (448, 256)

    def to_json(self) -> str:
        """The spec as a JSON object."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> NetworkSpec:
        """The spec that `to_json` wrote; raises ValueError for anything else."""
        try:
            fields = json.loads(text)
            for name in ("decoder", "working_size_wh"):
                fields[name] = tuple(fields[name])
            return cls(**fields)
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a network specification: {error}") from error


QUALITY = NetworkSpec("matte", 1.0, (128, 96, 64, 32), (640, 352))
"""The larger network, for machines with a GPU."""

COORD_RESNET50 = NetworkSpec("coord_resnet50", 64, (1024, 512, 256, 64), (384, 384))
"""SkyAR's network at the size of its paper."""


class MattingNetwork(nn.Module):
    """What both networks are: a picture in, alpha out, rebuilt from `spec`."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec

    def logits(self, image: Tensor) -> Tensor:
        """(N, 1, H, W): alpha before the sigmoid, of an image (N, 3, H, W) in [0, 1]."""
        raise NotImplementedError

    def forward(self, image: Tensor) -> Tensor:
        """Alpha (N, 1, H, W) in [0, 1] of an image (N, 3, H, W) in [0, 1]."""
        return torch.sigmoid(self.logits(image))


def build_network(spec: NetworkSpec) -> MattingNetwork:
    """A randomly initialised network of the kind and size that `spec` names."""
    if spec.architecture == "matte":
        return MatteNet(spec)
    if spec.architecture == "coord_resnet50":
        return CoordResNet50(spec)
    raise ValueError(f"unknown architecture {spec.architecture!r}")


def with_height(x: Tensor) -> Tensor:
    """`x` (N, C, H, W) with one channel more: each row's height, -1 at the top edge, 1 at the bottom."""
    n, _, h, w = x.shape
    # In float32 first: a range in float16 cannot be traced for the export of the whole frame.
    rows = (2.0 * torch.arange(h, dtype=torch.float32, device=x.device) + 1.0) / h - 1.0
    return torch.cat([x, rows.to(x.dtype).view(1, 1, h, 1).expand(n, 1, h, w)], dim=1)


def double(x: Tensor) -> Tensor:
    """`x` at twice the height and width, bilinear, pixel centres kept in place."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class ConvNorm(nn.Module):
    """Convolution, batch norm and activation, padded alike on all sides; on export the norm is folded in.

    With `settled` the norm keeps its statistics and is a part of the convolution's weights, where gradients
    reach both: such a training step takes two thirds of the time.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        act: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=_NORM_EPS)
        self.act = act if act is not None else nn.Identity()
        self.settled = False

    def forward(self, x: Tensor) -> Tensor:
        """act(norm(conv(x)))."""
        out: Tensor = self.act(self._folded(x) if self.settled else self.norm(self.conv(x)))
        return out

    def _folded(self, x: Tensor) -> Tensor:
        conv, norm = self.conv, self.norm
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
        shift = norm.bias - norm.running_mean * scale
        weight = conv.weight * scale[:, None, None, None]
        return F.conv2d(x, weight, shift, conv.stride, conv.padding, groups=conv.groups)


def settle_norms(network: nn.Module) -> None:
    """Lets the network's batch norms keep their statistics from now on, in training too."""
    for module in network.modules():
        if isinstance(module, ConvNorm):
            module.settled = True


class SeparableConv(nn.Module):
    """A depthwise 3x3 and a 1x1 convolution, each with norm and ReLU: a sixth of a dense 3x3's time here."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.depthwise = ConvNorm(inputs, inputs, 3, groups=inputs, act=nn.ReLU())
        self.pointwise = ConvNorm(inputs, outputs, 1, act=nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        """Features of `outputs` channels."""
        out: Tensor = self.pointwise(self.depthwise(x))
        return out


class InvertedResidual(nn.Module):
    """MobileNetV2's block (arXiv 1801.04381): widen by 1x1, depthwise 3x3, narrow by 1x1."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.stride = stride
        self.residual = stride == 1 and inputs == outputs
        self.expand = ConvNorm(inputs, hidden, 1, act=nn.ReLU6()) if expansion > 1 else nn.Identity()
        self.depthwise = ConvNorm(hidden, hidden, 3, stride, groups=hidden, act=nn.ReLU6())
        self.project = ConvNorm(hidden, outputs, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The block's output, and the widened features before the stride, which serve as skip connection."""
        widened = self.expand(x)
        out = self.project(self.depthwise(widened))
        return (x + out if self.residual else out), widened


class MobileEncoder(nn.Module):
    """MobileNetV2 over RGB and height: features at strides 2, 4, 8, 16 (widened), 32, and its last layer."""

    # channels at width 1, blocks, stride of the first block; expansion is 6 except in the first row
    _ROWS = ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1))
    HEAD = 1280

    def __init__(self, width: float) -> None:
        super().__init__()
        channels = _round_to_8(32 * width)
        self.stem = ConvNorm(4, channels, 3, 2, act=nn.ReLU6())
        self.blocks = nn.ModuleList()
        self.skips: list[int] = []
        for row, (base, count, first_stride) in enumerate(self._ROWS):
            for index in range(count):
                stride, expansion = (first_stride if index == 0 else 1), (1 if row == 0 else 6)
                if stride == 2:
                    self.skips.append(channels * expansion)
                outputs = _round_to_8(base * width)
                self.blocks.append(InvertedResidual(channels, outputs, stride, expansion))
                channels = outputs
        self.outputs = channels
        self.head = ConvNorm(channels, self.HEAD, 1, act=nn.ReLU6())

    def forward(self, image: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """(skips at strides 2, 4, 8, 16; features at stride 32; 1280 head features) of an image in [0, 1]."""
        x = self.stem(with_height(image * 2.0 - 1.0))
        skips = []
        for block in self.blocks:
            x, widened = block(x)
            if block.stride == 2:
                skips.append(widened)
        return skips, x, self.head(x)


class Merge(nn.Module):
    """One decoder step: coarse features narrowed and doubled, joined with the narrowed skip, mixed."""

    def __init__(self, coarse: int, skip: int, outputs: int) -> None:
        super().__init__()
        self.coarse = ConvNorm(coarse, outputs, 1)
        self.skip = ConvNorm(skip, outputs, 1)
        self.mix = SeparableConv(2 * outputs, outputs)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """Features at the skip's size."""
        out: Tensor = self.mix(torch.cat([double(self.coarse(coarse)), self.skip(skip)], dim=1))
        return out


class MatteNet(MattingNetwork):
    """Mobile encoder-decoder: MobileNetV2 encoder, picture-wide context at stride 32, skips down to stride 2.

    The context (the head's features averaged over the picture) lets the network tell a room, a wall or a
    sheet of water from a sky of the same colour.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__(spec)
        self.encoder = MobileEncoder(spec.width)
        bottom = 96
        self.local = ConvNorm(self.encoder.outputs + 1, bottom, 1)
        self.context = nn.Conv2d(MobileEncoder.HEAD, bottom, 1)
        self.bottom = ConvNorm(bottom, bottom, 3, act=nn.ReLU())
        self.merges = nn.ModuleList()
        coarse = bottom
        for skip, outputs in zip(reversed(self.encoder.skips), spec.decoder, strict=True):
            self.merges.append(Merge(coarse, skip, outputs))
            coarse = outputs
        self.refine = ConvNorm(coarse, coarse, 3, act=nn.ReLU())
        # The four pixels of each pair of rows and columns: the features at half size know where an edge lies.
        self.logit = nn.Conv2d(coarse, 4, 3, padding=1)

    def logits(self, image: Tensor) -> Tensor:
        """(N, 1, H, W): alpha before the sigmoid."""
        skips, features, head = self.encoder(image)
        context = self.context(head.mean(dim=(2, 3), keepdim=True))
        x = self.bottom(F.relu(self.local(with_height(features)) + context))
        for merge, skip in zip(self.merges, reversed(skips), strict=True):
            x = merge(x, skip)
        return F.pixel_shuffle(self.logit(self.refine(x)), 2)


class Bottleneck(nn.Module):
    """ResNet-50's block (arXiv 1512.03385, with the stride on the 3x3 as in torchvision)."""

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        outputs = 4 * channels
        self.body = nn.Sequential(
            ConvNorm(inputs, channels, 1, act=nn.ReLU()),
            ConvNorm(channels, channels, 3, stride, act=nn.ReLU()),
            ConvNorm(channels, outputs, 1),
        )
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else ConvNorm(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """relu(shortcut(x) + body(x))."""
        return F.relu(self.shortcut(x) + self.body(x))


class CoordResNet50(MattingNetwork):
    """SkyAR's network: ResNet-50 encoder, additive upsampling decoder, height joined to both.

    Zou, arXiv 2010.11800, section 3.1; layer sizes as in the author's `ResNet50FCN`; there at 384x384. Height
    goes into the encoder's first and all of the decoder's layers.
    """

    _BLOCKS = (3, 4, 6, 3)

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__(spec)
        base = int(spec.width)
        if spec.decoder != (16 * base, 8 * base, 4 * base, base):
            raise ValueError(f"decoder channels {spec.decoder} do not fit an encoder of width {base}")
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(_IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        self.stem = ConvNorm(4, base, 7, 2, act=nn.ReLU())
        self.stages = nn.ModuleList()
        channels = base
        for index, count in enumerate(self._BLOCKS):
            blocks = []
            for block in range(count):
                stride = 2 if block == 0 and index > 0 else 1
                blocks.append(Bottleneck(channels, base * 2**index, stride))
                channels = 4 * base * 2**index
            self.stages.append(nn.Sequential(*blocks))
        self.decoder = nn.ModuleList()
        for outputs in (*spec.decoder, base):
            self.decoder.append(nn.Conv2d(channels + 1, outputs, 3, padding=1))
            channels = outputs
        self.logit = nn.Conv2d(channels + 1, 1, 3, padding=1)

    def logits(self, image: Tensor) -> Tensor:
        """(N, 1, H, W): alpha before the sigmoid."""
        x = F.max_pool2d(self.stem(with_height((image - self.mean) / self.std)), 3, 2, 1)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        *skips, x = features
        for layer in self.decoder:
            x = F.interpolate(F.relu(layer(with_height(x))), scale_factor=2.0, mode="nearest")
            if skips:
                x = x + skips.pop()
        out: Tensor = self.logit(with_height(x))
        return out


def _round_to_8(channels: float) -> int:
    """The multiple of 8 nearest to `channels`, at least 8 and not below 90 % of it (MobileNetV2's rule)."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
