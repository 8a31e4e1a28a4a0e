"""Images, read by Pillow, which is an optional extra: `pip install charl[images]`.

An image is float32[channels, height, width] with values from 0 to 1, the order convolutions take.
A photograph is turned as its camera says (EXIF orientation).
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from charl.core.op import Effect, Fault, Kind, Op, Parameter, RuleContext, declare
from charl.ops.expect import PATH, expect_count, expect_string
from charl.ops.files import NO_GRADIENT, kind_of, read_bytes
from charl.types.dtypes import FLOAT32
from charl.types.types import Tensor, Type, Typed

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def _load_image(path: str, *, channels: int = 3) -> np.ndarray[Any, Any]:
    try:
        # Pillow is an extra: only programs that read images need it.
        from PIL import Image, ImageOps, UnidentifiedImageError
    except ImportError:
        raise Fault(
            "E0609",
            f"reading the image `{path}` needs Pillow, which is not installed",
            helps=("install it: `pip install charl[images]`",),
        ) from None
    content = read_bytes(path)
    if not content:
        raise Fault("E0610", f"`{path}` is empty")
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content)) as opened:
            image = ImageOps.exif_transpose(opened)
            pixels = _pixels(image, channels)
    except UnidentifiedImageError:
        kind = kind_of(content)
        helps = (f"it looks like {kind}",) if kind is not None and "image" not in kind else ()
        raise Fault("E0603", f"`{path}` is not an image that can be read", helps=helps) from None
    except Image.DecompressionBombError:
        raise Fault("E0603", f"`{path}` claims to be an image of too many pixels") from None
    except (OSError, ValueError, SyntaxError, EOFError):
        raise Fault("E0603", f"`{path}` is a damaged or truncated image") from None
    return np.ascontiguousarray(np.moveaxis(pixels, -1, 0))


def _pixels(image: Any, channels: int) -> np.ndarray[Any, Any]:
    """float32[height, width, channels] from 0 to 1."""
    if image.mode.startswith("I"):  # 16 bits of grey: Pillow's conversion would clip them to 8
        grey = np.asarray(image, np.float32) / np.float32(65535)
        pixels = np.repeat(grey[:, :, None], channels, axis=2)
        if channels == 4:
            pixels[:, :, 3] = 1
        return pixels
    array = np.asarray(image.convert(_MODES[channels]), np.float32) / np.float32(255)
    return array.reshape(*array.shape[:2], channels)


def _rule(
    ctx: RuleContext, operands: Sequence[Typed], attributes: Mapping[str, Any]
) -> tuple[Type, ...]:
    expect_count(ctx, operands, 1)
    expect_string(ctx, operands, 0)
    channels = attributes.get("channels", 3)
    if channels not in _MODES:
        ctx.fail(f"`channels` is 1 (grey), 3 (RGB) or 4 (RGBA), not {channels}")
    return (Tensor(FLOAT32, (channels, ctx.unknown("height"), ctx.unknown("width"))),)


declare(
    Op(
        "load_image",
        "An image as float32[channels, height, width] from 0 to 1; `channels` is 1, 3 or 4.",
        (PATH, Parameter("channels", Kind.INTEGER, default=3)),
        _rule,
        _load_image,
        no_gradient=NO_GRADIENT,
        surface="load_image",
        effect=Effect.EFFECT,
    )
)
