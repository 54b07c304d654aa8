"""The encoder's shapes and its padding, which the published weights were trained with."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from services.flair.encoder import CHANNELS, Encoder, InvertedResidual, SamePadded, load_imagenet


def test_five_maps_from_a_half_to_a_thirty_second() -> None:
    maps = Encoder()(torch.zeros(1, 3, 64, 96))
    assert [tuple(found.shape) for found in maps] == [
        (1, channels, 64 // shrunk, 96 // shrunk) for channels, shrunk in zip(CHANNELS, (2, 4, 8, 16, 32), strict=True)
    ]


def test_an_even_side_is_padded_at_its_far_end() -> None:
    convolution = SamePadded(1, 1, 3, stride=2)
    torch.nn.init.ones_(convolution.weight)
    picture = torch.zeros(1, 1, 4, 4)
    picture[0, 0, 0, 0] = 1.0
    # With padding at the near end, the first pixel would be the middle of the first window and in no other.
    assert convolution(picture)[0, 0].tolist() == [[1.0, 0.0], [0.0, 0.0]]
    picture[0, 0, 0, 0], picture[0, 0, 2, 2] = 0.0, 1.0
    assert convolution(picture)[0, 0].tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_published_weights_land_where_they_belong(tmp_path: Path) -> None:
    encoder = Encoder()
    published: dict[str, torch.Tensor] = {}

    def publish(convolution: str, norm: str, target: nn.Sequential) -> None:
        published[f"{convolution}.weight"] = torch.rand_like(target[0].state_dict()["weight"])
        for name, value in target[1].state_dict().items():
            if name != "num_batches_tracked":  # the published file may be older than that buffer
                published[f"{norm}.{name}"] = torch.rand_like(value)

    publish("_conv_stem", "_bn0", encoder.stem)
    blocks = [block for block in encoder.modules() if isinstance(block, InvertedResidual)]
    for number, block in enumerate(blocks):
        if isinstance(block.expand, nn.Sequential):
            publish(f"_blocks.{number}._expand_conv", f"_blocks.{number}._bn0", block.expand)
        publish(f"_blocks.{number}._depthwise_conv", f"_blocks.{number}._bn1", block.depthwise)
        publish(f"_blocks.{number}._project_conv", f"_blocks.{number}._bn2", block.project)
    torch.save(published, tmp_path / "weights.pth")
    load_imagenet(encoder, tmp_path / "weights.pth")
    last = blocks[-1].project.state_dict()
    assert torch.equal(last["0.weight"], published["_blocks.14._project_conv.weight"])
    assert torch.equal(last["1.running_var"], published["_blocks.14._bn2.running_var"])
    assert torch.equal(encoder.stem.state_dict()["0.weight"], published["_conv_stem.weight"])
