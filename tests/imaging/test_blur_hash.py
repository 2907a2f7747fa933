"""The blur hash against a decoder written from the published description."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.imaging.blur_hash import DIGITS, blur_hash
from tests.imaging.pictures import photo, quadrants


def decode(text, width=32, height=24):
    """The picture a BlurHash stands for, by the published algorithm and pixel by pixel."""
    values = [DIGITS.index(digit) for digit in text]
    columns, rows = values[0] % 9 + 1, values[0] // 9 + 1
    assert len(text) == 4 + 2 * columns * rows
    scale = (values[1] + 1) / 166
    mean = values[2] * 83**3 + values[3] * 83**2 + values[4] * 83 + values[5]
    factors = [[to_light(mean >> 16), to_light(mean >> 8 & 255), to_light(mean & 255)]]
    for index in range(1, columns * rows):
        value = values[4 + 2 * index] * 83 + values[5 + 2 * index]
        parts = [(part - 9) / 9 for part in (value // 361, value // 19 % 19, value % 19)]
        factors.append([math.copysign(part * part, part) * scale for part in parts])
    picture = np.zeros((height, width, 3))
    for row in range(rows):
        for column in range(columns):
            across = np.cos(np.pi * column * np.arange(width) / width)
            down = np.cos(np.pi * row * np.arange(height) / height)
            picture += np.outer(down, across)[..., None] * factors[row * columns + column]
    return picture


def to_light(value):
    """Linear light, 0 to 1, of an 8-bit sRGB value."""
    value /= 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def encode_slowly(pixels, columns, rows):
    """The published algorithm again, pixel by pixel and component by component."""
    height, width = pixels.shape[:2]
    light = [[[to_light(int(value)) for value in pixel] for pixel in row] for row in pixels]
    factors = []
    for j in range(rows):
        for i in range(columns):
            total = [0.0, 0.0, 0.0]
            for y in range(height):
                for x in range(width):
                    wave = math.cos(math.pi * i * x / width) * math.cos(math.pi * j * y / height)
                    total = [part + wave * value for part, value in zip(total, light[y][x], strict=True)]
            weight = (2 if i or j else 1) / (width * height)
            factors.append([weight * part for part in total])
    largest = max(abs(value) for factor in factors[1:] for value in factor)
    step = int(max(0, min(82, math.floor(largest * 166 - 0.5))))
    numbers = [(columns - 1 + 9 * (rows - 1), 1), (step, 1)]
    mean = [round_half_up(to_srgb(value) * 255) for value in factors[0]]
    numbers.append((mean[0] << 16 | mean[1] << 8 | mean[2], 4))
    for factor in factors[1:]:
        scaled = [value / ((step + 1) / 166) for value in factor]
        parts = [math.floor(math.copysign(abs(value) ** 0.5, value) * 9 + 9.5) for value in scaled]
        red, green, blue = (max(0, min(18, part)) for part in parts)
        numbers.append((red * 361 + green * 19 + blue, 2))
    return "".join(DIGITS[n // 83**k % 83] for n, length in numbers for k in range(length - 1, -1, -1))


def round_half_up(value):
    """The nearest whole number."""
    return int(value + 0.5)


def to_srgb(light):
    """The sRGB value, 0 to 1, of linear light."""
    light = max(0, min(1, light))
    return light * 12.92 if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_published_algorithm(seed):
    """Character for character, the hash is the one the published description gives."""
    pixels = photo(32, 24, seed)
    assert blur_hash(pixels) == encode_slowly(pixels, 4, 3)
    assert blur_hash(pixels, 2, 5) == encode_slowly(pixels, 2, 5)


def test_a_decoder_gets_the_picture_back():
    """Decoding the hash of a smooth picture gives nearly that picture."""
    y, x = np.mgrid[:24, :32]
    light = np.dstack([0.5 + 0.3 * np.cos(np.pi * x / 32), 0.4 + 0.2 * np.cos(np.pi * y / 24), 0 * x + 0.3])
    srgb = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    found = decode(blur_hash(np.rint(srgb * 255).astype(np.uint8)))
    assert np.abs(found - light).mean() < 0.05


@pytest.mark.parametrize(("color", "mean"), [((0, 0, 0), "0000"), ((255, 255, 255), "TSUA"), ((255, 0, 0), "TI:j")])
def test_flat_pictures(color, mean):
    """A flat picture has its colour as the mean, as 24 bits in base 83."""
    number = 0
    for digit in mean:
        number = number * 83 + DIGITS.index(digit)
    assert number == color[0] << 16 | color[1] << 8 | color[2]
    pixels = np.full((20, 30, 3), color, np.uint8)
    assert blur_hash(pixels)[2:6] == mean
    assert blur_hash(pixels)[0] == "L"


def test_one_component_is_the_mean_alone():
    """A hash of 1 x 1 components has six characters and no waves."""
    assert blur_hash(np.full((8, 8, 3), 255, np.uint8), 1, 1) == "00TSUA"


def test_size_hardly_matters():
    """A picture and its half have hashes that decode alike."""
    whole = photo(256, 192, seed=5)
    assert np.abs(decode(blur_hash(whole)) - decode(blur_hash(whole[::2, ::2]))).max() < 0.06


def test_corners_are_where_they_belong():
    """The decoded preview is red at the upper left and blue at the lower left."""
    found = decode(blur_hash(quadrants()))
    assert found[3, 3].argmax() == 0
    assert found[-3, 3].argmax() == 2
    assert found[3, -3].argmax() == 1


@given(
    width=st.integers(1, 70),
    height=st.integers(1, 70),
    columns=st.integers(1, 9),
    rows=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_any_picture_has_a_well_formed_hash(width, height, columns, rows, seed):
    """Whatever the pixels, the hash has the length its first digit announces and only base 83 digits."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    text = blur_hash(pixels, columns, rows)
    assert len(text) == 4 + 2 * columns * rows
    assert set(text) <= set(DIGITS)
    assert DIGITS.index(text[0]) == columns - 1 + (rows - 1) * 9
