"""Decodes PNG and JPEG files with Pillow, of which it sees nothing but the pixels' own parts; 16-bit colour included.

Pillow keeps the high byte alone of 16-bit RGB and of 16-bit grey with alpha, so a scan whose values need 10 bits comes
out black. Here both bytes are read, and the colours scaled.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from image_files import jpeg, png
from image_files.errors import DamagedImage, NotAnImage
from image_files.jpeg import JpegFile, read_jpeg
from image_files.orientation import turned_upright
from image_files.png import PngFile, read_png

ImageFile = PngFile | JpegFile

TRIAL_SCALE = 8
MAX_TRIAL_PIXELS = 3_000_000
"""A larger JPEG of several scans, as progressive ones are, is not decoded to see whether it is whole: its coefficients
take up to 8 bytes a pixel."""

_BLOCK_ROWS = 128
_EIGHT_BITS = 255


def read_image(data: bytes) -> ImageFile:
    """Tell a file's format by its first bytes and walk its parts; nothing is decoded.

    Raises NotAnImage, DamagedImage, UnsupportedImage and OverloadedImage.
    """
    if data.startswith(png.SIGNATURE):
        return read_png(data)
    if data.startswith(jpeg.SIGNATURE):
        return read_jpeg(data)
    raise NotAnImage("it begins neither as a PNG nor as a JPEG does")


def check_whole(file: ImageFile) -> None:
    """Raise DamagedImage when the pixels are not all there, with little memory: a few rows, or an eighth a side."""
    if isinstance(file, PngFile):
        file.check_pixels()
    elif _is_tried(file):
        _load(file, (max(1, file.width // TRIAL_SCALE), max(1, file.height // TRIAL_SCALE)))
    elif file.scans[-len(jpeg.END) :] != jpeg.END:
        raise DamagedImage("its end is missing")


def _is_tried(file: JpegFile) -> bool:
    return not file.several_scans or file.width * file.height <= MAX_TRIAL_PIXELS


def check_what_decoding_ignores(file: ImageFile) -> None:
    """Raise DamagedImage for what ``decode`` would pass over: a PNG's missing rows, and a large JPEG's missing end."""
    if isinstance(file, PngFile) or not _is_tried(file):
        check_whole(file)


def decode(file: ImageFile, draft_size: tuple[int, int] | None = None) -> Image.Image:
    """Return the pixels of ``decode_as_stored``, turned upright. Raises DamagedImage."""
    return turned_upright(decode_as_stored(file, draft_size), file.orientation)


def decode_as_stored(file: ImageFile, draft_size: tuple[int, int] | None = None) -> Image.Image:
    """Return the pixels as the file orders them, whatever its orientation says. Raises DamagedImage.

    16-bit grey has the mode ``I;16`` and its values. 16-bit colour, or grey with alpha, has 8 bits a channel: colours
    above 255 are scaled by the greatest of a pixel that is not wholly transparent, alpha by the bits that it needs.
    With ``draft_size`` a JPEG is decoded at the smallest of 1/1, 1/2, 1/4 and 1/8 of its size that is not smaller.
    """
    if isinstance(file, PngFile) and file.depth == 16 and file.colour_type != png.GREY:
        return _decode_deep(file)
    return _load(file, draft_size)


def _load(file: ImageFile, draft_size: tuple[int, int] | None = None) -> Image.Image:
    return _load_bytes(file.essential(), draft_size)


def _load_bytes(content: bytes, draft_size: tuple[int, int] | None = None, rawmode: str | None = None) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(content), formats=("PNG", "JPEG"))
        if rawmode is not None:
            image.tile = [image.tile[0]._replace(args=rawmode)]
        if draft_size is not None:
            image.draft(None, draft_size)
        image.load()
    except MemoryError:
        raise  # it says nothing about the image
    except Exception as error:  # Pillow's parsers leak many types (struct.error, SyntaxError) on hostile bytes
        raise DamagedImage(str(error).strip().rstrip(".")[:120] or type(error).__name__) from error
    return image


class _Samples:
    """The 16-bit samples of a picture, held as the two 8-bit pictures of their high and their low bytes."""

    def __init__(self, file: PngFile) -> None:
        self.size = file.width, file.height
        self.alpha = file.colour_type in {png.GREY_ALPHA, png.RGBA}
        self._both: Image.Image | None = None
        if file.colour_type == png.GREY_ALPHA:
            # Its rows are laid out and filtered as those of 8-bit RGBA are: four bytes a pixel.
            self._both = _load_bytes(file.essential(depth=8, colour_type=png.RGBA))
        else:
            mode, content = "RGBA" if self.alpha else "RGB", file.essential()
            self._high = _load_bytes(content, rawmode=f"{mode};16B")
            self._low = _load_bytes(content, rawmode=f"{mode};16L")  # of two bytes, the second

    def blocks(self) -> Iterator[tuple[int, NDArray[np.uint16]]]:
        """Yield (first row, samples of the shape (rows, width, channels)), a few rows at a time."""
        width, height = self.size
        for top in range(0, height, _BLOCK_ROWS):
            box = (0, top, width, min(height, top + _BLOCK_ROWS))
            if self._both is not None:
                pairs = np.asarray(self._both.crop(box)).astype(np.uint16)
                yield top, pairs[:, :, 0::2] << np.uint16(8) | pairs[:, :, 1::2]
            else:
                high = np.asarray(self._high.crop(box)).astype(np.uint16)
                low: NDArray[np.uint8] = np.asarray(self._low.crop(box))
                yield top, high << np.uint16(8) | low


def _decode_deep(file: PngFile) -> Image.Image:
    samples = _Samples(file)
    key = np.frombuffer(file.transparency, dtype=">u2") if file.transparency else None
    peak, top_alpha = 0, 0
    for _, block in samples.blocks():
        if samples.alpha:
            top_alpha = max(top_alpha, int(block[:, :, -1].max()))
            colours = block[:, :, :-1][block[:, :, -1] > 0]
        else:
            colours = block if key is None else block[(block != key).any(axis=2)]
        peak = max(peak, int(colours.max(initial=0)))
    scale = np.float32(_EIGHT_BITS / max(peak, _EIGHT_BITS))
    alpha_scale = np.float32(_EIGHT_BITS / full_range(top_alpha))
    grey = file.colour_type == png.GREY_ALPHA
    decoded = Image.new("LA" if grey else "RGBA" if samples.alpha or key is not None else "RGB", samples.size)
    for top, block in samples.blocks():
        count = block.shape[2] - samples.alpha
        parts = [_scaled(block[:, :, :count], scale)]
        if samples.alpha:
            parts.append(_scaled(block[:, :, count:], alpha_scale))
        elif key is not None:
            parts.append((block != key).any(axis=2, keepdims=True).astype(np.uint8) * np.uint8(_EIGHT_BITS))
        decoded.paste(Image.fromarray(np.concatenate(parts, axis=2), decoded.mode), (0, top))
    return decoded


def deep_grey_to_eight_bits(image: Image.Image) -> Image.Image:
    """Return a picture of the mode ``I;16`` with 8 bits: values above 255 are scaled by the greatest."""
    scale = np.float32(_EIGHT_BITS / max(int(image.getextrema()[1]), _EIGHT_BITS))  # type: ignore[arg-type]
    scaled = Image.new("L", image.size)
    for top in range(0, image.height, _BLOCK_ROWS):
        block = np.asarray(image.crop((0, top, image.width, min(image.height, top + _BLOCK_ROWS))), dtype=np.uint16)
        scaled.paste(Image.fromarray(_scaled(block, scale)), (0, top))
    return scaled


def full_range(peak: float) -> int:
    """Return the greatest value of the fewest bits, 8 to 16, that ``peak`` fits into: 255, 511, ... 65535.

    Cameras and scanners write 10, 12 or 14 bits into samples of 16.
    """
    return int((1 << min(16, max(8, int(peak).bit_length()))) - 1)


def _scaled(values: NDArray[np.uint16], scale: np.float32) -> NDArray[np.uint8]:
    return (values.astype(np.float32) * scale).round().clip(0, _EIGHT_BITS).astype(np.uint8)
